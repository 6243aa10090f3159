# Runs npm install in a release as user, with the programs in bin and, if not empty, deno, and loads the modules native to
# see that they work. Then it writes note to the release, as a mark that all is done. Functions of package fetch come before it.
#
# It starts with a clean directory: npm would accept what a killed npm left, or one with another Node.js. Native modules are
# where npm puts them, or where Meteor's bundler did.
: "${release?}" "${bin?}" "${deno?}" "${user?}" "${note?}" "${native?}"

server=$release/programs/server
export PATH="$bin:${deno:+$deno:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 022
rm -f -- "$release/.rcprov-npm"
rm -rf -- "$server/node_modules"

work=/var/cache/rcprov/npm-rocketchat
trap 'rm -rf -- "$work"; rmdir --ignore-fail-on-non-empty /var/cache/rcprov' EXIT
rm -rf -- "$work"
mkdir -p -- "${work%/*}"
mkdir -m 0700 -- "$work"
chown -- "$user:" "$work"
export HOME="$work" TMPDIR="$work"

# Node.js has its own list of CAs; the host may trust a company's CA as well.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -r $authorities ]; then export NODE_EXTRA_CA_CERTS=$authorities; fi
cd -- "$server" || exit 1
# By default npm retries a registry that doesn't answer for minutes: after 10 s, then after 60 s, and that for each package.
runuser -u "$user" -- npm install --omit=dev --cache "$work/cache" --logs-max=0 --loglevel=http \
	--fetch-retries=4 --fetch-retry-factor=3 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=10000 \
	--no-audit --no-fund --no-update-notifier || fail npm
eval "set -- $native"
for name; do
	for dir in "$server/node_modules/$name" "$server/npm/node_modules/$name"; do
		[ -e "$dir/package.json" ] || continue
		echo "loading $name"
		runuser -u "$user" -- node -e 'require(process.argv[1])' "$dir" || fail native "$name"
	done
done
sync -f -- "$release"
printf '%s\n' "$note" >"$release/.rcprov-npm.new"
mv -fT -- "$release/.rcprov-npm.new" "$release/.rcprov-npm"

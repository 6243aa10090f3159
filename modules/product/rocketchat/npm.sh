# The part of install.sh in the release, by the rights of the user: the scripts of npm's packages may change all that is there.
# It writes note to the release, as a mark that all is done. The user could write that as well, as it could change all that the
# note is about; kept elsewhere by root, it would outlive the release and what npm installed there.
#
# It starts with a clean directory: npm would accept what a killed npm left, or one with another Node.js. Native modules are
# where npm puts them, or where Meteor's bundler did. Functions of package fetch, and modules.sh, come before it.
: "${new?}" "${to?}"
: "${release?}" "${note?}" "${native?}"

umask 022
export LC_ALL=C
for program in node npm; do # before anything is removed that works
	$program --version >/dev/null || fail program $program
done
rm -f -- "$to"
cd -- programs/server || exit 1
rm -rf -- node_modules
# By default npm retries a registry that doesn't answer for minutes: after 10 s, then after 60 s, and that for each package.
npm install --omit=dev --cache "$HOME/cache" --logs-max=0 --loglevel=http \
	--fetch-retries=4 --fetch-retry-factor=3 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=10000 \
	--no-audit --no-fund --no-update-notifier || fail npm
server=$release/programs/server
eval "set -- $native"
for name; do
	for dir in "$server/node_modules/$name" "$server/npm/node_modules/$name"; do
		[ -e "$dir/package.json" ] || continue
		echo "loading $name"
		node -e 'require(process.argv[1])' "$dir" || fail native "$name"
	done
done
cd ../..
sync -f .
printf '%s\n' "$note" "$(modules "$server")" >"$new"
mv -fT -- "$new" "$to"

# Installs npm packages globally for the Node.js at prefix; packages are name@version each. ignore_scripts is true or false.
#
# First it removes what a killed npm left of packages, because npm takes half a package for a whole one; and the directories
# .NAME-XXXXXXXX to which npm moves what it replaces, because one that is left makes npm fail with ENOTEMPTY.
: "${prefix?}" "${ignore_scripts?}" "${packages?}"

modules=$prefix/lib/node_modules
export PATH="$prefix/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 022
cache=/var/cache/rcprov/npm-global
trap 'rm -rf -- "$cache"; rmdir --ignore-fail-on-non-empty /var/cache/rcprov' EXIT
rm -rf -- "$cache"
mkdir -p -- "$cache"

begun=$modules/.rcprov-installing
if [ -e "$begun" ]; then
	while IFS= read -r names; do
		for name in $names; do rm -rf -- "${modules:?}/$name"; done
	done <"$begun"
fi
eval "set -- $packages"
names=
for package; do
	name=${package%@*}
	names="$names${names:+ }$name"
	for left in "$modules/$(dirname -- "$name")/.$(basename -- "$name")"-????????; do
		if [ -d "$left" ]; then rm -rf -- "$left"; fi
	done
done
printf '%s\n' "$names" >"$begun.new"
mv -fT -- "$begun.new" "$begun"

# Node.js has its own list of CAs; the host may trust a company's CA as well.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -r $authorities ]; then export NODE_EXTRA_CA_CERTS=$authorities; fi
status=0
npm install --global --prefix "$prefix" --ignore-scripts="$ignore_scripts" \
	--cache "$cache" --logs-max=0 --loglevel=http --no-audit --no-fund --no-update-notifier -- "$@" || status=$?
rm -f -- "$begun" # after an error, too: npm itself then restores the previous packages
exit $status

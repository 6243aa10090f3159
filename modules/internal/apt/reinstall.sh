# Installs packages again that dpkg was killed in the middle of unpacking (error flag "reinstreq"), in the version that
# dpkg knows of where it can still be had: apt-get -f does nothing about them. Then it runs apt-get -f install.
: "${apt_get?}"

eval "set -- $apt_get"
for package in $(dpkg-query -W -f='${db:Status-Eflag} ${binary:Package}=${Version}\n' | sed -n 's/^reinstreq //p'); do
	"$@" --reinstall install "$package" || "$@" --reinstall install "${package%%=*}"
done
"$@" -f install && exit
status=$?
lacking=$("$@" -s -f install 2>/dev/null | sed -n 's/^ .*Depends: \([^ ]*\).* but it is not .*/\1/p')
[ -n "$lacking" ] || exit $status
# shellcheck disable=SC2086 # names
"$@" --no-remove install $lacking

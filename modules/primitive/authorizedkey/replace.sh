# Puts standard input in place of a file, as a whole, and makes its directory if that is missing. Prints nothing.
: "${dir?}" "${path?}" "${mode?}" "${owner?}"

umask 077
[ -d "$dir" ] || {
	mkdir -- "$dir"
	[ -z "$owner" ] || chown -- "$owner" "$dir"
}
case $(stat -L -c %A -- "$dir") in ?????w* | ????????w*) chmod go-w -- "$dir" ;; esac
tmp=$dir/.${path##*/}.rcprov
trap 'rm -f -- "$tmp"' EXIT
rm -f -- "$tmp"
set -C
cat >"$tmp"
set +C
[ -z "$owner" ] || chown -- "$owner" "$tmp"
chmod -- "$mode" "$tmp"
sync -- "$tmp"
mv -fT -- "$tmp" "$path"

# Downloads a file, verifies it and puts it in place. Prints what apt-helper prints, and ends with what fetch.Explain reads if
# it fails. Needs the functions of package fetch.
#
# It works in a staging directory beside the file, which it removes at its end; what a killed run left in it is used by the
# next one.
: "${path?}" "${staging?}" "${prepared?}" "${url?}" "${sha256?}" "${owner?}" "${mode?}"

umask 022
if [ -L "$staging" ] || [ ! -d "$staging" ]; then
	rm -f -- "$staging"
	mkdir -- "$staging"
fi
chmod 0755 -- "$staging"
trap 'rm -rf --one-file-system -- "$staging"' EXIT
rm -f -- "$staging/new"
: >"$staging/new"
chown -h -- "$owner" "$staging/new" # a missing user is found before anything is downloaded
adopt "$prepared" "$staging"
fetch "$url" "$sha256" "$staging"
chown -h -- "$owner" "$staging/file"
chmod -- "$mode" "$staging/file" # after chown, which clears the set-user-ID bit
sync -- "$staging/file"
mv -fT -- "$staging/file" "$path"

# Removes an unpacked directory. Prints nothing.
#
# It is renamed first, so that path never holds half a directory.
: "${path?}" "${staging?}"

rm -rf --one-file-system -- "$staging"
if [ -e "$path" ]; then
	mkdir -- "$staging"
	mv -T -- "$path" "$staging/old"
	rm -rf --one-file-system -- "$staging"
fi

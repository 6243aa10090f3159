# Unpacks an archive into a directory and puts that in place. Prints what apt-helper prints; if one of the names is missing,
# the names in the first directory of the archive. Needs functions.sh.
#
# Everything happens in a staging directory beside the directory, which a later run uses and this one always removes; only two
# renames put the result in place. A run that was killed between them left the old directory in the staging directory: it is
# moved back first, so that no failure of this run loses it.
#
# A prepared tree is used if its note says that it is complete, and if nobody but root could have written either.
: "${path?}" "${staging?}" "${prepared?}" "${url?}" "${archive?}" "${sha256?}" "${strip?}" "${owner?}" "${mode?}" "${marker?}" "${names?}"

parent=$(dirname -- "$path")
tree=$staging/tree
old=$staging/old

cleanup() {
	if [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
	rm -rf --one-file-system -- "$staging"
}

mkdir -p -- "$parent"
if [ -L "$staging" ]; then rm -f -- "$staging"; fi
mkdir -p -- "$staging"
chmod 0755 -- "$staging"
trap cleanup EXIT
if [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
rm -rf --one-file-system -- "$old" "$staging/zip"
adopt "$prepared" "$staging"
if [ ! -O "$staging" ] || [ ! -d "$tree" ] || [ "$(cat -- "$staging/ready" 2>/dev/null)" != "$sha256 $strip" ]; then
	rm -rf --one-file-system -- "$staging/ready" "$tree"
	needs
	mkdir -- "$tree"
	chown -- "$owner" "$tree" # a missing user is found before anything is downloaded
	if [ -n "$url" ]; then
		fetch "$url" "$sha256" "$staging"
		archive=$staging/file
	else
		check "$archive" "$sha256"
	fi
	unpack "$archive" "$staging"
fi
[ -n "$(ls -A -- "$tree")" ] || fail empty
eval "set -- $names"
for name; do
	if [ ! -e "$tree/$name" ] && [ ! -L "$tree/$name" ]; then
		# shellcheck disable=SC2012 # for people
		ls -A -- "$tree" | head -n 20 | tr '\n' ' '
		fail contains "$name"
	fi
done
rm -rf -- "$staging/ready" "$tree/.rcprov-archive" # from here on its owner may change it
printf '%s\n' "$marker" >"$tree/.rcprov-archive"
find "$tree" -depth -exec chown -h -- "$owner" {} +
chmod -- "$mode" "$tree"
# The marker must not survive a power failure that the files don't.
sync -f -- "$tree"

if [ -e "$path" ]; then mv -T -- "$path" "$old"; fi
mv -T -- "$tree" "$path"

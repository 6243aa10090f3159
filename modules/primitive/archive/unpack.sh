# Unpacks an archive into a directory and puts that in place. Prints what apt-helper prints; if one of the names is missing,
# the names in the first directory of the archive. Needs the functions of packages hostfile and fetch, and functions.sh.
#
# Everything happens in a staging directory beside the directory, which a later run uses and this one always removes; only two
# renames put the result in place. A run that was killed between them left the old directory in the staging directory: it is
# moved back first, so that no failure of this run loses it. Nobody but root can enter the staging directory once something is
# in it that an owner may change.
#
# Where others may write, the staging directory is store, and unpacker.sh does the same from what is downloaded there.
#
# An archive that was uploaded for this is removed at the end.
#
# A prepared tree is used if its note says that it is complete, and if nobody but root could have written either.
: "${path?}" "${staging?}" "${store?}" "${prepared?}" "${url?}" "${archive?}" "${sha256?}" "${strip?}" "${owner?}" "${group?}"
: "${mode?}" "${marker?}" "${names?}" "${fixed?}" "${unpacker?}" "${uploaded?}"

door_enter "$path" yes
door_want "$owner" "$group"
beside=yes
if ! door_private; then
	beside=no staging=$store
	mkdir -p -- "${staging%/*}"
fi
cd /
tree=$staging/tree
old=$staging/old

cleanup() {
	if [ $beside = yes ] && [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
	rm -rf --one-file-system -- "$staging"
	[ -z "$uploaded" ] || rm -f -- "$uploaded"
	[ $beside = yes ] || rmdir -p --ignore-fail-on-non-empty -- "${staging%/*}"
}

if [ -L "$staging" ]; then rm -f -- "$staging"; fi
mkdir -p -- "$staging"
trap cleanup EXIT
if [ $beside = yes ] && [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
rm -rf --one-file-system -- "$old" "$staging/zip" "$staging/whose"
adopt "$prepared" "$staging"
if [ ! -O "$staging" ] || [ ! -d "$tree" ] || [ "$(cat -- "$staging/ready" 2>/dev/null)" != "$sha256 $strip" ]; then
	rm -rf --one-file-system -- "$staging/ready" "$tree"
	needs
	: >"$staging/whose"
	chown -h -- "$owner:$group" "$staging/whose" # a missing user is found before anything is downloaded
	rm -f -- "$staging/whose"
	if [ -n "$url" ]; then
		chmod 0755 -- "$staging" # _apt downloads there
		fetch "$url" "$sha256" "$staging"
		archive=$staging/file
	else
		[ -f "$archive" ] || fail missing
		copy_of "$archive"
		check "$archive" "$sha256"
	fi
	if [ $beside = yes ]; then
		mkdir -- "$tree"
		unpack "$archive" "$staging"
	fi
elif [ $beside = no ]; then
	rm -rf --one-file-system -- "$tree"
	archive=$staging/file
	check "$archive" "$sha256"
fi
chmod 0700 -- "$staging"
if [ $beside = no ]; then
	export path staging prepared url archive sha256 strip owner group mode marker names fixed
	door_enter "$path" yes
	[ "$archive" = "$staging/file" ] || cat -- "$archive" >"$staging/file"
	chmod 0644 -- "$staging/file" # nobody else can come to it by its name
	exec <"$staging/file"
	export door_limit=86400
	door_open yes "$unpacker"
	exit
fi
whole "$staging"
rm -rf -- "$staging/ready"
mark "$tree"
chown -hR -- "$owner:$group" "$tree"
chmod -- "00$mode" "$tree"
# The marker must not survive a power failure that the files don't.
sync -f -- "$tree"

if [ -e "$path" ]; then mv -T -- "$path" "$old"; fi
mv -T -- "$tree" "$path"

package archive

// Both scripts begin with what unpacks an archive. It ends with a tree that belongs to root, and in which nothing can be
// written by others.
//
// tar finds out the compression by itself. The first bytes are asked for all the same: for the missing program, for
// zip, and for the size. The four last bytes of a gzip file are its size modulo 4 GiB (RFC 1952, 2.3.1).
const functions = `
path=$1 staging=$2 prepared=$3 url=$4 archive=$5 sha256=$6 strip=$7
umask 022

need() { command -v "$1" >/dev/null || fail tool "$1" "$2"; }

# The tools that the archive's name asks for are checked before it is downloaded.
needs() {
	case $url$archive in
	*.xz | *.txz) need xz xz-utils ;;
	*.zst | *.tzst) need zstd zstd ;;
	*.bz2 | *.tbz2) need bzip2 bzip2 ;;
	*.zip) need unzip unzip ;;
	esac
}

# unpack ARCHIVE DIR unpacks into DIR/tree, which is there and empty.
unpack() {
	echo "unpacking"
	size=
	bytes=$(head -c 6 -- "$1" | od -An -tx1 | tr -d ' \n')
	case $bytes in
	1f8b*) size=$(tail -c 4 -- "$1" | od -An -tu4) ;;
	fd377a585a00)
		need xz xz-utils
		size=$(xz --robot --list -- "$1" | tail -n 1 | cut -f 5)
		;;
	28b52ffd*) need zstd zstd ;;
	425a68*) need bzip2 bzip2 ;;
	504b0304*)
		need unzip unzip
		size=$(unzip -Zt "$1" | sed -n 's/.* \([0-9]*\) bytes uncompressed.*/\1/p')
		;;
	*)
		[ "$(tail -c +258 -- "$1" | head -c 5)" = ustar ] || fail format $bytes
		size=$(stat -Lc %s -- "$1")
		;;
	esac
	room "$2"
	[ "$room" -ge "$((size + 0))" ] || fail space "$((size + 0))" "$room"

	case $bytes in
	504b0304*)
		# unzip can't take directories off: move what is that deep to where it belongs.
		unzip -q -o "$1" -d "$2/zip" >&2 || [ $? -eq 1 ] || fail unpack # 1: warnings
		find "$2/zip" -mindepth $((strip + 1)) -maxdepth $((strip + 1)) -exec mv -t "$2/tree" -- {} + || fail unpack
		rm -rf -- "$2/zip"
		;;
	*) tar -x -f "$1" -C "$2/tree" --strip-components="$strip" --no-same-owner --no-same-permissions >&2 || fail unpack ;;
	esac
	chmod -R go-w,ug-s -- "$2/tree"
}
`

// prepareScript makes in the prepared directory what unpackScript would begin with, and a note that it is whole, once it
// is on the disk.
const prepareScript = functions + `
needs
ahead "$path" "$staging" "$prepared"
if [ "$(cat -- "$prepared/ready" 2>/dev/null)" = "$sha256 $strip" ]; then exit; fi # by a run that was killed
rm -rf --one-file-system -- "$prepared/ready" "$prepared/tree" "$prepared/zip"
fetch "$url" "$sha256" "$prepared"
mkdir -- "$prepared/tree"
unpack "$prepared/file" "$prepared"
sync -f -- "$prepared/tree"
echo "$sha256 $strip" >"$prepared/ready.new"
mv -fT -- "$prepared/ready.new" "$prepared/ready"
`

// unpackScript makes the directory. Everything happens in a staging directory beside it, which a later run uses up and
// this one always removes; only two renames put the result in place. A run that was killed between them left the old
// directory in the staging directory: it goes back first, so that no failure of this run loses it.
//
// A tree that was prepared is as good as one that is unpacked now if its note says so, and if nobody but root could have
// written either.
const unpackScript = functions + `
owner=$8 mode=$9
shift 9
marker=$1
shift
parent=$(dirname -- "$path")
tree=$staging/tree old=$staging/old

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
for name do
	if [ ! -e "$tree/$name" ] && [ ! -L "$tree/$name" ]; then
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
`

package archive

// unpackScript makes the directory. Everything happens in a staging directory beside it, which a later run uses up and
// this one always removes; only two renames put the result in place. A run that was killed between them left the old
// directory in the staging directory: it goes back first, so that no failure of this run loses it.
//
// tar finds out the compression by itself. The first bytes are asked for all the same: for the missing program, for
// zip, and for the size. The four last bytes of a gzip file are its size modulo 4 GiB (RFC 1952, 2.3.1).
const unpackScript = `
path=$1 staging=$2 url=$3 archive=$4 sha256=$5 strip=$6 owner=$7 mode=$8 marker=$9
shift 9
parent=$(dirname -- "$path")
tree=$staging/tree old=$staging/old
umask 022

need() { command -v "$1" >/dev/null || fail tool "$1" "$2"; }

cleanup() {
	if [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
	rm -rf --one-file-system -- "$staging"
}

# What the archive's name tells is asked before it is downloaded.
case $url$archive in
*.xz | *.txz) need xz xz-utils ;;
*.zst | *.tzst) need zstd zstd ;;
*.bz2 | *.tbz2) need bzip2 bzip2 ;;
*.zip) need unzip unzip ;;
esac

mkdir -p -- "$parent"
if [ -L "$staging" ]; then rm -f -- "$staging"; fi
mkdir -p -- "$staging"
chmod 0755 -- "$staging"
trap cleanup EXIT
if [ -d "$old" ] && [ ! -e "$path" ]; then mv -T -- "$old" "$path"; fi
rm -rf --one-file-system -- "$tree" "$old" "$staging/zip"
mkdir -- "$tree"
chown -- "$owner" "$tree" # a user that isn't there is known before anything is downloaded

if [ -n "$url" ]; then
	fetch "$url" "$sha256" "$staging"
	archive=$staging/file
else
	check "$archive" "$sha256"
fi

echo "unpacking"
size=
bytes=$(head -c 6 -- "$archive" | od -An -tx1 | tr -d ' \n')
case $bytes in
1f8b*) size=$(tail -c 4 -- "$archive" | od -An -tu4) ;;
fd377a585a00)
	need xz xz-utils
	size=$(xz --robot --list -- "$archive" | tail -n 1 | cut -f 5)
	;;
28b52ffd*) need zstd zstd ;;
425a68*) need bzip2 bzip2 ;;
504b0304*)
	need unzip unzip
	size=$(unzip -Zt "$archive" | sed -n 's/.* \([0-9]*\) bytes uncompressed.*/\1/p')
	;;
*)
	[ "$(tail -c +258 -- "$archive" | head -c 5)" = ustar ] || fail format $bytes
	size=$(stat -Lc %s -- "$archive")
	;;
esac
room "$staging"
[ "$room" -ge "$((size + 0))" ] || fail space "$((size + 0))" "$room"

case $bytes in
504b0304*)
	# unzip can't take directories off: move what is that deep to where it belongs.
	unzip -q -o "$archive" -d "$staging/zip" >&2 || [ $? -eq 1 ] || fail unpack # 1: warnings
	find "$staging/zip" -mindepth $((strip + 1)) -maxdepth $((strip + 1)) -exec mv -t "$tree" -- {} + || fail unpack
	rm -rf -- "$staging/zip"
	;;
*) tar -x -f "$archive" -C "$tree" --strip-components="$strip" --no-same-owner --no-same-permissions >&2 || fail unpack ;;
esac
[ -n "$(ls -A -- "$tree")" ] || fail empty
for name do
	if [ ! -e "$tree/$name" ] && [ ! -L "$tree/$name" ]; then
		ls -A -- "$tree" | head -n 20 | tr '\n' ' '
		fail contains "$name"
	fi
done
rm -rf -- "$tree/.rcprov-archive"
printf '%s\n' "$marker" >"$tree/.rcprov-archive"
chmod -R go-w,ug-s -- "$tree"
find "$tree" -depth -exec chown -h -- "$owner" {} +
chmod -- "$mode" "$tree"
# The marker must not survive a power failure that the files don't.
sync -f -- "$tree"

if [ -e "$path" ]; then mv -T -- "$path" "$old"; fi
mv -T -- "$tree" "$path"
`

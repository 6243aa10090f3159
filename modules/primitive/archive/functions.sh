# Functions for prepare.sh, unpack.sh and unpacker.sh, which unpack an archive into a tree in which nobody else can write than
# the user who does that. Needs the functions of package fetch, and tar; xz, zstd, bzip2 and unzip for such archives.
#
# tar finds out the compression by itself. The first bytes are read all the same: for the missing program, for zip, and for
# the size. The four last bytes of a gzip file are its size modulo 4 GiB (RFC 1952, 2.3.1).
: "${path?}" "${staging?}" "${prepared?}" "${url?}" "${archive?}" "${sha256?}" "${strip?}"

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

# unpack ARCHIVE DIR unpacks into DIR/tree, which exists and is empty.
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
		[ "$(tail -c +258 -- "$1" | head -c 5)" = ustar ] || fail format "$bytes"
		size=$(stat -Lc %s -- "$1")
		;;
	esac
	room "$2"
	# shellcheck disable=SC2154 # room sets it
	[ "$room" -ge "$((size + 0))" ] || fail space "$((size + 0))" "$room"

	case $bytes in
	504b0304*)
		# unzip can't strip directories: move what is that deep to its place.
		unzip -q -o "$1" -d "$2/zip" >&2 || [ $? -eq 1 ] || fail unpack # 1: warnings
		find "$2/zip" -mindepth $((strip + 1)) -maxdepth $((strip + 1)) -exec mv -t "$2/tree" -- {} + || fail unpack
		rm -rf -- "$2/zip"
		;;
	*) tar -x -f "$1" -C "$2/tree" --strip-components="$strip" --no-same-owner --no-same-permissions >&2 || fail unpack ;;
	esac
	chmod -R go-w,ug-s -- "$2/tree"
}

# copy_of FILE sets archive to FILE, or to a copy if others could change it after its sum is taken.
copy_of() {
	door_enter "$1" no
	if ! door_private; then
		archive=$staging/file
		export door_limit=600
		door_open no 'show 600' plain >"$archive"
	fi
	cd /
}

# whole DIR ends the script unless the tree in DIR has what it should have.
whole() {
	[ -n "$(ls -A -- "$1/tree")" ] || fail empty
	eval "set -- \"\$1\" ${names?}"
	dir=$1
	shift
	for name; do
		if [ ! -e "$dir/tree/$name" ] && [ ! -L "$dir/tree/$name" ]; then
			# shellcheck disable=SC2012 # for people
			ls -A -- "$dir/tree" | head -n 20 | tr '\n' ' '
			fail contains "$name"
		fi
	done
}

# mark TREE writes the note of what was unpacked into TREE, and how the files fixed are: size, time and mode. It makes the file: one
# that is there by then may be a named pipe.
mark() {
	rm -rf -- "$1/.rcprov-archive"
	(
		cd -- "$1" || exit 1
		eval "set -- ${fixed?}"
		for name; do
			shift
			if [ -f "$name" ] && [ ! -L "$name" ]; then set -- "$@" "$name"; fi
		done
		printf '%s\n' "${marker?}"
		[ $# = 0 ] || stat -c '%s %Y %a %n' -- "$@"
	) | dd of="$1/.rcprov-archive" conv=excl status=none
}

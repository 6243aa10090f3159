# Functions for scripts that download, see Functions in fetch.go. apt-helper(8) writes into DIR/partial, which belongs to
# _apt: it would run as root otherwise, and say so. The sum is taken where _apt can't write any more.
#
# The limit on the size of files (ulimit -f, in units of 512 bytes) ends apt's method with SIGXFSZ before the disk is
# full: nobody knows the size of a download before it begins.
fail() {
	echo "rcprov-problem $*" >&2
	exit 1
}

room() {
	room=$(df -B1 --output=avail -- "$1" | tail -n 1)
	room=$((room - ${reserve:-67108864}))
}

sum() {
	sum=$(sha256sum <"$1")
	sum=${sum%% *}
}

check() {
	[ -f "$1" ] || fail missing
	sum "$1"
	[ "$sum" = "$2" ] || fail checksum "$sum"
}

download() {
	part=$2/partial/file
	if [ -L "$2/partial" ]; then rm -f -- "$2/partial"; fi
	# shellcheck disable=SC2174 # the directory above is there
	mkdir -p -m 0700 -- "$2/partial"
	if [ "$(id -u)" = 0 ]; then chown -hR _apt -- "$2/partial"; fi
	room "$2"
	[ $room -gt 0 ] || fail space 0 $room
	left=no
	if [ -s "$part" ]; then left=yes room=$((room + $(stat -c %s -- "$part"))); fi
	(
		ulimit -f $((room / 512))
		# shellcheck disable=SC2086 # several words, or none
		exec /usr/lib/apt/apt-helper -q -o APT::Status-Fd=1 ${haste:-} download-file "$1" "$part"
	) || fail download
	mv -fT -- "$part" "$2/file"
	if [ "$(id -u)" = 0 ]; then chown -h root:root -- "$2/file"; fi # _apt has no more to do with it
}

fetch() {
	if [ -f "$3/file" ]; then
		sum "$3/file"
		[ "$sum" != "$2" ] || return 0
	fi
	while :; do
		download "$1" "$3"
		sum=
		if [ ! -L "$3/file" ]; then sum "$3/file"; fi
		[ "$sum" != "$2" ] || return 0
		rm -f -- "$3/file"
		[ $left = yes ] || fail checksum "$sum"
		# It began with what a killed run had left, which may be of another file: once more from the start.
	done
}

# ahead and adopt are for scripts that prepare, and for those that use what was prepared.
#
# Nothing is prepared for a path on another file system: the room that is needed was asked for there, and moving what
# was prepared would mean to copy it. Nor where a killed run has left a staging directory, which the step itself goes on
# with. The reserve of space is larger, because the steps before need some as well, as they need the processor first, and a
# server is waited for a few seconds only: an earlier step may be about to say by which proxy it can be reached.
ahead() {
	[ ! -e "$2" ] || fail ahead
	there=$(dirname -- "$1")
	while [ ! -e "$there" ]; do there=$(dirname -- "$there"); done
	mkdir -p -- "$3"
	[ "$(stat -Lc %d -- "$there")" = "$(stat -c %d -- "$3")" ] || fail ahead
	renice -n 5 -p $$ >/dev/null || :
	reserve=1073741824
	haste='-o Acquire::Retries=0 -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5'
}

# The file ready says that a tree is whole, and what it was made of: it leaves first and comes last.
adopt() {
	[ -d "$1" ] || return 0
	if [ "$(stat -c %d -- "$1")" = "$(stat -c %d -- "$2")" ]; then
		rm -f -- "$2/ready"
		for name in file partial tree ready; do
			if [ -e "$1/$name" ]; then
				rm -rf --one-file-system -- "${2:?}/$name"
				mv -T -- "$1/$name" "$2/$name"
			fi
		done
	fi
	rm -rf --one-file-system -- "$1"
	rmdir -p --ignore-fail-on-non-empty -- "${1%/*}" # should this run be killed: the next one may have nothing to change
}

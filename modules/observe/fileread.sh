# Prints, of each of the paths that is a symbolic link:
#
#	link PATH
#	target TARGET           of those links, in the same order, and something more at the end ...
#	targets BASE64          ... or all targets, each ended by NUL, where one has a newline
#
# and of each of the contents that is a regular file:
#
#	sum SHA256  PATH        as sha256sum(1) does
#	unread PATH<tab>WHY     instead, if it could not be read
#	content BASE64 PATH     unless its line of sha256sum is in $known, or the file has more than $max bytes
#
# $known is in the order of the contents. Only a content that must be sent takes a process of its own.
#
# Alone, it begins with what file.sh prints by stat. If base is not empty, paths below it are looked at from the current
# directory, and named with ./ in place of base.
: "${paths?}" "${contents?}" "${base?}" "${known?}" "${max?}"

set -f
tab='	'
nl='
'
IFS=$nl
# A list is built as lines: a loop that appends to "$@" copies all of it each time.
# shellcheck disable=SC2086 # lists
[ -n "${stats+x}" ] || {
	named=
	for f in $paths; do named=$named$nl${base:+.}${f#"$base"}; done
	stats=$(stat -c "stat %s$tab%f$tab%u$tab%g$tab%U$tab%G$tab%Y$tab%Z$tab%n" -- $named)
	printf '%s\n' "$stats"
}
links=
for line in $stats; do
	case $line in *"${tab}a"???"$tab"*) line=${line#*"$tab"} ;; *) continue ;; esac
	case $line in
	*"$tab/./"*) ;; # above the paths
	a*) links=$links$nl${line#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"} ;;
	esac
done
if [ -n "$links" ]; then
	# shellcheck disable=SC2086 # a list
	set -- $links
	printf 'link %s\n' "$@"
	# The last one shows empty lines before it.
	targets=$(readlink -- "$@" /proc/self) || targets=$nl$nl
	lines=-1
	for line in $targets; do lines=$((lines + 1)); done
	case $nl$targets in *"$nl$nl"*) lines= ;; esac
	# shellcheck disable=SC2086 # a list
	if [ "$lines" = $# ]; then printf 'target %s\n' $targets; else
		printf 'targets '
		readlink -z -- "$@" | base64 -w0
		echo
	fi
fi
files=
for f in $contents; do
	f=${base:+.}${f#"$base"}
	# Not a link, nor a FIFO, which would hang.
	if [ -f "$f" ] && [ ! -L "$f" ]; then files=$files$nl$f; fi
done
[ -n "$files" ] || exit 0
# shellcheck disable=SC2086 # a list
set -- $files
# uutils gives up at the first file that it can't read, without its name; then each file gets a process of its own.
sums=$(sha256sum -- "$@" 2>/dev/null) || sums=$(for f; do
	if sum=$(sha256sum -- "$f" 2>&1); then printf '%s\n' "$sum"; else printf 'unread %s\t%s\n' "$f" "$sum"; fi
done)
# A path that sha256sum escapes begins its line with a backslash.
each=
# shellcheck disable=SC2086 # a list
case $nl$sums in *"${nl}unread "* | *"$nl\\"*) each=yes ;; *) printf 'sum %s\n' $sums ;; esac
# shellcheck disable=SC2086 # a list
set -- $known
for line in $sums; do
	case $line in
	'unread '*)
		printf '%s\n' "$line"
		continue
		;;
	\\*) line=$(printf '%b' "${line#?}") ;;
	esac
	[ -z "$each" ] || printf 'sum %s\n' "$line"
	f=${line#*  } size=0
	while [ $# -gt 0 ] && [ "${1#*  }" != "$base${f#"${base:+.}"}" ]; do shift; done
	if [ $# -gt 0 ] && [ "${1%%  *}" = "${line%%  *}" ]; then continue; fi
	for stat in $stats; do
		case $stat in *"$tab$f") size=${stat%%"$tab"*} size=${size#stat } ;; esac
	done
	if [ "$size" -le "$max" ]; then
		printf 'content '
		base64 -w0 -- "$f"
		printf ' %s\n' "$f"
	fi
done

# Prints, of each of the paths that is a symbolic link:
#
#	link PATH
#	targets BASE64          of those links, each ended by NUL
#
# and of each of the contents that is a regular file:
#
#	sum SHA256  PATH        as sha256sum(1) does
#	unread PATH<tab>WHY     instead, if it could not be read
#	content BASE64 PATH     behind its sum, unless $known has that line or the file has more than $max bytes
#
# $known is a pattern of `case`. Only a content that must be sent takes a process of its own.
#
# Alone, it begins with what file.sh prints by stat. If base is not empty, paths below it are looked at from the current
# directory, and named with ./ in place of base.
: "${paths?}" "${contents?}" "${base?}" "${known?}" "${max?}"

set -f
tab='	'
nl='
'
IFS=$nl
eval "known() { case \$1 in $known) ;; *) return 1 ;; esac }"
set --
for f in $paths; do set -- "$@" "${base:+.}${f#"$base"}"; done
[ -n "${stats+x}" ] || {
	stats=$(stat -c "stat %s$tab%f$tab%u$tab%g$tab%U$tab%G$tab%Y$tab%Z$tab%n" -- "$@")
	printf '%s\n' "$stats"
}
for f; do
	shift
	if [ -L "$f" ]; then set -- "$@" "$f"; fi
done
if [ $# -gt 0 ]; then
	printf 'link %s\n' "$@"
	printf 'targets '
	readlink -z -- "$@" | base64 -w0
	echo
fi
set --
for f in $contents; do
	f=${base:+.}${f#"$base"}
	# Not a link, nor a FIFO, which would hang.
	if [ -f "$f" ] && [ ! -L "$f" ]; then set -- "$@" "$f"; fi
done
[ $# -gt 0 ] || exit 0
# uutils gives up at the first file that it can't read, without its name; then each file gets a process of its own.
sums=$(sha256sum -- "$@" 2>/dev/null) || sums=$(for f; do
	if sum=$(sha256sum -- "$f" 2>&1); then printf '%s\n' "$sum"; else printf 'unread %s\t%s\n' "$f" "$sum"; fi
done)
for line in $sums; do
	case $line in
	'unread '*)
		printf '%s\n' "$line"
		continue
		;;
	\\*) line=$(printf '%b' "${line#?}") ;; # the path is escaped
	esac
	printf 'sum %s\n' "$line"
	f=${line#*  } size=0
	! known "${line%%  *}  $base${f#"${base:+.}"}" || continue
	for stat in $stats; do
		case $stat in *"$tab$f") size=${stat%%"$tab"*} size=${size#stat } ;; esac
	done
	if [ "$size" -le "$max" ]; then
		printf 'content '
		base64 -w0 -- "$f"
		printf ' %s\n' "$f"
	fi
done

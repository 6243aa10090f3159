# Prints the values of kernel parameters (paths below /proc/sys): a line "PATH:VALUE" for each line of a value, or "absent PATH".
# Its status is that of grep. Needs grep.
#
# One grep reads all of them. The shell's own read does not work: dash reads byte by byte, and the kernel then returns only the
# first byte of a number (proc_dointvec: a read that doesn't start at 0 is at the end).
: "${paths?}"

cd /proc/sys || exit 3
eval "set -- $paths"
for f; do
	shift
	if [ -f "$f" ]; then set -- "$@" "$f"; else printf 'absent %s\n' "$f"; fi
done
[ $# -eq 0 ] || grep -aH '' -- "$@"

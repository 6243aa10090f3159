# Prints what the paths are, a line for each thing learned, in this order:
#
#	stat SIZE<tab>MODE<tab>...<tab>PATH    for each path that is there
#	link PATH                              for each of them that is a symbolic link
#	targets BASE64                         of those links, each ended by NUL
#
# Starting programs is what takes the time, so each is started once for all files, and all else is done by what every
# shell has built in (and not by `read`, which costs a system call for each byte).
: "${paths?}"

set -f
tab='	'
IFS='
'
eval "set -- $paths"
stats=$(stat -c "stat %s$tab%f$tab%u$tab%g$tab%U$tab%G$tab%Y$tab%Z$tab%n" -- "$@")
printf '%s\n' "$stats"
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

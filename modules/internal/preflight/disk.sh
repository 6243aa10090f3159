# Prints what df says of the file system that each path is, or would be, on: a header, then a line for each. Both GNU and
# uutils df know --output.
: "${paths?}"

eval "set -- $paths"
for path; do
	shift
	while [ ! -e "$path" ]; do
		path=${path%/*}
		path=${path:-/}
	done
	set -- "$@" "$path"
done
df -k --output=avail,target -- "$@"

# The part of unpack.sh in the directory above the tree, where root alone has no say. The archive, whose sum was checked, is
# standard input, by which every program opens it: a name in that directory could be a named pipe by then. Needs the functions of package fetch, and functions.sh.
: "${new?}" "${to?}" "${world?}"
: "${owner?}" "${group?}" "${mode?}" "${marker?}" "${names?}" "${fixed?}"

back() {
	if [ "$world" = stranger ] && [ -d "$new/old" ] && [ ! -e "$to" ]; then mv -T -- "$new/old" "$to"; fi
	rm -rf --one-file-system -- "$new"
}

back
trap back EXIT
mkdir -- "$new" "$new/tree"
umask 022
unpack /proc/self/fd/0 "$new"
whole "$new"
mark "$new/tree"
chown -hR -- "$owner:$group" "$new/tree"
chmod -- "00$mode" "$new/tree"
sync -f -- "$new/tree"
if [ -e "$to" ]; then mv -T -- "$to" "$new/old"; fi
mv -T -- "$new/tree" "$to"

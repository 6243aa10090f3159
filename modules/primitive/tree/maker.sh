# The part of put.sh that makes a tree, in the directory above. The archive has it in tree/.
: "${new?}" "${to?}" "${owner?}" "${group?}"

rm -rf --one-file-system -- "$new"
trap 'rm -rf --one-file-system -- "$new"' EXIT
mkdir -- "$new"
tar -x -z -p --no-same-owner -C "$new"
chown -hR -- "$owner:$group" "$new/tree"
sync -f -- "$new/tree"
mv -T -- "$new/tree" "$to"

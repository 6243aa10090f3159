# Tests new files, which come as tar, and the removal of the files removed, in a copy of /etc/nginx. Prints what nginx
# refuses on standard error, with exit status 3; 4: there is no nginx; 5: nginx.conf is missing. Needs tar. If files are
# only_removed, and nginx refuses what is there as well, that is no worse, and accepted.
#
# In the copy, paths in /etc/nginx are replaced by those of the copy, so that includes find the new files, and links to files
# by the files; broken links stay, because nginx fails on them as well. The files may contain keys: only root can read
# /run/rcprov, which is not on a disk.
: "${removed?}" "${only_removed?}"

command -v nginx >/dev/null || exit 4
[ -e /etc/nginx/nginx.conf ] || exit 5
new=/run/rcprov/nginx-test
umask 077
rm -rf -- "$new"
mkdir -p -- "$new"
trap 'rm -rf -- "$new"' EXIT
cp -a -- /etc/nginx/. "$new"
find "$new" -type l | while IFS= read -r link; do
	if [ -f "$link" ]; then cp --remove-destination -- "$(readlink -f -- "$link")" "$link"; fi
done
eval "set -- $removed"
for file; do rm -f -- "$new/$file"; done
tar -x -C "$new" -f - --no-same-owner
find "$new" -type f -exec sed -i "s|/etc/nginx/|$new/|g" {} +
output=$(nginx -t -q -c "$new/nginx.conf" 2>&1) || {
	if [ "$only_removed" = yes ] && ! nginx -t -q 2>/dev/null; then exit 0; fi
	printf '%s\n' "$output" | sed "s|$new/|/etc/nginx/|g" >&2
	exit 3
}

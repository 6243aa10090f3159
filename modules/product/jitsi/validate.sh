# Tests the file $1 as the site name in a copy of nginx's configuration. Prints what nginx refuses on standard error, with exit
# status 1. In the copy, paths in /etc/nginx are replaced by those of the copy, and links to files by the files.
: "${name?}"

new=/run/rcprov/nginx-test
umask 077
rm -rf -- "$new"
mkdir -p -- "$new"
trap 'rm -rf -- "$new"' EXIT
cp -a -- /etc/nginx/. "$new"
rm -f -- "$new/sites-available/.$name.rcprov"
find "$new" -type l | while IFS= read -r link; do
	if [ -f "$link" ]; then cp --remove-destination -- "$(readlink -f -- "$link")" "$link"; fi
done
mkdir -p -- "$new/sites-enabled"
cp -- "$1" "$new/sites-enabled/$name"
find "$new" -type f -exec sed -i "s|/etc/nginx/|$new/|g" {} +
output=$(nginx -t -q -c "$new/nginx.conf" 2>&1) || {
	printf '%s\n' "$output" | sed "s|$new/|/etc/nginx/|g" >&2
	exit 1
}

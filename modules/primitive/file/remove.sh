# Removes a file, or a symbolic link in its place, and copies a file to backup before, unless that is empty. Prints nothing.
: "${path?}" "${backup?}"

if [ -n "$backup" ] && [ -f "$path" ] && [ ! -L "$path" ]; then
	umask 077
	mkdir -p -- "$(dirname -- "$backup")"
	cp -p -- "$path" "$backup"
fi
rm -f -- "$path"

# Removes the links files, but not their targets; a file in place of a link is backed up.
: "${files?}"

eval "set -- $files"
for file; do
	if [ ! -L "$file" ]; then
		mkdir -p -- "/var/lib/rcprov/backup$(dirname -- "$file")"
		cp -p -- "$file" "/var/lib/rcprov/backup$file"
	fi
	rm -f -- "$file"
done

# Prints for each directory whether it has entries: "yes" or "no" on a line. Starts no program.
: "${paths?}"

eval "set -- $paths"
for d; do
	found=no
	for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then
			found=yes
			break
		fi
	done
	echo "$found"
done

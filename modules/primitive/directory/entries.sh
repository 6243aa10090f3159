# Prints how many entries each directory has, a number on a line. Starts no program.
: "${paths?}"

eval "set -- $paths"
for d; do
	n=0
	for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then n=$((n + 1)); fi
	done
	echo "$n"
done

# A function for each.sh of package hostfile: it prints how many entries a directory has. Starts no program.
look() {
	n=0
	for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then n=$((n + 1)); fi
	done
	echo "$n"
}

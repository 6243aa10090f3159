# A function for each.sh of package hostfile: it prints whether a directory has entries, "yes" or "no". Starts no program.
look() {
	found=no
	for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then
			found=yes
			break
		fi
	done
	echo "$found"
}

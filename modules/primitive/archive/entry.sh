# A function for each.sh of package hostfile: it prints whether a path is a link that leads to nothing, "dangling"; a directory with
# entries, "occupied"; or "other". Starts no program.
look() {
	is=other
	if [ -L "$1" ] && [ ! -e "$1" ]; then is=dangling; fi
	for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then
			is=occupied
			break
		fi
	done
	echo $is
}

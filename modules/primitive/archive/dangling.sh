# A function for each.sh of package hostfile: it prints whether a path is a link that leads to nothing, "yes" or "no". Starts no
# program.
look() {
	if [ -L "$1" ] && [ ! -e "$1" ]; then echo yes; else echo no; fi
}

# Prints for each path whether it is a link that leads to nothing: "yes" or "no" on a line. Starts no program.
: "${paths?}"

eval "set -- $paths"
for p; do
	if [ -L "$p" ] && [ ! -e "$p" ]; then echo yes; else echo no; fi
done

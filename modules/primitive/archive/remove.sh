# Removes an unpacked directory, or what a removal that was killed has left of it. Prints nothing. It runs in the directory
# above, behind start.sh of package hostfile.
#
# The directory is renamed first, so that its path never holds half of it.
: "${new?}" "${to?}"

rm -rf --one-file-system -- "$new"
if [ -e "$to" ]; then
	mkdir -- "$new"
	mv -T -- "$to" "$new/old"
	rm -rf --one-file-system -- "$new"
fi

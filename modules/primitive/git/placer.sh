# The part of clone.sh in the directory above. A run that was killed between two renames left the old directory in $new.
: "${new?}" "${to?}"

back() {
	if [ -d "$new/old" ] && [ ! -e "$to" ]; then mv -T -- "$new/old" "$to"; fi
	rm -rf --one-file-system -- "$new"
}

back
trap back EXIT
mkdir -m 0711 -- "$new"
mkdir -m 0755 -- "$new/tree"
clone
if [ -e "$to" ]; then mv -T -- "$to" "$new/old"; fi
mv -T -- "$new/tree" "$to"

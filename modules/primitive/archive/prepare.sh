# Makes in the prepared directory what unpack.sh begins with, and, once all is on the disk, a note that it is complete. Prints
# what apt-helper prints. Needs functions.sh.
: "${path?}" "${staging?}" "${prepared?}" "${url?}" "${sha256?}" "${strip?}"

needs
ahead "$path" "$staging" "$prepared"
if [ "$(cat -- "$prepared/ready" 2>/dev/null)" = "$sha256 $strip" ]; then exit; fi # by a run that was killed
rm -rf --one-file-system -- "$prepared/ready" "$prepared/tree" "$prepared/zip"
fetch "$url" "$sha256" "$prepared"
mkdir -- "$prepared/tree"
unpack "$prepared/file" "$prepared"
sync -f -- "$prepared/tree"
echo "$sha256 $strip" >"$prepared/ready.new"
mv -fT -- "$prepared/ready.new" "$prepared/ready"

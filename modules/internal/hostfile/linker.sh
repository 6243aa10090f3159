# The part of link.sh in the directory of the path.
#
# ln -sf removes the old link before it makes the new one; a rename leaves no gap. The temporary name is always the same, so
# that the next run removes what a killed one left.
: "${new?}" "${to?}" "${world?}"
: "${target?}"

rm -f -- "$new"
ln -s -- "$target" "$new"
mv -fT -- "$new" "$to" && exit
# uutils (0.0.30) can't rename over a link that leads to a directory.
if [ -L "$to" ] && rm -f -- "$to" && mv -fT -- "$new" "$to"; then exit; fi
rm -f -- "$new"
exit 1

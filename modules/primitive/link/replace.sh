# Puts a symbolic link in place. Prints nothing.
#
# ln -sf removes the old link before it makes the new one; a rename leaves no gap. The temporary name is always the same, so
# that the next run removes what a killed one left.
: "${path?}" "${target?}" "${tmp?}"

rm -f -- "$tmp"
ln -s -- "$target" "$tmp"
mv -fT -- "$tmp" "$path" && exit
# uutils (0.0.30) can't rename over a link that leads to a directory.
if [ -L "$path" ] && rm -f -- "$path" && mv -fT -- "$tmp" "$path"; then exit; fi
rm -f -- "$tmp"
exit 1

# Removes what download.sh made. Prints nothing.
: "${dir?}"

rm -rf -- "$dir/file" "$dir/partial"
rmdir --ignore-fail-on-non-empty -- "$dir"

# Removes what download.sh made. Prints nothing. It comes behind the functions of package hostfile.
: "${path?}" "${dir?}" "${staging?}" "${store?}"

if [ "$dir" = "$staging" ]; then
	door_enter "$path" no
	if ! door_private; then dir=$store; fi
	cd /
fi
rm -rf -- "$dir/file" "$dir/partial"
rmdir --ignore-fail-on-non-empty -- "$dir"

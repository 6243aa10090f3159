# The part of remove.sh in the directory of the path.
: "${new?}" "${to?}" "${world?}"
: "${how?}" "${backup?}"

if [ -n "$backup" ] && [ "$world" != stranger ]; then
	find_old
	if [ -n "$old" ]; then
		mkdir -p -- "${backup%/*}"
		cp -p -- "$old" "$backup"
	fi
	[ "$world" != shared ] || rm -f -- ./old
fi
case $how in
rmdir) rmdir -- "$to" ;;
'rm -rf') rm -rf --one-file-system -- "$to" ;;
*) rm -f -- "$to" ;;
esac

# Puts a file in place as a whole or not at all; a new file's content is standard input unless it was uploaded. Prints
# nothing; a validate command that refuses ends what it printed on standard error with "rcprov-validate STATUS".
#
# The temporary name is the same each time, so that what an interrupted run leaves behind is used up by the next one; it
# begins with a dot and ends unlike any configuration file, so that no program that reads a whole directory takes it for
# one.
: "${tmp?}" "${path?}" "${mode?}" "${owner?}" "${keep?}" "${backup?}" "${uploaded?}" "${validate?}"

umask 077
trap 'rm -f -- "$tmp"' EXIT
if [ "$uploaded" = no ]; then
	rm -f -- "$tmp"
	# conv=excl: nobody may have put a link there meanwhile. Unlike the shell, dd says what is wrong with a path.
	dd of="$tmp" bs=64k conv=excl status=none
fi
if [ "$keep" = yes ] && [ -f "$path" ]; then
	# Also the access control list, of which only the mask shows in the mode: alone, it would become the group's rights.
	cp --attributes-only --preserve=all -- "$path" "$tmp"
	touch -- "$tmp" # all but the old file's time
else
	chown -h -- "$owner" "$tmp"
	chmod -- "$mode" "$tmp" # after chown, which clears the set-user-ID bit
fi
eval "set -- $validate"
if [ $# -gt 0 ]; then
	"$@" </dev/null >&2 || {
		status=$?
		echo "rcprov-validate $status" >&2
		exit 1
	}
fi
if [ -n "$backup" ] && [ -f "$path" ]; then
	mkdir -p -- "$(dirname -- "$backup")"
	cp -p -- "$path" "$backup"
fi
sync -- "$tmp"
mv -fT -- "$tmp" "$path"
trap - EXIT

# The part of write.sh in the file's directory.
#
# The temporary name is the same each time, so that what an interrupted run leaves behind is used up by the next one; it
# begins with a dot and ends unlike any configuration file, so that no program that reads a whole directory takes it for
# one.
: "${new?}" "${to?}" "${world?}" "${sure?}"
: "${path?}" "${mode?}" "${owner?}" "${group?}" "${keep?}" "${old_sum?}" "${backup?}" "${beside?}" "${validate?}"

trap 'rm -f -- "$new"' EXIT
if [ "$beside" = no ]; then
	rm -f -- "$new"
	# conv=excl: nobody may have put a link there meanwhile. Unlike the shell, dd says what is wrong with a path.
	dd of="$new" bs=64k conv=excl status=none
fi
find_old
if [ "$keep" = yes ] && [ -n "$old" ]; then
	if [ "$world" = stranger ] && [ ! -O "$old" ]; then
		printf 'rcprov-door keep\t%s\n' "$path" >&2
		exit 1
	fi
	# Where others may write, what the content was made from may have been a link to what they may not read.
	if [ "$world" = shared ] && [ -n "$old_sum" ] && [ "$(sha256sum <"$old")" != "$old_sum  -" ]; then moved; fi
	# Also the access control list, of which only the mask shows in the mode: alone, it would become the group's rights.
	cp --attributes-only --preserve=all -- "$old" "$new"
	touch -- "$new" # all but the old file's time
else
	chown -h -- "$owner:$group" "$new"
	# A file keeps its access control list, under the mask that the mode sets, and its extended attributes, unless they are
	# somebody else's doing.
	if [ "$world" != shared ] && [ -n "$old" ] && [ "$(stat -c %u -- "$old" "$new" | uniq | wc -l)" = 1 ]; then
		cp --attributes-only --preserve=all -- "$old" "$new"
		touch -- "$new"
		chown -h -- "$owner:$group" "$new"
	fi
	chmod -- "$mode" "$new" # after chown, which clears the set-user-ID bit
fi
# The path is what a program can do most with; but where others may lead it elsewhere, it is the open directory.
file=/proc/$$/cwd/$new
# shellcheck disable=SC2034 # validate contains it
if [ "$world" = root ] && [ "$sure" = yes ]; then file=${path%/*}/.${name?}.rcprov; fi
eval "set -- $validate"
if [ $# -gt 0 ]; then
	command -v "$1" >/dev/null || {
		echo "rcprov-validate missing" >&2
		exit 1
	}
	"$@" </dev/null >&2 || {
		status=$?
		echo "rcprov-validate $status" >&2
		exit 1
	}
fi
if [ -n "$backup" ] && [ "$world" != stranger ] && [ -n "$old" ]; then
	mkdir -p -- "${backup%/*}"
	cp -p -- "$old" "$backup"
fi
sync -- "$new"
mv -fT -- "$new" "$to"
trap - EXIT
[ "$world" != shared ] || rm -f -- ./old

# The part of directory.sh in the directory of the path.
: "${new?}" "${to?}" "${world?}"
: "${mode?}" "${owner?}" "${group?}"

rights() {
	chown -h -- "$owner:$group" .
	chmod -- "00$mode" . # after chown, which clears the set-user-ID bits; with four digits, chmod of GNU keeps those that are set
}

if [ -d "$to" ] && [ ! -L "$to" ]; then
	enter "$to" || moved
	rights
elif [ "$world" = shared ]; then
	mkdir -- "$new"
	(cd -P -- "$new" && rights)
	mv -T -- "$new" "$to"
else
	mkdir -- "$to" # with the umask 077: nobody may enter before owner and mode are set
	enter "$to" || moved
	rights
fi

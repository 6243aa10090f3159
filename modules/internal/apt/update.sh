# Runs the command $update, which fetches all package lists, and marks the lists as fetched: apt leaves their time as it is where
# nothing was new, and age.sh reads it. $failed notes what apt complained of when it goes on with previous lists: the date, the
# complaints, and the packages that the previous note has. It is removed when all lists could be fetched.
: "${update?}" "${lists?}" "${failed?}"

status=0
complaints=$({ eval "$update" 2>&1 >&3 3>&-; } 3>&1) || status=$?
[ -z "$complaints" ] || printf '%s\n' "$complaints" >&2
case $status,$complaints in
*"Could not get lock"* | *"Unable to lock directory"*) exit "$status" ;; # tried again
0,*"Some index files failed to download"* | [!0]*)
	{
		date -u '+%Y-%m-%d %H:%M UTC'
		printf '%s\n' "$complaints" | grep '^[WE]: ' || :
		grep -s '^package ' "$failed" || :
	} >"$failed.new"
	mv -f -- "$failed.new" "$failed"
	;;
*) rm -f -- "$failed" ;;
esac
[ "$status" = 0 ] || exit "$status"
touch -- "$lists"

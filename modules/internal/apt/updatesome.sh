# Runs the command $update, and gives $lists and $stamp their previous times. Lists that were never fetched get the time 0.
: "${lists?}" "${stamp?}" "${update?}"

set_age() { # set_age FILE SECONDS, - for a file that was not there
	if [ "$2" = - ]; then rm -f -- "$1"; elif [ -e "$1" ]; then touch -d "@$2" -- "$1"; fi
}
lists_age=0
for f in "$lists"/*_Packages*; do
	if [ -e "$f" ]; then lists_age=$(stat -c %Y -- "$lists"); fi
	break
done
stamp_age=$(stat -c %Y -- "$stamp" 2>/dev/null) || stamp_age=-
status=0
eval "$update" || status=$?
set_age "$lists" "$lists_age"
set_age "$stamp" "$stamp_age"
exit "$status"

# Makes a tree, or changes what differs in it. Standard input, or the file upload, is a compressed tar archive: see maker.sh and
# changer.sh. Prints nothing. It comes behind door.sh.
: "${path?}" "${owner?}" "${group?}" "${whole?}" "${upload?}" "${maker?}" "${changer?}"

trap 'if [ -n "$upload" ]; then rm -f -- "$upload"; fi' EXIT
[ -z "$upload" ] || exec <"$upload"
export owner group door_limit=3600
if [ "$whole" = yes ]; then
	door_enter "$path" yes
	door_want "$owner" "$group"
	door_open yes "$maker"
	exit
fi
door_enter "$path/tree" no
door_want "$owner" "$group"
if [ -z "$door_x" ] && ! door_private; then
	echo "rcprov-problem strange ." >&2
	exit 1
fi
door_open no "$changer"

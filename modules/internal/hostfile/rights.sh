# Sets owner and mode of a file or directory, and the owner of all that is in it if deep is yes. Prints nothing. It comes
# behind door.sh.
: "${path?}" "${mode?}" "${owner?}" "${group?}" "${deep?}" "${setter?}"

door_enter "$path" no
if [ -n "$owner" ]; then
	door_want "$owner" "$group"
	door_give
fi
export mode owner group deep
door_open no "$setter"

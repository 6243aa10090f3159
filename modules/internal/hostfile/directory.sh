# Creates a directory with its parents, or sets the rights of one that exists. Prints nothing. It comes behind door.sh.
: "${path?}" "${mode?}" "${owner?}" "${group?}" "${maker?}"

door_enter "$path" yes
door_want "$owner" "$group"
door_give
export mode owner group
door_open yes "$maker"

# What the scripts of a switch share:
#
#	disarm          takes away what would restore the state
#	ours STATE      is whether this attempt is in a state
#	each_file F     calls the function F for each file of the switch
#	list FILE       prints what is there, a line for each file: its path, and what reports whether it is the saved one: type,
#	                mode, owner, size and time (cp -a keeps it), or the target of a link
#	as_user UID GID COMMAND...   runs a command with the rights of a user, for at most 50 seconds: it may be led to a named pipe
: "${dir?}" "${unit?}" "${flag?}" "${boot?}" "${wanted?}" "${token?}" "${files?}" "${rights?}" "${own?}"

disarm() {
	rm -f -- "$wanted" "$boot" "$flag" "$flag-reloaded"
	systemctl --no-block stop "$unit.timer" >/dev/null 2>&1 || :
	if [ -s "$dir/watch" ]; then kill -TERM "-$(cat "$dir/watch")" 2>/dev/null || :; fi
}

ours() { [ "$(cat "$dir/$1" 2>/dev/null)" = "$token" ]; }

each_file() {
	each=$1
	eval "set -- $files"
	for file; do "$each" "$file"; done
}

list() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		find "$1" \( -type d -printf '%p\t%y %m %U:%G\n' -o -printf '%p\t%y %m %U:%G %s %T@ %l\n' \)
	fi
}

as_user() {
	uid=$1 gid=$2
	shift 2
	if [ "$uid" = 0 ]; then "$@"; else timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" --init-groups -- "$@"; fi
}

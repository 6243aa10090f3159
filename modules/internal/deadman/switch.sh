# What the scripts of a switch share:
#
#	disarm          takes away what would restore the state
#	ours STATE      is whether this attempt is in a state
#	each_file F     calls the function F for each file of the switch
: "${dir?}" "${unit?}" "${flag?}" "${boot?}" "${wanted?}" "${token?}" "${files?}"

disarm() {
	rm -f -- "$wanted" "$boot" "$flag"
	systemctl --no-block stop "$unit.timer" >/dev/null 2>&1 || :
}

ours() { [ "$(cat "$dir/$1" 2>/dev/null)" = "$token" ]; }

each_file() {
	each=$1
	eval "set -- $files"
	for file; do "$each" "$file"; done
}

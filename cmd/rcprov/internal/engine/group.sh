# What stands before the scripts of a group. It comes by standard input, and the scripts have ones of their own.
#
#	ended WHAT STATUS   prints the line "MARK WHAT STATUS" on both outputs, and is whether the status is 0
: "${mark?}"

set +eu
ended() {
	printf '\n%s %s %s\n' "$mark" "$1" "$2"
	printf '\n%s %s %s\n' "$mark" "$1" "$2" >&2
	[ "$2" = 0 ]
}

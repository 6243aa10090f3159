# Functions for programs that only look. Each is called by a function of its own:
#
#	program_0() {
#		inspect_as USER         unless it is root
#		inspect_in DIR
#		export NAME=VALUE
#		inspect_run ARGV...
#	}
#	inspect_judge 0 program_0 500
#
# inspect_judge prints "INDEX STATUS BASE64", the last bytes of what the program printed. What the program needs and the
# host doesn't have is "rcprov-absent user", "directory" or "program" on standard error, with status 1. Needs setpriv
# (util-linux): runuser(1) would leave a login in the host's log each time that a plan is made.
: "${inspect_limit?}"

inspect_judge() {
	said=$("$2" 2>&1) && status=0 || status=$?
	[ "${#said}" -le "$3" ] || said=$(printf %s "$said" | tail -c "$3")
	printf '%s %s %s\n' "$1" "$status" "$(printf %s "$said" | base64 -w0)"
}

inspect_absent() {
	echo "rcprov-absent $1" >&2
	exit 1
}

inspect_as() {
	entry=$(getent passwd -- "$1") || inspect_absent user
	rest=${entry#*:*:*:}
	inspect_user=$1 inspect_group=${rest%%:*}
	rest=${rest#*:*:}
	export HOME="${rest%%:*}" USER="$1" LOGNAME="$1"
}

inspect_in() {
	[ -d "$1" ] || inspect_absent directory
	cd "$1" || exit 125
}

inspect_run() {
	case $1 in
	*/*) [ -e "$1" ] || inspect_absent program ;; # dash and bash don't agree on whether it is a command
	*) command -v -- "$1" >/dev/null || inspect_absent program ;;
	esac
	if [ -n "${inspect_user:-}" ]; then
		set -- setpriv --reuid="$inspect_user" --regid="$inspect_group" --init-groups -- "$@"
	fi
	exec timeout -s KILL "$inspect_limit" "$@"
}

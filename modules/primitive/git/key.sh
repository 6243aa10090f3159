# Functions behind door.sh, for git with the rights of the owner.

# door_home exports the home directory of the user by whose rights door_as works.
door_home() {
	door_entry=$(getent passwd "${door_x:-$(id -u)}") || door_entry=:::::/nonexistent:
	door_entry=${door_entry%:*}
	export HOME="${door_entry##*:}"
}

# owner_is OWNER makes that user the one by whose rights door_as works. It fails if there is no such user.
owner_is() {
	case $1 in
	*[!0-9]*) owner_uid=$(id -u -- "$1" 2>/dev/null) || return 1 ;;
	*) owner_uid=$1 ;;
	esac
	# shellcheck disable=SC2034 # door_ours reads it
	door_x='' door_me=$(id -u)
	door_ours "$owner_uid" || door_stranger "$owner_uid" /
	door_home
}

# with_key SCRIPT runs a script by door_as, in the current directory. If there is a key, it is standard input there, and ssh finds
# it in an agent, whose socket is in a directory of the user's on a tmpfs: the key is in no file.
with_key() {
	agent=''
	if [ "${keyed?}" = yes ]; then
		agent=$(mktemp -d /run/rcprov-git.XXXXXX)
		trap 'rm -rf -- "$agent"' EXIT
		[ -z "$door_x" ] || chown -- "$door_x" "$agent"
	fi
	export keyed agent script="$1"
	# The agent would end some seconds after its command, and keeps the output open until then.
	# shellcheck disable=SC2016 # for the other shells
	printf '%s\n' "${key?}" | door_as sh -euc '
if [ "$keyed" = no ]; then exec sh -euc "$script" </dev/null; fi
exec ssh-agent -a "$agent/agent" sh -uc "
status=0
if ssh-add -q - 2>&1; then sh -euc \"\$script\" </dev/null || status=\$?; else status=1 && echo rcprov-problem key >&2; fi
kill \$SSH_AGENT_PID
exit \$status"'
}

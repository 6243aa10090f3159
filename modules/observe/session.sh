# Prints SSH_CONNECTION and USER of the login that this shell descends from, as in its environment, then a line
# "GROUPS=" with the groups of the user. Prints nothing where there is no such login.
#
# sudo takes SSH_CONNECTION away, but the processes above it have it in their environment (ssh(1), ENVIRONMENT), with
# the name of the user who logged in.

pid=$$
while [ "$pid" -gt 1 ]; do
	said=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep '^\(SSH_CONNECTION\|USER\)=') || true
	case $said in
	*SSH_CONNECTION=*)
		printf '%s\n' "$said"
		user=${said##*USER=}
		printf 'GROUPS=%s\n' "$(id -Gn -- "${user%%[!A-Za-z0-9._-]*}" 2>/dev/null)"
		break
		;;
	esac
	while read -r key value _; do
		case $key in PPid:)
			pid=$value
			break
			;;
		esac
	done <"/proc/$pid/status" || break
done

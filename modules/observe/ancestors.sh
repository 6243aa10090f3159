# Sets environs to the files with the environments of this shell and of the processes above it, the nearest first, with a space
# before each. sudo removes SSH_CONNECTION and USER of the login, but the processes above it have them in their environment
# (ssh(1), ENVIRONMENT). It is evaluated by other scripts.

environs=
pid=$$
while [ "$pid" -gt 1 ]; do
	environs="$environs /proc/$pid/environ"
	while read -r key value _; do
		case $key in PPid:)
			pid=$value
			break
			;;
		esac
	done <"/proc/$pid/status" || break
done

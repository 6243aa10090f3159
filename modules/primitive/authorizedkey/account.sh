# Functions for look.sh: split_entry ENTRY FILE splits a line of passwd(5) into uid, gid and home, and sets path to the file of
# the keys, FILE unless that is empty; as_user COMMAND puts a command in place of this shell, with the rights of that user, for at
# most 50 seconds: it may be led to a named pipe. me is the number of the user who runs this. Needs setpriv (util-linux):
# runuser(1) opens a PAM session, which the host logs each time.
split_entry() {
	rest=${1#*:*:}
	uid=${rest%%:*}
	rest=${rest#*:}
	gid=${rest%%:*}
	rest=${rest#*:*:}
	home=${rest%%:*}
	# shellcheck disable=SC2034 # look.sh and write.sh use it
	path=${2:-$home/.ssh/authorized_keys}
}

as_user() {
	# shellcheck disable=SC2154 # look.sh sets it
	if [ "$uid" = "$me" ]; then exec "$@"; fi
	exec timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" --init-groups --inh-caps=-all -- "$@" 3>&- 4>&- 9>&-
}

# Functions for look.sh: split_entry ENTRY FILE splits a line of passwd(5) into uid, gid and home, and sets path to the file of
# the keys, FILE unless that is empty; as_user COMMAND runs a command with the rights of that user, for at most
# 50 seconds: it may be led to a named pipe. Needs setpriv (util-linux): runuser(1) opens a PAM session, which the host logs each time.
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
	me=${me:-$(id -u)}
	if [ "$uid" = "$me" ]; then "$@"; else timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" --init-groups --inh-caps=-all -- "$@" 3>&- 4>&- 9>&-; fi
}

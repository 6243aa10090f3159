# The function wait_for waits until something listens on the ports in its arguments: when a reload returns, sshd has yet to close
# its sockets and to open them again. After five seconds it prints the journal of sshd since $began on standard error, and
# fails. Needs ss (iproute2); without it a second must do.
listen_on() {
	for port; do
		[ -n "$(ss -Hltn "sport = :$port")" ] || return 1
	done
}

wait_for() {
	command -v ss >/dev/null || {
		sleep 1
		return 0
	}
	sleep 0.1
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		! listen_on "$@" || return 0
		sleep 0.2
	done
	echo "nothing listens on port $* after the change; the journal of sshd says:" >&2
	journalctl -q -u ssh.service --since "@${began?}" -n 10 -o cat --no-pager >&2 || :
	return 1
}

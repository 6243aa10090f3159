# Functions that make sshd, or systemd in its place, listen as the files say. Sessions go on in either case (KillMode=process).
# With ssh.socket sshd is stopped, and the next connection starts it. systemd counts starts: after five in ten seconds it gives
# up the socket, too (seen with 257), so its counters are reset.
follow_socket() {
	systemctl daemon-reload
	systemctl stop ssh.socket ssh.service
	systemctl reset-failed ssh.socket ssh.service 2>/dev/null || :
	systemctl start ssh.socket
}

follow_service() {
	systemctl reset-failed ssh.service 2>/dev/null || :
	systemctl "$1" ssh.service
}

# Prints how sshd is configured, for parseState: "sshd missing", or "sshd installed" and then "file PATH:NUMBER:TEXT" for each
# line of its files, "effective KEYWORD VALUE" for the settings in force, "alone KEYWORD VALUE" for those of the drop-in alone,
# "generator" if systemd takes the ports of ssh.socket from the files, and "listening" with "listen SOCKET" for each TCP socket
# that waits for connections. ask prints the state of the dead man's switch. Needs ss (iproute2) for the sockets.
: "${main?}" "${drop_dir?}" "${drop_in?}" "${ask?}"

[ -x /usr/sbin/sshd ] || {
	echo 'sshd missing'
	exit 0
}
echo 'sshd installed'
grep -Hns '' "$main" "$drop_dir"/*.conf | sed 's/^/file /'
opts=$(sed -n 's/^SSHD_OPTS=//p' /etc/default/ssh 2>/dev/null | tr -d "\"'")
# shellcheck disable=SC2086 # several options
/usr/sbin/sshd -T $opts | sed 's/^/effective /'
if [ -f "$drop_in" ]; then /usr/sbin/sshd -T -f "$drop_in" 2>/dev/null | sed 's/^/alone /'; fi
if [ -e /lib/systemd/system-generators/sshd-socket-generator ]; then echo generator; fi
if command -v ss >/dev/null; then
	echo listening
	ss -Hltnp | sed 's/^/listen /'
fi
eval "$ask"

# Has sshd test the drop-in, standard input, in a copy with everything else that it reads. Prints what sshd refuses on standard
# error, with exit status 3. Then prints how user logged in from port of client, if user is not empty and the journal knows:
# "password", "publickey".
: "${name?}" "${user?}" "${client?}" "${port?}"

new=/run/rcprov/sshd-test
umask 077
rm -rf -- "$new"
mkdir -p -- "$new/sshd_config.d"
trap 'rm -rf -- "$new"' EXIT
cp -a -- /etc/ssh/sshd_config "$new/"
if [ -d /etc/ssh/sshd_config.d ]; then cp -a -- /etc/ssh/sshd_config.d/. "$new/sshd_config.d/"; fi
cat >"$new/sshd_config.d/$name"
# shellcheck disable=SC2174 # /run is there
mkdir -p -m 0755 /run/sshd # comes and goes with the service; sshd -t requires it
sed -i "s|/etc/ssh/sshd_config.d|$new/sshd_config.d|g; s|^\([[:space:]]*[Ii]nclude[[:space:]=]*\)sshd_config.d|\1$new/sshd_config.d|" "$new/sshd_config"
output=$(/usr/sbin/sshd -t -f "$new/sshd_config" 2>&1) || {
	printf '%s\n' "$output" | sed "s|$new/|/etc/ssh/|g" >&2
	exit 3
}
[ -z "$user" ] || timeout 5 journalctl -q -b -n 5000 -o cat _COMM=sshd + _COMM=sshd-session 2>/dev/null |
	grep -F " for $user from $client port $port " | sed -n 's/^Accepted \([a-z-]*\).*/\1/p' | tail -n 1

# Runs `prosodyctl $what $jid`, with the lines of standard input. That of prosody 13 and newer asks a running prosody to do it: if
# none runs, because the guard has kept it down, $unit runs for this moment. The part prosody-service starts it for good.
: "${what?}" "${jid?}" "${unit?}"

input=$(cat)
down=no
if ! systemctl -q is-active "$unit" && dpkg --compare-versions "$(dpkg-query -W -f '${Version}' prosody)" ge 13~; then
	down=yes
	systemctl reset-failed "$unit" 2>/dev/null || true
	systemctl start "$unit"
fi
tries=0
while :; do
	status=0
	said=$(printf '%s\n' "$input" | prosodyctl "$what" "$jid" 2>&1) || status=$?
	tries=$((tries + 1))
	case $down$said in
	yes*'Connection error'*) [ $tries -lt 40 ] || break ;; # its socket isn't there yet
	*) break ;;
	esac
	sleep 0.25
done
if [ $down = yes ]; then systemctl stop "$unit"; fi
printf '%s\n' "$said"
exit "$status"

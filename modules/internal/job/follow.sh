# Starts a job, or finds it, and waits until it has ended, has printed something new, or 30 seconds are over. Standard input
# is the command, unless the job is known to run ($following). Prints a line, then output:
#
#	running POSITION    the last line that the command printed follows; its output ends at POSITION
#	other POSITION      the same, of a job with another command than the one with this hash
#	ended STATUS        all of its output follows, at most $max bytes
#	lost                it has ended without a status
#	no-systemd          nothing was started
#
# The unit's shell holds a lock (flock(1), util-linux) as long as it lives, which is what makes waiting cheap and the
# end visible at once; the command itself does not inherit it, or a daemon that it leaves behind would hold it for ever.
#
# KillMode=process and TimeoutStopSec are those of Debian's apt-daily-upgrade.service: a reboot lets the command end
# (the shell only notes the signal), and daemons that it started are not killed with it. Type=exec: systemd-run fails
# when the shell could not be executed.
: "${name?}" "${dir?}" "${booted?}" "${hash?}" "${following?}" "${seen?}" "${max?}"

unit=rcprov-$name.service
command=$(cat)
if [ ! -d "$booted" ]; then
	echo no-systemd
	exit
fi
umask 077
cd /

active() {
	case $(systemctl show -p ActiveState --value -- "$unit") in
	active | activating | deactivating | reloading) ;;
	*) return 1 ;;
	esac
}

is() { [ "$(cat "$dir/$1" 2>/dev/null)" = "$2" ]; }

start() {
	while active; do sleep 0.1; done # the status is written just before the unit ends
	rm -rf -- "$dir"
	mkdir -p -- "$dir"
	for file in lock stdout stderr; do : >"$dir/$file"; done
	if ! {
		echo "$hash" >"$dir/hash" &&
			printf "trap : TERM\ncd '%s'\nexec 9>lock\nflock 9\nrm -f script\n%s\n" "$dir" \
				"{ $command
} >stdout 2>stderr 9>&-
echo \$? >status.new
mv status.new status" >"$dir/script"
	} 2>/dev/null; then
		# shellcheck disable=SC2046 # the words of a line
		set -- $(df -hP -- "$dir" | tail -n 1)
		echo "no job can be written to $dir: $1 has ${4:-?} of ${2:-?} left (mounted on ${6:-?})" >&2
		rm -rf -- "$dir"
		exit 1
	fi
	systemctl reset-failed -- "$unit" 2>/dev/null || :
	# systemd keeps a unit as long as one of its processes lives, such as a daemon that the last command left behind.
	# The unit is always the same, so it can be started again.
	if [ "$(systemctl show -p LoadState --value -- "$unit")" = loaded ] && systemctl start -- "$unit" 2>/dev/null; then
		return
	fi
	# systemd may take a moment to forget the unit that has just ended, and refuses a new one of its name until then.
	for _ in 1 2 3 4 5; do
		said=$(systemd-run --quiet --unit="$unit" --description="rcprov job $name" --service-type=exec \
			--property=KillMode=process --property=TimeoutStopSec=900 /bin/sh "$dir/script" 2>&1) && return
		case $said in *'already loaded'*) sleep 0.3 ;; *) break ;; esac
	done
	printf '%s\n' "$said" >&2
	return 1
}

# Where the output ends now: it changes with every line printed.
position() { stat -c %s -- "$dir/stdout" "$dir/stderr" | tr '\n' ,; }

last() {
	# shellcheck disable=SC3013 # dash has it, too
	if [ "$dir/stderr" -nt "$dir/stdout" ]; then tail -n 1 -- "$dir/stderr"; else tail -n 1 -- "$dir/stdout"; fi
}

# Without its directory, an active unit is one that has ended for whoever followed it, and is about to end for systemd.
if [ "$following" = no ] && { [ ! -d "$dir" ] || [ -e "$dir/status" ] || ! active; }; then start; fi
waited=0
while [ -d "$dir" ]; do
	held=no
	flock -s -w 1 "$dir/lock" true || held=yes
	if [ ! -e "$dir/status" ] && [ $held = no ] && ! active && [ ! -e "$dir/status" ]; then
		systemctl reset-failed -- "$unit" 2>/dev/null || :
		if [ "$following" = yes ] || is hash "$hash"; then break; fi
		start
		continue
	fi
	if [ -e "$dir/status" ]; then
		if ! is hash "$hash"; then
			if [ "$following" = yes ]; then break; fi
			start
			continue
		fi
		printf 'ended %s\n' "$(cat "$dir/status")"
		tail -c "$max" -- "$dir/stdout"
		tail -c "$max" -- "$dir/stderr" >&2
		exit
	fi
	waited=$((waited + 1))
	now=$(position)
	if [ "$now" != "$seen" ] || [ $waited -ge 30 ]; then
		state=running
		is hash "$hash" || state=other
		printf '%s %s\n' "$state" "$now"
		last
		exit
	fi
done
rm -rf -- "$dir"
echo lost

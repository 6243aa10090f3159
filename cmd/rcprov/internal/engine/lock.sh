# Takes the lock for the run that $holder describes, and prints one of
#   - "locked": this shell holds the lock, by file descriptor 9, which stays open;
#   - "busy FILE": something that a dead run started still runs and holds FILE. If it is a job, the last line of its
#     output follows;
#   - "held AGE_SECONDS", and the description of the run that has the lock;
#   - "not root NAME": the user NAME, who is not root, can't take it.
#
# Under the lock it takes back changes that their run could not confirm (modules/internal/deadman): that run is dead, or
# has given up the change and takes the lock again. $mine is the part of $holder that identifies this run, $stale the age
# in seconds from which a holder is dead, $step how many seconds to wait for what is busy. Needs flock (util-linux), /proc.
: "${holder?}" "${mine?}" "${stale?}" "${step?}"

# Whoever can open a file can hold its lock, even for reading: nobody but root gets into the directory.
umask 077
age=0
if ! { mkdir -p /run/rcprov && chmod 0700 /run/rcprov; } 2>/dev/null && [ "$(id -u)" != 0 ]; then
	age="not root $(id -un)"
else
	exec 9>>/run/rcprov/lock
fi
umask 022
if [ "$age" = 0 ] && ! flock -n 9; then
	pid=$(head -n 1 /run/rcprov/holder 2>/dev/null || :)
	age=$(($(date +%s) - $(stat -c %Y /run/rcprov/holder 2>/dev/null || echo 0)))
	dead=no
	case $(tail -n +2 /run/rcprov/holder 2>/dev/null) in
	*"$mine"*) dead=yes ;; # this run, over a connection that broke
	*) if [ "$age" -gt "$stale" ]; then dead=yes; fi ;;
	esac
	if [ $dead = yes ]; then
		if [ "$(readlink "/proc/$pid/fd/9")" = /run/rcprov/lock ]; then kill -9 "$pid" || :; fi
		flock -w 10 9 || dead=no
	fi
	if [ $dead = yes ]; then age=0; else age="held $age"; fi
fi
if [ "$age" = 0 ]; then
	printf '%s\n%s\n' "$$" "$holder" >/run/rcprov/holder.new
	mv -f /run/rcprov/holder.new /run/rcprov/holder
	for busy in /run/rcprov/jobs/*/lock /run/rcprov/busy.*; do
		if [ -e "$busy" ] && ! flock -w "$step" "$busy" true 9>&-; then break; fi
		busy=
	done
	if [ -n "$busy" ]; then
		echo "busy $busy"
		dir=${busy%/*}
		# shellcheck disable=SC3013 # dash, bash and busybox have -nt
		if [ "$dir/stderr" -nt "$dir/stdout" ]; then tail -n 1 "$dir/stderr"; elif [ -e "$dir/stdout" ]; then tail -n 1 "$dir/stdout"; fi
	else
		for restore in /var/lib/rcprov/deadman/*/restore; do
			if [ -e "${restore%/*}/armed" ] || [ -e "${restore%/*}/restoring" ]; then sh -eu "$restore" 9>&- >/dev/null || :; fi
		done
		echo locked
	fi
else
	exec 9>&-
	printf '%s\n' "$age"
	tail -n +2 /run/rcprov/holder 2>/dev/null || :
fi

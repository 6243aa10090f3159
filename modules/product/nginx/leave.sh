# Waits until the workers have ended or are shutting down, which nginx shows in the process title; for three seconds at most.
# workers are process IDs. If they stay, prints what nginx wrote to its log behind the first bytes of it: nginx may not have been
# able to apply what it read.
: "${workers?}" "${log?}" "${bytes?}"

for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	old=
	for pid in $workers; do
		case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || true) in '' | *'shutting down'*) ;; *) old=yes ;; esac
	done
	[ -n "$old" ] || exit 0
	sleep 0.1
done
[ -f "$log" ] || exit 0
[ "$(stat -c %s -- "$log")" -ge "$bytes" ] || bytes=0 # it was rotated
tail -c "+$((bytes + 1))" -- "$log" | tail -n 100

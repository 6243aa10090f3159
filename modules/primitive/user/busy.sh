# Prints "NAME PID" for each user that has a process and is to get another number, or to be removed. accounts are pairs of
# words: the name, and its number to be or "". It starts a program only for users that differ. Needs find of GNU.
: "${accounts?}"

while IFS=: read -r name _ uid _; do
	eval "set -- $accounts"
	while [ $# -gt 0 ]; do
		if [ "$1" = "$name" ] && [ "$2" != "$uid" ]; then
			pid=$(find /proc -maxdepth 1 -name '[1-9]*' -uid "$uid" -printf '%f\n' -quit)
			[ -z "$pid" ] || printf '%s %s\n' "$name" "$pid"
		fi
		shift 2
	done
done </etc/passwd

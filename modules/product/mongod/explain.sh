# Prints why mongod may have ended: "rcprov-owner USER FILE" for files that its user doesn't own, "rcprov-full DIRECTORY" where
# no room is left, "rcprov-replaced" if its configuration was replaced just now and the previous one is kept as backup; then
# the last lines of its log and of its journal. Needs find.
: "${conf?}" "${log?}" "${unit?}" "${backup?}"

user=$(systemctl show -P User -- "$unit" 2>/dev/null) || user=
data=$(sed -n "s/^  dbPath: *//p" -- "$conf" 2>/dev/null | tr -d "\"'")
for dir in "$data" "${log%/*}"; do
	[ -d "$dir" ] || continue
	if [ -n "$user" ]; then find "$dir" -maxdepth 2 ! -user "$user" -printf 'rcprov-owner %u %p\n' 2>/dev/null | head -n 3; fi
	if stat -f -c '%a %d %c %S' -- "$dir" | {
		read -r blocks files all size
		[ $((blocks * size)) -lt 1048576 ] || { [ "$all" -gt 0 ] && [ "$files" -eq 0 ]; }
	}; then echo "rcprov-full $dir"; fi
done
if [ -e "$backup" ] && [ -n "$(find "$conf" -cmin -15)" ]; then echo rcprov-replaced; fi
if [ -r "$log" ]; then tail -n 200 -- "$log"; fi
journalctl -q -b -n 20 -o cat -u "$unit" || true

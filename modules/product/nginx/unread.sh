# Prints, if a running nginx has not read something in etc since that changed, a line "changed", and what nginx refuses of it now.
# Only then is it asked (`nginx -t`), because that reads all keys and resolves the names of upstreams: for three seconds at most.
# The youngest of nginx's processes began when it last read its files; see proc_pid_stat(5). Needs find and nginx.
: "${etc?}" "${run?}"

pid=''
name=''
read -r pid 2>/dev/null <"$run/nginx.pid" || true
if [ -n "$pid" ]; then read -r name 2>/dev/null <"/proc/$pid/comm" || true; fi
[ "$name" = nginx ] || exit 0
workers=''
read -r workers 2>/dev/null <"/proc/$pid/task/$pid/children" || true
began=0
for process in $pid $workers; do
	read -r line 2>/dev/null <"/proc/$process/stat" || continue
	# shellcheck disable=SC2086 # fields
	set -- ${line##*) }
	if [ "${20}" -gt "$began" ]; then began=${20}; fi
done
read -r up _ </proc/uptime
up=${up%.*}${up#*.} # in hundredths of a second, as in stat
now=$(date +%s%N)
now=${now%???????}
if [ "$began" -eq 0 ] || [ "$began" -gt "$up" ]; then exit 0; fi
read=$((now - up + began))
[ -n "$(find -L "$etc" -newerct "@${read%??}.${read#"${read%??}"}" -print -quit 2>/dev/null)" ] || exit 0
echo changed
timeout 3 nginx -t -q 2>&1 || true

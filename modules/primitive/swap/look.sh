# Prints what the host swaps to, and what is at paths, a line each. Names are escaped as in /proc/swaps.
#
#	container                   its swap is that of another machine
#	swap NAME TYPE KIB USED PRIORITY    of /proc/swaps
#	room NAME TYPE BYTES        the file system above the path, and how much room it has
#	signed NAME                 the file has mkswap(8)'s signature
: "${paths?}"

if systemd-detect-virt --quiet --container; then echo container; fi
while read -r name rest; do
	case $name in /*) printf 'swap %s %s\n' "$name" "$rest" ;; esac
done </proc/swaps
echo swaps
eval "set -- $paths"
for path; do
	name=$(printf '%s' "$path" | sed 's/ /\\040/g')
	dir=${path%/*}
	while [ -n "$dir" ] && [ ! -d "$dir" ]; do dir=${dir%/*}; done
	if said=$(stat -f -c '%T %a %S' -- "$dir/"); then
		type=${said%% *} said=${said#* }
		printf 'room %s %s %s\n' "$name" "$type" "$((${said% *} * ${said#* }))"
	fi
	# At the end of the first page.
	if [ -f "$path" ] && [ ! -L "$path" ] && [ -O "$path" ] && [ "$(timeout -s KILL 10 head -c "$(getconf PAGESIZE)" -- "$path" | tail -c 10 | tr -d '\0')" = SWAPSPACE2 ]; then
		printf 'signed %s\n' "$name"
	fi
done

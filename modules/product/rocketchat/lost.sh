# Prints "UNIT<tab>DIRECTORY" for each instance that runs but can't write to its data directory. instances are units and
# directories by turns.
: "${instances?}"

lost() {
	procs=system.slice/$1/cgroup.procs
	{ read -r pid <"/sys/fs/cgroup/$procs" || read -r pid <"/sys/fs/cgroup/systemd/$procs"; } 2>/dev/null || return 0
	if [ ! -e "$2" ] || { [ -w "$2" ] && [ -e "/proc/$pid/root$2" ] && [ ! -w "/proc/$pid/root$2" ]; }; then
		printf '%s\t%s\n' "$1" "$2"
	fi
}
eval "set -- $instances"
while [ $# -gt 0 ]; do
	lost "$1" "$2"
	shift 2
done

# Prints the facts of the host, a line "KEY VALUE" each, in any order; one that can't be told has no value or no line. Needs dpkg,
# hostname and systemd-detect-virt. Everything else waits for the facts, so what needs programs is asked side by side.

# shellcheck disable=SC1091 # a file of the host
. /etc/os-release
printf 'id %s\nversion %s\ncodename %s\nname %s\n' "$ID" "$VERSION_ID" "$VERSION_CODENAME" "$PRETTY_NAME"
read -r name </proc/sys/kernel/hostname
{
	printf 'fqdn %s\n' "$(hostname -f 2>/dev/null || echo "$name")"
	printf 'addresses %s\n' "$(hostname -I)"
} &
printf 'arch %s\n' "$(dpkg --print-architecture)" &
{
	printf 'virtual %s\n' "$(systemd-detect-virt)"
	printf 'cpus %s\n' "$(nproc)"
} &
printf 'hostname %s\n' "$name"
read -r release </proc/sys/kernel/osrelease
printf 'kernel %s\n' "$release"
while read -r key value _; do
	case $key in MemTotal:)
		printf 'memory %s\n' "$value"
		break
		;;
	esac
done </proc/meminfo
while IFS=: read -r key value; do
	case $key in flags* | Features*)
		printf 'flags %s\n' "$value"
		break
		;;
	esac
done </proc/cpuinfo
wait

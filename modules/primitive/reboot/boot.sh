# Prints what is known of the host's boot:
#
#	boot ID TICKS     the kernel's boot and the start of its first process: other ones after each boot
#	began SECONDS     when that was, since 1970
#	systemd           it was booted with systemd
#	container         its kernel is that of another machine
#	runs RELEASE      of the kernel
#	version TEXT      of the kernel that runs, by the kernel
#	package VERSION   of the kernel that runs, by dpkg: the one that is on disk
#	image RELEASE     of each kernel that is on disk
#
# Time is counted from the start of the first process: that of a container is later than that of its machine. Its 22nd field is
# that time in ticks of 1/100 s, proc_pid_stat(5).

read -r id </proc/sys/kernel/random/boot_id
read -r stat </proc/1/stat
# shellcheck disable=SC2086 # the fields behind the name, which may have spaces
set -- ${stat##*)}
shift 19
read -r up _ </proc/uptime
now=$(date +%s)
age=$((${up%.*} - $1 / 100))
# Some containers have an uptime of their own (lxcfs).
if [ "$age" -lt 0 ]; then age=${up%.*}; fi
printf 'boot %s %s\nbegan %s\n' "$id" "$1" "$((now - age))"
if [ -d /run/systemd/system ]; then echo systemd; fi
if systemd-detect-virt --quiet --container; then echo container; fi
release=$(uname -r)
printf 'runs %s\nversion %s\n' "$release" "$(uname -v)"
if version=$(dpkg-query -W -f '${Version}' "linux-image-$release" 2>/dev/null); then printf 'package %s\n' "$version"; fi
for image in /boot/vmlinuz-*; do
	if [ -f "$image" ]; then printf 'image %s\n' "${image#/boot/vmlinuz-}"; fi
done

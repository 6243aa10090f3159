# Prints what is mounted, and what the names of devices and directories stand for:
#
#	mount LINE         of /proc/self/mountinfo
#	real NAME PATH     the device that a source of fstab(5) or of a mount stands for
#	inode NAME D:I     the directory that a bind mount or a mount point leads to
#
# Names are those of paths, and escaped as in fstab(5) so that they are one word.
: "${devices?}" "${directories?}"

while read -r line; do
	printf 'mount %s\n' "$line"
	rest=${line#* - * }
	source=${rest%% *}
	case $source in /dev/*) devices="$devices '$source'" ;; esac
done </proc/self/mountinfo
eval "set -- $devices"
for name; do
	case $name in
	UUID=*) path=/dev/disk/by-uuid/${name#*=} ;;
	LABEL=*) path=/dev/disk/by-label/${name#*=} ;;
	PARTUUID=*) path=/dev/disk/by-partuuid/${name#*=} ;;
	PARTLABEL=*) path=/dev/disk/by-partlabel/${name#*=} ;;
	*) path=$name ;;
	esac
	printf 'real %s %s\n' "$name" "$(readlink -f -- "$path")"
done
eval "set -- $directories"
for name; do
	if inode=$(stat -c '%d:%i' -- "$name" 2>/dev/null); then printf 'inode %s %s\n' "$(printf '%s' "$name" | sed 's/ /\\040/g')" "$inode"; fi
done

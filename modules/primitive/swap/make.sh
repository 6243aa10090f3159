# Makes a swap file, or turns one off, and turns it on as fstab(5) wants it. Needs the functions of package hostfile; prints nothing.
#
# The file is whole when it gets its name. Room for two at a time need not be there, so an old one goes first.
: "${path?}" "${size?}" "${off?}" "${make?}" "${fill?}" "${priority?}" "${on?}"

umask 077
door_enter "$path" no
if ! door_private; then
	echo "others than root may write where $path is" >&2
	exit 1
fi
cd /
if [ "$off" = yes ]; then swapoff -- "$path"; fi
if [ "$make" = yes ]; then
	new=${path%/*}/.${path##*/}.rcprov
	rm -f -- "$new" "$path"
	trap 'rm -f -- "$new"' EXIT
	if [ "$fill" = yes ]; then
		dd if=/dev/zero of="$new" bs=1048576 count="$size" iflag=count_bytes status=none
	else
		fallocate -l "$size" "$new"
	fi
	mkswap "$new" >/dev/null
	sync -- "$new"
	mv -fT -- "$new" "$path"
	trap - EXIT
fi
if [ "$on" = yes ]; then
	if [ -n "$priority" ]; then swapon -p "$priority" -- "$path"; else swapon -- "$path"; fi
fi

# Removes a user with its home and its mail, as `userdel --remove` does; but userdel(8) goes to the home by its path. The home
# goes first, so that the next run sees an interrupted removal; like userdel, it does nothing with a user that has processes
# (status 8), and leaves a home that belongs to somebody else. Prints nothing. Needs userdel (passwd) and getent. It comes
# behind door.sh of package hostfile.
: "${name?}" "${remover?}"

entry=$(getent passwd -- "$name")
rest=${entry#*:*:}
uid=${rest%%:*}
rest=${rest#*:*:*:}
home=${rest%%:*}
for owner in $(stat -c %u:%n /proc/[0-9]* 2>/dev/null); do
	case $owner in "$uid":*)
		echo "userdel: user $name is currently used by process ${owner##*/}" >&2
		exit 8
		;;
	esac
done
export uid
if [ -d "$home" ]; then
	export what=home
	(door "$home" no "$remover" plain)
fi
if [ -d /var/mail ]; then
	export what=mail
	(door "/var/mail/$name" no "$remover" plain)
fi
userdel -- "$name"

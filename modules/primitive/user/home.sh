# Creates the home of a user as useradd(8) does, but whole or not at all: if useradd is killed while it copies /etc/skel,
# the home looks finished. Prints nothing. Needs getent. It comes behind door.sh of package hostfile.
: "${name?}" "${maker?}"

entry=$(getent passwd -- "$name")
rest=${entry#*:*:}
uid=${rest%%:*}
rest=${rest#*:}
gid=${rest%%:*}
rest=${rest#*:*:}
home=${rest%%:*}
[ ! -d "$home" ] || exit 0
mode=
mask=022
while read -r key value _; do
	case $key in HOME_MODE) mode=$value ;; UMASK) mask=$value ;; esac
done </etc/login.defs
[ -n "$mode" ] || mode=$(printf %o $((0777 & ~0$mask)))
door_enter "$home" yes
door_want "$uid" "$gid"
export uid gid mode
door_open yes "$maker"

# Creates the home of a user as useradd(8) does, but whole or not at all: if useradd is killed while it copies /etc/skel,
# the home looks finished. Prints nothing. Needs getent.
#
# It works inside the new directory, so that nobody who may write beside it can redirect it.
: "${name?}"

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
parent=$(dirname -- "$home")
mkdir -p -- "$parent"
new=$parent/.$(basename -- "$home").rcprov
rm -rf -- "$new"
mkdir -m 0700 -- "$new"
cd -P -- "$new" || exit
[ ! -d /etc/skel ] || cp -a /etc/skel/. .
chown -hR "$uid:$gid" .
chmod "$mode" .
mv -T -- "$new" "$home"

# Creates a user with the options of useradd(8), and before it the user's own group, if it has one: with the ID gid, if
# that is given and free. Prints nothing. Needs useradd, groupadd and groupdel (passwd), and getent.
#
# useradd(8) can create the group, but fails if an interrupted attempt has already created it.
: "${name?}" "${group?}" "${own_group?}" "${gid?}" "${system?}" "${options?}"

eval "set -- $options"
flag=
if [ "$system" = yes ]; then flag=--system; fi
created=
if [ "$own_group" = yes ] && ! getent group -- "$group" >/dev/null; then
	if [ -n "$gid" ] && getent group "$gid" >/dev/null; then gid=; fi
	groupadd ${flag:+"$flag"} ${gid:+--gid "$gid"} "$group"
	created=yes
fi
useradd --no-create-home --gid "$group" ${flag:+"$flag"} "$@" "$name" || {
	status=$?
	[ -z "$created" ] || groupdel "$group"
	exit $status
}

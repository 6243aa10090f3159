# Puts standard input in place of a user's file of keys (file: its path, or empty), as a whole. Prints nothing; on standard error
# "rcprov-no-home" if there is no place for it. It comes behind door.sh and account.sh.
#
# Root writes only where nobody but root may. Anywhere else the write has the user's rights, whoever the directory belongs to.
# shellcheck disable=SC2154 # split_entry sets uid, gid, home and path; door_enter the rest
: "${user?}" "${file?}" "${replace?}" "${maker?}"

split_entry "$(getent passwd -- "$user")" "$file"
[ -n "$file" ] || [ -d "$home" ] || {
	echo rcprov-no-home >&2
	exit 1
}
export owner="$uid" group="$gid" mode=0700

# by_user makes the rest of the work the user's, unless root may do it.
by_user() {
	if [ -n "$door_x" ] || ! door_closed "$door_at_mode"; then
		[ "$uid" = "$door_me" ] || door_stranger "$uid" "${door_because:-$door_at}"
	fi
}

if [ -z "$file" ]; then
	door_enter "$home/.ssh" no
	by_user
	door_open no "if [ ! -d \"\$to\" ]; then
$maker
fi" plain
fi
door_enter "$path" no
by_user
mode=0600
if [ -n "$file" ] && [ -z "$door_x" ]; then mode=0644 owner=0 group=0; fi
door_open no "$replace" plain

# Calls the function look, which the script look defines, for each of paths; it prints a line. Where the path or a directory on the
# way belongs to somebody else than root, that is done with the rights of the first such user, for at most 50 seconds: which
# names are there, and where a link leads, is for that user to see. What fails so prints "unknown".
#
# No program is started where all is root's. Needs setpriv (util-linux) and getent where it is not.
: "${paths?}" "${look?}"

# owner_of PATH sets owner to that user's number, or to nothing; dir to the directory from which that user can go on, and rest to
# PATH as seen from there: the directories above may be closed to the user. hers is owner where dir is that user's.
owner_of() {
	owner='' above='' todo=${1#/}/
	while [ -n "$todo" ]; do
		above=$above/${todo%%/*} todo=${todo#*/}
		if [ -L "$above" ]; then
			owner=$(stat -c %u -- "$above") || owner=65534
			case $owner in 0 | "$(id -u)") owner='' ;; esac
			dir=${above%/*} hers='' rest=./${above##*/}/$todo
		elif [ -e "$above" ] && [ ! -O "$above" ]; then
			owner=$(stat -c %u -- "$above") || owner=65534
			[ "$owner" != 0 ] || owner=''
			dir=$above hers=$owner rest=./$todo
		fi
		[ -z "$owner" ] || return 0
	done
}

# by_owner COMMAND... runs a command with the rights of owner.
by_owner() {
	groups=--clear-groups gid=65534
	if entry=$(getent passwd "$owner"); then
		groups=--init-groups
		entry=${entry#*:*:*:}
		gid=${entry%%:*}
	fi
	timeout -s KILL 50 setpriv --reuid="$owner" --regid="$gid" "$groups" --inh-caps=-all -- "$@" 3>&- 4>&- 9>&- </dev/null
}

eval "$look"
eval "set -- $paths"
for path; do
	owner_of "$path"
	if [ -z "$owner" ]; then
		look "$path"
	else
		(
			cd -P -- "${dir:-/}" && { [ -z "$hers" ] || [ "$(stat -c %u .)" = "$hers" ]; } || exit 1
			by_owner sh -c "$look
look \"\$1\"" look "${rest%/}"
		) 2>/dev/null || echo unknown
	fi
done

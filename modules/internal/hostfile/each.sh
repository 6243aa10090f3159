# Calls the function look, which the script look defines, for each of paths. Where the path or a directory on the way belongs to
# somebody else than root, that is done with the rights of the first such user, for at most 50 seconds: which names are there, and
# where a link leads, is for that user to see. It prints a line for each path, "unknown" for what fails so. With $list there is one
# path, and look prints what it likes.
#
# Paths behind one another that lead into the directory of one user are asked about by one program. No program is started where
# all is root's. Needs setpriv (util-linux) and getent where it is not.
: "${paths?}" "${look?}" "${list?}"

# owner_of PATH sets owner to that user's number, or to nothing; dir to the directory from which that user can go on, and rest to
# PATH as seen from there: the directories above may be closed to the user. hers is owner where dir is that user's.
owner_of() {
	owner='' dir='' hers='' above='' todo=${1#/}/
	while [ -n "$todo" ]; do
		above=$above/${todo%%/*} todo=${todo#*/}
		if [ -L "$above" ]; then
			owner=$(stat -c %u -- "$above") || owner=65534
			case $owner in 0 | "$(id -u)") owner='' ;; esac
			dir=${above%/*} hers='' rest=./${above##*/}/$todo
		elif [ -n "$asked_hers" ] && [ "$above" = "$asked_dir" ]; then
			owner=$asked_owner dir=$above hers=$owner rest=./$todo
		elif [ -e "$above" ] && [ ! -O "$above" ]; then
			owner=$(stat -c %u -- "$above") || owner=65534
			[ "$owner" != 0 ] || owner=''
			dir=$above hers=$owner rest=./$todo
		fi
		[ -z "$owner" ] || return 0
	done
}

# by_user COMMAND... runs a command with the rights of asked_owner, from asked_dir. It is for a subshell of its own, which the
# command replaces.
by_user() {
	cd -P -- "${asked_dir:-/}" || return 1
	groups=--clear-groups gid=65534
	if entry=$(getent passwd "$asked_owner"); then
		groups=--init-groups
		entry=${entry#*:*:*:}
		gid=${entry%%:*}
	fi
	exec timeout -s KILL 50 setpriv --reuid="$asked_owner" --regid="$gid" "$groups" --inh-caps=-all -- "$@" 3>&- 4>&- 9>&- </dev/null
}

# The program of a user, for whom the directory is no longer if it belongs to another.
program="[ -z \"\$1\" ] || [ -O . ] || exit
shift
$look
for path; do look \"\$path\"; done"

# ask PATHS... prints what the user prints of them, who may print anything.
ask() {
	if [ "$list" = yes ]; then
		(by_user sh -c "$program" look "$asked_hers" "$@") 2>/dev/null || echo unknown
		return
	fi
	said=$({ by_user sh -c "$program" look "$asked_hers" "$@" | head -c 65536; } 2>/dev/null)
	lines=0
	set -f
	IFS='
'
	for _ in $said; do lines=$((lines + 1)); done
	unset IFS
	set +f
	if [ "$lines" = $# ]; then printf '%s\n' "$said"; else for path; do echo unknown; done; fi
}

eval "$look"
eval "set -- $paths"
asked='' count=0 asked_owner='' asked_dir='' asked_hers=''
for path; do
	owner_of "$path"
	if [ -n "$asked" ] && [ "$owner $dir $hers" != "$asked_owner $asked_dir $asked_hers" ]; then
		eval "ask $asked"
		asked=
	fi
	asked_owner=$owner asked_dir=$dir asked_hers=$hers
	if [ -z "$owner" ]; then
		look "$path"
	else
		count=$((count + 1))
		eval "path_$count=\${rest%/}"
		asked="$asked \"\$path_$count\""
	fi
done
[ -z "$asked" ] || eval "ask $asked"

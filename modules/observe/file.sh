# Prints what the paths are, a line for each thing learned:
#
#	stat SIZE<tab>MODE<tab>...<tab>PATH    for each path that is there; for a directory above one, /. stands before its path
#	refused PATH<tab>NAME                  a part of a path is a link of NAME, which root doesn't follow
#	stranger PATH<tab>BASE<tab>UID<tab>NAME<tab>IDS  PATH belongs to that user, in the groups with these numbers and names: it
#	                                       is a directory above paths, and ends with /; or a path itself, in a directory of
#	                                       root's where others may write
#	answer BASE64                          behind it: what fileread.sh prints of it, or of what is below it, by the rights
#	                                       of the user; ./ in front of a path there stands for BASE/
#
# and what fileread.sh prints of all other paths. Lists are lines.
#
# Root reads nothing below a directory that belongs to somebody else, who could lead the path elsewhere meanwhile. So the
# directories above the paths are looked at with the paths, by the same stat. Mostly all are root's and nobody else may write
# to any; then this is all there is to it.
#
# Starting programs is what takes the time, so each is started once for all files, and all else is done by what every
# shell has built in (and not by `read`, which costs a system call for each byte). Needs setpriv (util-linux) and getent
# where directories belong to others.
: "${above?}" "${paths?}" "${contents?}" "${known?}" "${max?}" "${reader?}"

set -f
tab='	'
nl='
'
IFS=$nl
base=
# shellcheck disable=SC2086 # lists
stats=$(stat -c "stat %s$tab%f$tab%u$tab%g$tab%U$tab%G$tab%Y$tab%Z$tab%n" -- $above $paths)
printf '%s\n' "$stats"

others=
for line in $stats; do
	case $line in *"$tab/./"*) ;; *) break ;; esac
	line=${line#stat *"$tab"}
	case $line in
	4?[02468ace][014589cd]"${tab}0$tab"* | [!4a]???"$tab"*) ;; # root's alone, or nothing that leads further
	*) others=$others$nl$line ;;
	esac
done
if [ -n "$others" ]; then
	me=$(id -u)
	ours() { [ "$1" = 0 ] || [ "$1" = "$me" ]; }

	# part LIST PATH END [BEFORE] sets picked to those of a list that are PATH with an end that has the pattern END, rest to the
	# others. What has the pattern BEFORE is not looked at.
	part() {
		picked='' rest=
		for path in $1; do
			# shellcheck disable=SC2254,SC2295 # patterns
			case ${path#${4-}} in "$2"$3) picked=$picked$nl$path ;; *) rest=$rest$nl$path ;; esac
		done
	}

	# ask UID PATH END DIR asks about the paths that part picks, by the rights of a user, in DIR: the user may be unable to go
	# there from /. Without DIR, or if that is not the user's, by whole paths.
	ask() {
		part "$contents" "$2" "$3"
		asked_contents=$picked left=$rest
		part "$known" "$2" "$3" '*  '
		asked_known=$picked left_known=$rest
		part "$paths" "$2" "$3"
		[ -n "$picked" ] || return 0
		paths=$rest contents=$left known=$left_known name=$1 init=--clear-groups gid=65534 groups='65534 nogroup'
		if entry=$(getent passwd "$1"); then
			name=${entry%%:*} init=--init-groups
			entry=${entry#*:*:*:}
			gid=${entry%%:*}
			groups="$(id -G -- "$name") $(id -Gn -- "$name")"
		fi
		# Reading a named pipe would not end.
		by() { timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" "$init" --inh-caps=-all -- "$@" 3>&- 4>&- 9>&-; }
		uid=$1
		answer=$(
			base=$4
			if ! cd -P -- "${4:-/}" 2>/dev/null || { [ -n "$3" ] && [ "$(stat -c %u .)" != "$1" ]; }; then
				cd / || exit
				base=
			fi
			printf '%s\t%s\t%s\t%s\t%s\n' "$2${3%?}" "$base" "$1" "$name" "$groups"
			# shellcheck disable=SC2030,SC2031 # for this process
			export base reader max paths="$picked" contents="$asked_contents" known="$asked_known"
			by sh -c "$reader" 2>&1 | base64 -w0
		)
		printf 'stranger %s\nanswer %s\n' "${answer%%"$nl"*}" "${answer#*"$nl"}"
	}

	shared=
	# shellcheck disable=SC2031 # only in the subshell of ask
	for line in $others; do
		f=/${line##*"$tab/./"} uid=${line#*"$tab"} uid=${uid%%"$tab"*}
		case $line in
		a*)
			part "$shared" "${f%/*}" ''
			if [ -n "$picked" ] || ! ours "$uid"; then
				part "$paths" "$f" '/*'
				[ -z "$picked" ] || printf 'refused %s\t%s\n' "$f" "$(stat -c %U -- "$f")"
				continue
			fi
			# Root's own, such as /bin or /var/run: where it leads to decides.
			real=$(cd -P -- "$f" 2>/dev/null && pwd -P) || continue
			todo=${real#/}/ real=
			set --
			while [ -n "$todo" ]; do
				real=$real/${todo%%/*} todo=${todo#*/}
				set -- "$@" "$real"
			done
			for owner in $(stat -c %u -- "$@" 2>/dev/null); do
				ours "$owner" || {
					ask "$owner" "$f" '/*' ''
					break
				}
			done
			;;
		*)
			if ours "$uid"; then
				shared=$shared$nl$f
				case $line in
				?[2367abef]??*) ;;
				*) # not sticky: what is root's may be moved away, and another thing be there
					sha256sum() { timeout -s KILL 50 sha256sum "$@"; }
					base64() { timeout -s KILL 50 base64 "$@"; }
					;;
				esac
			else ask "$uid" "$f" '/*' "$f"; fi
			;;
		esac
	done
	# A file of somebody else's in such a directory of root's.
	# shellcheck disable=SC2031 # the same
	for dir in $shared; do
		part "$contents" "$dir" '/*'
		for f in $picked; do
			for line in $stats; do
				case $line in *"$tab$f") ;; *) continue ;; esac
				uid=${line#*"$tab"*"$tab"} uid=${uid%%"$tab"*}
				ours "$uid" || ask "$uid" "$f" '' "${f%/*}"
				break
			done
		done
	done
fi
eval "$reader"

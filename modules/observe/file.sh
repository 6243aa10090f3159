# Prints what the paths are, a line for each thing learned:
#
#	stat ...                               by fileread.sh; for a directory above a path, /. stands before its path
#	refused PATH<tab>NAME                  a part of a path is a link of NAME, which root doesn't follow
#	stranger PATH<tab>BASE<tab>UID<tab>NAME<tab>IDS  PATH belongs to that user, in the groups with these numbers and names: it
#	                                       is a directory above paths, and ends with /; or a path itself, in a directory of
#	                                       root's where others may write
#	answer BASE64                          behind it: what fileread.sh prints of it, or of what is below it, by the rights
#	                                       of the user; ./ in front of a path there stands for BASE/
#
# and what fileread.sh prints of all other paths. Lists are lines; fileread.sh says what those of $contents and $plain are: the
# subjects.
#
# Root reads nothing below a directory that belongs to somebody else, who could lead the path elsewhere meanwhile. So the
# directories above the paths are looked at with the paths, by the same stat. Mostly all are root's and nobody else may write
# to any; then this is all there is to it.
#
# Needs setpriv (util-linux) and getent where directories belong to others.
: "${above?}" "${contents?}" "${plain?}" "${max?}" "${reader?}"

eval "$reader"
# shellcheck disable=SC2154 # the reader sets nl and tab
base='' subjects=$contents${contents:+${plain:+$nl}}$plain
look "$above$nl$(paths "$subjects")"

others=
# shellcheck disable=SC2154 # look sets stats
for line in $stats; do
	case $line in *"$tab/./"*) ;; *) break ;; esac
	case $line in
	"stat 4"?[02468ace][014589cd]"${tab}0:"* | "stat "[!4a]*) ;; # root's alone, or nothing that leads further
	*) others=$others$nl$line ;;
	esac
done
if [ -n "$others" ]; then
	me=$(id -u)
	ours() { [ "$1" = 0 ] || [ "$1" = "$me" ]; }

	# pick HOW PATH END prints those of the subjects that are PATH with an end that has the pattern END, or with HOW out all
	# others.
	pick() {
		for line in $subjects; do
			# shellcheck disable=SC2254 # a pattern
			case ${line#*  } in "$2"$3) [ "$1" = in ] || continue ;; *) [ "$1" = out ] || continue ;; esac
			printf '%s\n' "$line"
		done
	}

	# ask UID PATH END DIR asks about the paths that pick picks, by the rights of a user, in DIR: the user may be unable to go
	# there from /. Without DIR, or if that is not the user's, by whole paths.
	ask() {
		picked=$(pick in "$2" "$3")
		[ -n "$picked" ] || return 0
		subjects=$(pick out "$2" "$3") name=$1 init=--clear-groups gid=65534 groups='65534 nogroup'
		if entry=$(getent passwd "$1"); then
			name=${entry%%:*} init=--init-groups
			entry=${entry#*:*:*:}
			gid=${entry%%:*}
			groups="$(id -G -- "$name") $(id -Gn -- "$name")"
		fi
		# Reading a named pipe would not end.
		by() { timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" "$init" --inh-caps=-all -- "$@" 3>&- 4>&- 9>&-; }
		uid=$1
		(
			base=$4
			if ! cd -P -- "${4:-/}" 2>/dev/null || { [ -n "$3" ] && [ "$(stat -c %u .)" != "$1" ]; }; then
				cd / || exit
				base=
			fi
			printf 'stranger %s\t%s\t%s\t%s\t%s\nanswer ' "$2${3%?}" "$base" "$1" "$name" "$groups"
			export base max
			printf '%s\n' "$picked" | by sh -c "$reader${nl}alone" 2>&1 | base64 -w0
			echo
		)
	}

	shared='' asked=''
	for line in $others; do
		f=/${line##*"$tab/./"} uid=${line#*"$tab"} uid=${uid%%:*}
		for dir in $asked; do
			case $f in "$dir"/*) continue 2 ;; esac
		done
		case $line in
		"stat a"*)
			case $nl$shared$nl in *"$nl${f%/*}$nl"*) own=no ;; *) own=yes ;; esac
			if [ $own = no ] || ! ours "$uid"; then
				[ -z "$(pick in "$f" '/*')" ] || printf 'refused %s\t%s\n' "$f" "$(stat -c %U -- "$f")"
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
				"stat "?[2367abef]*) ;;
				*) # not sticky: what is root's may be moved away, and another thing be there
					# shellcheck disable=SC2034 # the reader uses it
					limit="timeout$nl-s${nl}KILL${nl}50"
					;;
				esac
			else
				ask "$uid" "$f" '/*' "$f"
				asked=$asked$nl$f
			fi
			;;
		esac
	done
	# A file of somebody else's in such a directory of root's.
	[ -z "$shared" ] || for line in $stats; do
		uid=${line#*"$tab"}
		uid=${uid%%:*}
		ours "$uid" && continue
		case $line in *"$tab/./"*) continue ;; esac
		f=/${line#*"$tab/"}
		for dir in $shared; do
			case $f in "$dir"/*) ;; *) continue ;; esac
			case $(pick in "$f" '') in '' | .*) ;; *) ask "$uid" "$f" '' "${f%/*}" ;; esac
			break
		done
	done
else
	# shellcheck disable=SC2034 # the reader uses it
	whole=yes
fi
tell

# Prints what the paths are, a line for each thing learned:
#
#	stat ...                               by fileread.sh; for a directory above a path, /. stands before its path
#	refused PATH<tab>NAME                  a part of a path is a link of NAME, which root doesn't follow
#	stranger PATH<tab>BASE<tab>UID<tab>NAME<tab>IDS  PATH belongs to that user, in the groups with these numbers and names: it
#	                                       is a directory above paths, and ends with /; or a path itself, in a directory of
#	                                       root's where others may write
#	answer BASE64                          behind one or more: what fileread.sh prints of them, or of what is below them, by the
#	                                       rights of the user; ./ in front of a path there stands for BASE/
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
names='' base='' subjects=$contents${contents:+${plain:+$nl}}$plain
paths asked "$subjects"
look "$above$nl$asked"

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
	while read -r key _ me _ && [ "$key" != Uid: ]; do :; done </proc/self/status
	ours() { [ "$1" = 0 ] || [ "$1" = "$me" ]; }

	# pick HOW PATH END sets picked to those of the subjects that are PATH with an end that has the pattern END, or with HOW out
	# to all others.
	pick() {
		how=$1 at=$2 end=$3
		convert picked matching "$subjects"
	}
	matching() {
		# shellcheck disable=SC2154,SC2034,SC2254 # convert sets item, and reads said; a pattern
		case ${item#*  } in "$at"$end) [ "$how" = out ] || said=$item ;; *) [ "$how" = in ] || said=$item ;; esac
	}

	# ask UID PATH END DIR has answer_for ask about the paths that pick picks, by the rights of a user. DIR is where the user
	# must be able to go: its own directory, if END is given; none where a link leads there.
	jobs='' uids='' count=0
	ask() {
		pick in "$2" "$3"
		[ -n "$picked" ] || return 0
		count=$((count + 1))
		eval "picked_$count=\$picked"
		jobs=$jobs$nl$count$tab$1$tab$2${3%?}$tab$4
		case $nl$uids$nl in *"$nl$1$nl"*) ;; *) uids=$uids${uids:+$nl}$1 ;; esac
		pick out "$2" "$3"
		subjects=$picked
	}

	# leads PATH DIR is whether the modes let the user who owns PATH go to DIR from /.
	leads() {
		for line in $stats; do
			case $line in *"$tab/./"*) ;; *) return 0 ;; esac
			f=/${line##*"$tab/./"}
			case $2 in "$f" | "${f%/}"/*) ;; *) continue ;; esac
			case $1:$line in
			"$f/:stat 4"?[4567cdef]*) ;;
			"$f/:"*) return 1 ;;
			*":stat 4"??[9bdf]*) ;; # for its group as well: whose members have no other right
			*) return 1 ;;
			esac
		done
	}

	# learn looks up the users and their groups, all at once.
	learn() {
		# shellcheck disable=SC2086 # lists
		{
			entries=$(getent passwd -- $uids) || :
			inits='' gids=''
			for entry in $entries; do
				inits=$inits${inits:+$nl}${entry%%:*} entry=${entry#*:*:*:}
				gids="$gids ${entry%%:*}"
			done
			[ -z "$inits" ] || inits=$(getent initgroups -- $inits) || :
			IFS=" $nl"
			for word in $inits; do
				case $word in *[!0-9]*) ;; *) gids="$gids $word" ;; esac
			done
			known=$([ -z "$gids" ] || getent group -- $gids) || :
			IFS=$nl
		}
	}

	# who UID sets name, how setpriv sets groups, gid, and groups.
	who() {
		name=$1 init=--clear-groups gid=65534 groups='65534 nogroup'
		for entry in $entries; do
			case ${entry#*:*:} in "$1":*) ;; *) continue ;; esac
			name=${entry%%:*} init=--init-groups entry=${entry#*:*:*:}
			gid=${entry%%:*} groups=
			numbers=" $gid "
			for line in $inits; do
				case $line in "$name "*) numbers="$numbers${line#"$name "} " ;; esac
			done
			for line in $known; do
				number=${line#*:*:} number=${number%%:*}
				case $numbers in *" $number "*) groups="$groups ${line%%:*}" ;; esac
			done
			groups=${numbers# }${groups# }
			return
		done
	}

	# answer SUBJECTS prints what the user sees of them from here.
	answer() {
		printf 'answer '
		hers=$1
		# Reading a named pipe would not end.
		set -- timeout -s KILL 50 setpriv --reuid="$uid" --regid="$gid" "$init" --inh-caps=-all -- sh -c "$reader${nl}alone"
		if [ "${#hers}" -lt 50000 ]; then # the kernel's limit for one variable is 128 KiB
			subjects=$hers "$@" </dev/null 2>&1 3>&- 4>&- 9>&- | base64 -w0
		else
			printf '%s\n' "$hers" | subjects='' "$@" 2>&1 3>&- 4>&- 9>&- | base64 -w0
		fi
		echo
	}

	# answer_for UID asks about all that the user can go to at once, by whole paths. Where the directories above are closed to it,
	# the program begins in the user's own, if it still is that.
	answer_for() {
		uid=$1 all=
		who "$uid"
		stranger() { printf 'stranger %s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$uid" "$name" "$groups"; }
		closed=
		for job in $jobs; do
			case $job in *"$tab$uid$tab"*) ;; *) continue ;; esac
			rest=${job#*"$tab$uid$tab"}
			path=${rest%%"$tab"*} dir=${rest#*"$tab"}
			if [ -n "$dir" ] && ! leads "$path" "$dir"; then
				closed=$closed$nl$job
				continue
			fi
			stranger "$path" ''
			eval "all=\$all\${all:+\$nl}\$picked_${job%%"$tab"*}"
		done
		export max base names
		[ -z "$all" ] || { cd / && answer "$all"; }
		for job in $closed; do
			rest=${job#*"$tab$uid$tab"}
			path=${rest%%"$tab"*} dir=${rest#*"$tab"}
			(
				base=$dir
				if ! cd -P -- "$dir" 2>/dev/null || { [ "$path" != "${path%/}" ] && [ "$(stat -c %u .)" != "$uid" ]; }; then
					cd / || exit
					base=
				fi
				stranger "$path" "$base"
				eval "answer \"\$picked_${job%%"$tab"*}\""
			)
		done
	}

	# share DIR MODE notes that others may write there, to where DIR leads. Where it is not sticky, they may give root's files other
	# names, and theirs to other files: it is loose.
	share() {
		shared=$shared$nl$1
		case $2 in
		?[2367abef]*) ;;
		*) loose=$loose$nl$1 ;;
		esac
	}

	# take_apart moves those of files that are below a loose directory to apart.
	take_apart() {
		both=$files
		# shellcheck disable=SC2034 # the reader uses it
		apart=$(loosely yes)
		files=$(loosely no)
	}
	loosely() {
		for f in $both; do
			is=no
			for dir in $loose; do
				case $f in "${dir%/}"/*) is=yes ;; esac
			done
			[ $is != "$1" ] || printf '%s\n' "$f"
		done
	}

	# enter PATH makes the directory of PATH the current one, as door_enter of package hostfile does: by one name after the other, each
	# of which must be that of the directory that was entered. A link leads on if it is where nobody but root may write.
	enter() {
		cd / && at=$(what .) && todo=${1%/*}/ links=0 || return
		while [ -n "$todo" ]; do
			name=${todo%%/*} todo=${todo#*/}
			case $name in
			'' | .) continue ;;
			..)
				cd -P .. && at=$(what .) || return
				continue
				;;
			esac
			is=$(what "./$name") && ours "${is%% *}" || return
			case $is in
			*' 4'???' '*)
				cd -P -- "./$name" && [ "$(what . .. "../$name")" = "$is$nl$at$nl$is" ] || return
				at=$is
				;;
			*' a'???' '*)
				case $at in *' 4'?[02468ace][014589cd]' '*) ;; *) return 1 ;; esac
				links=$((links + 1))
				[ $links -le 40 ] && target=$(readlink -- "./$name") || return
				todo=$target/$todo
				case $target in /*) cd / && at=$(what .) || return ;; esac
				;;
			*) return 1 ;;
			esac
		done
	}
	what() { stat -c '%u %f %d:%i' -- "$@"; }

	# show_apart PATH prints the file. A link that is there by now is not followed, and a named pipe not waited for: it
	# is empty, or has no more than the file had.
	entered=no
	show_apart() {
		[ "$entered" = "${1%/*}" ] && size=$(stat -c '%f %s' -- "./${1##*/}") || return
		case $size in 8*) dd if="./${1##*/}" iflag=nofollow,nonblock,count_bytes count="${size#* }" bs=64k status=none ;; *) return 1 ;; esac
	}

	goto() { [ "$entered" = "${1%/*}" ] || { entered=no && enter "$1" && entered=${1%/*}; }; }

	# sum_apart PATHS... prints their sums, as sha256sum does, or "unread ...".
	sum_apart() {
		for f; do
			goto "$f" 2>/dev/null || :
			sum=$({
				{
					size='8 0'
					show_apart "$f" 2>&5
					echo "$? ${size#* }" >&5
				} | sha256sum
			} 5>&1)
			why='it changed while it was looked at'
			case $sum in
			'0 0'"$nl"*) why= ;;
			'0 '*"$nl"e3b0c44298fc1c149afbf4c8996fb924*) ;; # of nothing: a pipe
			'0 '*) why= ;;
			*'Too many levels of symbolic links'*) ;; # nofollow
			'dd: '*) why=${sum%%"$nl"*} why=${why#dd: } ;;
			esac
			sum=${sum##*"$nl"}
			if [ -z "$why" ]; then printf '%s  %s\n' "${sum%% *}" "$f"; else printf 'unread %s\t%s\n' "$f" "$why"; fi
		done
	}

	# head_apart PATHS... prints them as `head -v` does.
	head_apart() {
		for f; do
			goto "$f" 2>/dev/null || :
			printf '==> %s <==\n' "$f"
			show_apart "$f" 2>/dev/null || :
		done
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
				pick in "$f" '/*'
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
			for entry in $(stat -c '%u %f' -- "$@" 2>/dev/null); do
				if ! ours "${entry% *}"; then
					ask "${entry% *}" "$f" '/*' ''
					break
				fi
				case $entry in *" 4"?[02468ace][014589cd]*) ;; *" 4"*) share "$f" "${entry#* }" ;; esac
			done
			;;
		*)
			if ours "$uid"; then
				line=${line#stat }
				share "$f" "${line%%"$tab"*}"
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
			pick in "$f" ''
			case $picked in '' | .*) ;; *) ask "$uid" "$f" '' "${f%/*}" ;; esac
			break
		done
	done
	if [ -n "$uids" ]; then
		learn
		for uid in $uids; do answer_for "$uid"; done
	fi
else
	# shellcheck disable=SC2034 # the reader uses it
	whole=yes
fi
tell

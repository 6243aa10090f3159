# The file restore: puts the previous state back unless the change was confirmed, and prints how the switch stands then.
# The timer runs it, the next boot (with the argument "boot"), and whoever takes over; more than one at once, or one after
# it was killed, do no harm. At boot the files are enough: it comes before the services that read them. What it did is in the
# journal.
#
# It needs no room on the disk where the saved files and their places share a file system, and writes nothing that it could do
# without: a disk that is full or read-only may be why the change went wrong. When it fails, systemd starts it again.
#
# It comes behind switch.sh. Needs flock, setpriv (util-linux) and systemctl.
: "${dir?}" "${name?}" "${flag?}" "${rights?}" "${own?}"

nl='
'
say() { systemd-cat -t rcprov echo "$name: $1" 2>/dev/null || :; }

# put_back makes the files be as in saved.list, and touches only those that are not.
put_back() {
	saved=$nl$(cat saved.list)$nl
	now=$nl$(each_file list)$nl
	IFS=$nl
	set -f
	for line in $now; do
		case $saved in *"$nl$line$nl"*) continue ;; esac
		path=${line%%"	"*}
		case $saved in *"$nl$path	d "*) if [ -d "$path" ] && ! [ -L "$path" ]; then continue; fi ;; esac
		rm -rf -- "$path"
		say "removed $path"
	done
	for line in $saved; do
		case $now in *"$nl$line$nl"*) continue ;; esac
		path=${line%%"	"*}
		case $line in
		"$path	d "*)
			mkdir -p -- "$path"
			chown --reference="saved$path" -- "$path"
			chmod --reference="saved$path" -- "$path"
			;;
		*) put_file "$path" ;;
		esac
		say "put $path back"
	done
	set +f
	unset IFS
}

# put_file PATH puts a saved file in its place: by a rename if that is possible, and else by a copy, for which the changed file
# makes room if there is none. Two mounts may be of one file system, and one of them read-only.
put_file() {
	mkdir -p -- "${1%/*}/"
	if [ "$(stat -c %d -- "saved${1%/*}/")" = "$(stat -c %d -- "${1%/*}/")" ] && mv -fT -- "saved$1" "$1" 2>/dev/null; then return; fi
	if ! cp -a -- "saved$1" "${1%/*}/.rcprov-back" || ! mv -fT -- "${1%/*}/.rcprov-back" "$1"; then
		rm -f -- "${1%/*}/.rcprov-back" "$1"
		cp -a -- "saved$1" "$1"
	fi
}

# rights_back gives the directories of rights their owner and mode again.
rights_back() {
	n=0
	for path; do
		n=$((n + 1))
		if [ ! -d "rights/$n" ] || [ -L "$path" ] || [ ! -d "$path" ]; then continue; fi
		if [ "$(stat -c '%u %g %a' -- "$path")" = "$(stat -c '%u %g %a' -- "rights/$n")" ]; then continue; fi
		chown --reference="rights/$n" -- "$path"
		chmod --reference="rights/$n" -- "$path"
		say "put the owner and the mode of $path back"
	done
}

# own_back puts the files of users back, each with the rights of its user.
own_back() {
	n=0
	while [ $# -gt 0 ]; do
		n=$((n + 1))
		if [ -e "own/$n" ]; then
			# shellcheck disable=SC2016 # the inner shell expands it
			as_user "$1" "$2" sh -euc '
				file=$1 dir=${1%/*} mode=$2 dirmode=$3
				umask 077
				[ -d "$dir" ] || mkdir -- "$dir"
				[ "$(stat -c %a -- "$dir")" = "$dirmode" ] || chmod -- "00$dirmode" "$dir"
				{ cat >"$dir/.rcprov-back" && chmod -- "$mode" "$dir/.rcprov-back" && mv -fT -- "$dir/.rcprov-back" "$file"; } || {
					rm -f -- "$dir/.rcprov-back" "$file"
					exit 1
				}
			' restore "$3" "$(cat "own/$n.mode")" "$(cat "own/$n.dirmode")" <"own/$n"
			say "put $3 back"
		fi
		shift 3
	done
}

export LC_ALL=C
cd "$dir" || exit
exec 7<settling # reading does for flock, and works on a disk that is read-only
flock 7
mv armed restoring 2>/dev/null || :
# A state that can't be renamed, on a disk that is read-only, can't be confirmed either.
if [ -e armed ] || [ -e restoring ]; then
	# A change that is still being made is ended first.
	if ! flock -n applying true; then
		kill -KILL "-$(cat pid)" || : # dash takes no --
		flock -w 10 applying true
	fi
	put_back
	eval "rights_back $rights"
	eval "own_back $own"
	sync
	if [ "${1:-}" = boot ]; then
		systemctl daemon-reload # units and their drop-ins were read before they were put back
	elif [ ! -e "$flag-reloaded" ]; then
		sh -eu ./reload 7<&- >&2 </dev/null || {
			say "the files are back, but what follows them failed; it is tried again"
			exit 1
		}
		: >"$flag-reloaded"
	fi
	[ ! -e armed ] || mv armed restoring
	mv restoring restored
	say "the previous state is back: no new login confirmed the change in time"
fi
disarm
for state in restored confirmed; do
	if [ -e $state ]; then echo $state; fi
done

# Functions by which root reads and changes what is below a path, so that nobody who may write to a directory on the way
# gains anything. The package comment says which rule each follows. Needs setpriv (util-linux) and getent.
#
#	door PATH MAKE SCRIPT [plain]   runs SCRIPT in the directory of PATH, by `sh -eu`, with start.sh before it
#	door_enter PATH MAKE            makes the directory of PATH the current one, as far as root may go
#	door_as COMMAND...              runs a command as the stranger whose directory that is, or as root
#
# MAKE is yes where missing directories are made (0755). The current directory is the open directory: what is done to `.`,
# `./NAME` and `../NAME` reaches it, whatever its path leads to by then. So door_enter walks from / by one name after the
# other, and looks at each before and after: a name in a directory that nobody else may write can't have been swapped, and
# any other must be the directory that was entered.
#
# What can't be done ends the script with a line "rcprov-door WORD<tab>...", which Refused in hostfile.go reads.
door_tab='	'
umask 022
set +f

door_no() {
	door_words=$1
	shift
	for door_word; do door_words=$door_words$door_tab$door_word; done
	printf 'rcprov-door %s\n' "$door_words" >&2
	exit 1
}

# door_is PATH reads what PATH is, links not followed.
door_is() {
	door_said=$(stat -c '%d:%i %u %f' -- "$1" 2>/dev/null) || return 1
	door_read "$door_said"
}

door_read() { door_id=${1%% *} door_mode=${1##* } door_uid=${1#* } door_uid=${door_uid%% *}; }

# door_here notes what was read last as the current directory.
door_here() { door_at_id=$door_id door_at_uid=$door_uid door_at_mode=$door_mode; }

# Modes are st_mode in hexadecimal, inode(7).
door_closed() { case $1 in *[02468ace][014589cd]) ;; *) return 1 ;; esac }
door_sticky() { case $1 in ?[2367abef]??) ;; *) return 1 ;; esac }

# door_ours UID: root is the only one to trust. Tests run as somebody else, who can do no more than that.
door_ours() { [ "$1" = 0 ] || [ "$1" = "$door_me" ]; }

door_enter() {
	door_me=${door_me:-$(id -u)}
	door_name=${1##*/} door_todo=${1%/*}/ door_make=$2 door_at='' door_links=0 door_rest='' door_x='' door_sure=yes
	cd -P / || exit
	door_is .
	door_here
	while [ -n "$door_todo" ]; do
		door_c=${door_todo%%/*} door_todo=${door_todo#*/}
		case $door_c in '' | .) continue ;; esac
		door_ours "$door_at_uid" || {
			door_rest=$door_c/$door_todo
			break
		}
		case $door_c in ..) # of a link of root's: the directory above is root's as well
			cd -P .. || exit
			door_is .
			door_here
			door_at=${door_at%/*}
			continue
			;;
		esac
		door_step
	done
	door_ours "$door_at_uid" || door_stranger "$door_at_uid" "${door_at:-/}"
}

# door_step goes from the current directory, which is root's, to $door_c.
door_step() {
	door_path=$door_at/$door_c
	if ! door_is "./$door_c"; then
		[ "$door_make" = yes ] || {
			echo "$door_path: No such file or directory" >&2
			exit 1
		}
		door_mkdir
		door_is "./$door_c"
	fi
	case $door_mode in
	a???)
		if ! door_closed "$door_at_mode" || ! door_ours "$door_uid"; then door_no link "$door_path" "$(door_name "$door_uid")"; fi
		door_links=$((door_links + 1))
		[ "$door_links" -le 40 ] || {
			echo "$door_path: Too many levels of symbolic links" >&2
			exit 1
		}
		door_target=$(readlink -- "./$door_c")
		case $door_target in /*)
			cd -P / || exit
			door_is .
			door_here
			door_at=
			;;
		esac
		door_todo=$door_target/$door_todo
		return
		;;
	4???) ;;
	*)
		echo "$door_path: Not a directory" >&2
		exit 1
		;;
	esac
	if door_closed "$door_at_mode"; then
		if ! cd -P -- "./$door_c" 2>/dev/null; then
			# A network file system may keep root out, but not the owner.
			door_ours "$door_uid" && door_no closed "$door_path"
			door_rest=$door_c/$door_todo door_todo='' door_at_uid=$door_uid door_at=$door_path
			return
		fi
	else
		door_into "./$door_c" "../$door_c" "$door_at_id" || door_no moved "$door_path"
		if door_ours "$door_uid" && ! door_sticky "$door_at_mode"; then door_sure=no; fi
	fi
	door_here
	door_at=$door_path
}

# door_private reports whether nobody but root has a say where door_enter has led, and the path leads there: what root does by
# path is as safe then.
door_private() { [ -z "$door_x" ] && [ "$door_sure" = yes ] && door_closed "$door_at_mode"; }

# door_into DIR NAME PARENT enters DIR and reads what it is. It fails unless NAME, as seen from there, is that directory
# itself, no link to it, and the directory above has the ID PARENT.
door_into() {
	cd -P -- "$1" 2>/dev/null || return 1
	door_said=$(stat -c '%d:%i %u %f' -- . .. "$2" 2>/dev/null) || return 1
	door_self=${door_said%%"$door_nl"*} door_said=${door_said#*"$door_nl"}
	door_read "${door_said%%"$door_nl"*}"
	[ "$door_id" = "$3" ] && [ "$door_self" = "${door_said#*"$door_nl"}" ] || return 1
	door_read "$door_self"
}
door_nl='
'

# door_mkdir makes the directory $door_c in the current one: 0755, and of root's group also where the directory above hands
# down another one (set-group-ID).
door_mkdir() {
	if door_closed "$door_at_mode"; then
		mkdir -- "./$door_c"
		door_plain "./$door_c"
		return
	fi
	door_stage "$door_c"
	mkdir -- ./new
	door_plain ./new
	mv -T -- ./new "../$door_c"
	door_unstage "$door_c"
}

door_plain() {
	[ ! -g "$1" ] || {
		chgrp -- "$(id -g)" "$1"
		chmod -- 00755 "$1" # with four digits, chmod of GNU keeps such bits of directories
	}
}

# door_stage NAME enters a directory that only root can enter, made in the current one, which others may write. Nobody but
# root can move it to another directory, so `..` stays what it is. What a killed run left in it is removed; it is not used
# unless it holds nothing else.
door_stage() {
	door_said=$(mkdir -m 0700 -- "./.$1.rcprov" 2>&1) || [ -d "./.$1.rcprov" ] || {
		printf '%s\n' "$door_said" >&2
		exit 1
	}
	door_into "./.$1.rcprov" "../.$1.rcprov" "$door_at_id" || door_no moved "$door_at/.$1.rcprov"
	case $door_uid:$door_mode in "$door_me":4[15]c0) ;; *) door_no taken "$door_at/.$1.rcprov" "$(door_name "$door_uid")" ;; esac
	for door_f in ./* ./.[!.]* ./..?*; do
		case $door_f in ./new | ./old) rm -rf --one-file-system -- "$door_f" ;; './*' | './.[!.]*' | './..?*') ;; *) door_no taken "$door_at/.$1.rcprov" root ;; esac
	done
}

door_unstage() {
	cd -P .. || exit
	rmdir -- "./.$1.rcprov"
}

# door_name UID prints the name of a user, or the number of one without.
door_name() {
	door_entry=$(getent passwd "$1") || door_entry=$1:
	printf %s "${door_entry%%:*}"
}

# door_stranger UID PATH makes the user the one by whose rights the rest is done, because PATH is the user's.
door_stranger() {
	door_x=$1 door_because=$2
	door_who=$door_x door_groups=--clear-groups door_gid=65534
	if door_entry=$(getent passwd "$door_x"); then
		door_who=${door_entry%%:*} door_groups=--init-groups
		door_entry=${door_entry#*:*:*:}
		door_gid=${door_entry%%:*}
	elif [ "$(stat -c %g .)" = "$door_x" ]; then
		door_gid=$door_x # a container's user mostly has a group of the same number
	fi
}

# What has the rights of a user may be led to a named pipe that nobody writes to, so it has an end: $door_limit seconds, or 50.
door_as() {
	if [ -z "$door_x" ]; then
		"$@"
	else
		timeout -s KILL "${door_limit:-50}" setpriv --reuid="$door_x" --regid="$door_gid" "$door_groups" --inh-caps=-all -- "$@" 3>&- 4>&- 9>&-
	fi
}

# door_want OWNER GROUP ends the script where the stranger can't give a file to these.
door_want() {
	[ -n "$door_x" ] || return 0
	case $1 in
	*[!0-9]*) door_uid=$(id -u -- "$1" 2>/dev/null) || door_uid=none ;;
	*) door_uid=$1 ;;
	esac
	[ "$door_uid" = "$door_x" ] || door_no owner "$door_because" "$door_who" "$1"
	case $2 in
	*[!0-9]*) door_id=$(getent group -- "$2") && door_id=${door_id#*:*:} && door_id=${door_id%%:*} || door_id=none ;;
	*) door_id=$2 ;;
	esac
	case " $(door_as id -G) " in *" $door_id "*) ;; *) door_no group "$door_because" "$door_who" "$2" ;; esac
}

door() {
	door_enter "$1" "$2"
	door_open "$2" "$3" "${4:-}"
}

# door_open MAKE SCRIPT [plain] runs a script where door_enter has led, for $door_name. With plain, also in a directory that
# others may write: for what one system call does to a name.
door_open() {
	door_vars "$1"
	if [ -n "$door_x" ]; then
		door_as sh -euc "${door_start?}$2" || {
			door_status=$?
			[ $door_status != 137 ] || door_no slow "$door_because" "$door_who"
			printf 'rcprov-door as\t%s\t%s\n' "$door_because" "$door_who" >&2
			exit $door_status
		}
	elif [ -z "${3:-}" ] && ! door_closed "$door_at_mode"; then
		door_stage "$name"
		world=shared new=./new to=../$name
		door_status=0
		sh -euc "${door_start?}$2" || door_status=$?
		door_unstage "$name"
		[ $door_status = 0 ] || {
			printf 'rcprov-door in\t%s\n' "$door_at/.$name.rcprov" >&2
			exit $door_status
		}
	else
		sh -euc "${door_start?}$2"
	fi
}

door_vars() {
	export rest="$door_rest" make="$1" name="${door_name:-.}" world=root sure="$door_sure"
	export new="./.$name.rcprov" to="./$name"
	if [ -n "$door_x" ]; then export world=stranger sure=no from="$door_because"; fi
}

# door_give gives the directory $door_name to the stranger if it is root's: only root can do that, from within. It goes there
# by names that are directories, no links. Nobody can move a directory of root's into one of their own: root made it there.
door_give() (
	[ -n "$door_x" ] || exit 0
	door_todo=$door_rest$door_name/
	while [ -n "$door_todo" ]; do
		door_c=${door_todo%%/*} door_todo=${door_todo#*/}
		[ -n "$door_c" ] || continue
		door_into "./$door_c" "../$door_c" "$door_at_id" || exit 0
		door_here
	done
	[ "$door_uid" != 0 ] || chown -- "$door_x" .
)

# door_backup FILE copies the stranger's file to FILE, where only root can read it.
door_backup() (
	umask 077
	door_vars no
	mkdir -p -- "${1%/*}"
	# shellcheck disable=SC2016 # for the other shell
	door_as sh -euc "${door_start?}"'find_old; [ -n "$old" ] || exit 3; cat -- "$old"' </dev/null >"$1.new" || {
		door_status=$?
		rm -f -- "$1.new"
		[ $door_status = 3 ] || exit $door_status
		exit 0
	}
	chown -- "$door_x" "$1.new"
	mv -fT -- "$1.new" "$1"
)

# Functions that print what paths are. File.sh calls them as root, and has others call them by their own rights.
#
# each LIST COMMAND... runs a command for the lines of a list, as few times as the kernel's limit for arguments allows. It is for
# a subshell of its own, which the command replaces.
#
# convert VAR FUNCTION LIST sets VAR to what a function makes of the lines of a list: of item it makes said, or nothing.
#
# look LIST prints, of each path of the list that is there, and sets stats to that:
#
#	stat MODE<tab>UID:GID<tab>SIZE<tab>MTIME<tab>CTIME<tab>PATH
#	name UID:GID<tab>USER<tab>GROUP    for each pair but root's, and those that names has already: these lines
#
# tell prints, of each of those that is a symbolic link:
#
#	link PATH
#	target TARGET           of those links, in the same order, and something more at the end ...
#	targets BASE64          ... or all targets, each ended by NUL, where one has a newline
#
# and of each of the subjects that is a regular file, and has no points for a sum:
#
#	sum SHA256  PATH        as sha256sum(1) does ...
#	same SHA256  -          ... or, with $whole, of the lines of all, when many are as $contents has them
#	unread PATH<tab>WHY     instead, if it could not be read
#	content PATH            for each whose line is not in $subjects, unless the file has more than $max bytes ...
#	contents BASE64         ... and what head(1) prints of these, each behind its name; alone prints it as it is, behind a
#	                        line "contents", at the end
#
# alone does both; if there are no subjects, they come by standard input. If base is not empty, paths below it are looked at from the
# current directory, and named with ./ in place of base.
#
# A line of $subjects is like one of sha256sum: a SHA-256, or 64 dashes where the content is wanted in any case, or 64 points
# where it isn't; two spaces; the path. With $whole, $contents are those without points.
#
# There may be ten thousand subjects, so each is passed once. A long list that grows line by line would be copied each time: a
# loop prints it instead. For few, starting programs and subshells is what takes the time: so each program is started once for
# all files, and all else is done by what every shell has built in. Needs xargs (findutils).
set -f
tab='	'
nl='
'
IFS=$nl
loose='' within=root

each() {
	each_list=$1
	shift
	# shellcheck disable=SC2086 # a list
	if [ "${#each_list}" -lt 50000 ]; then exec "$@" $each_list; else printf '%s\n' "$each_list" | xargs -d '\n' "$@"; fi
}

convert() {
	converted=
	if [ "${#3}" -lt 20000 ]; then
		for item in $3; do
			said=
			"$2"
			[ -z "$said" ] || converted=$converted${converted:+$nl}$said
		done
	else
		converted=$(print_converted "$2" "$3")
	fi
	eval "$1=\$converted"
}
print_converted() {
	for item in $2; do
		said=
		"$1"
		[ -z "$said" ] || printf '%s\n' "$said"
	done
}

# paths VAR LIST sets VAR to the paths in lines like those of sha256sum.
paths() {
	if [ "${#2}" -lt 20000 ]; then convert "$1" path_of "$2"; else eval "$1=\$(printf '%s\n' \"\$2\" | cut -b 67-)"; fi
}
path_of() { said=${item#*  }; }

# from_here makes of a subject's path what it is from the current directory.
from_here() {
	said=${item#*  }
	said=${base:+.}${said#"$base"}
}

look() {
	there=no
	stats=$(each "$1" stat -c "stat %f$tab%u:%g$tab%s$tab%Y$tab%Z$tab%n" --) && there=all
	printf '%s\n' "$stats"
	# A program that looks up names does so for each file again.
	pairs=' 0:0 ' some=
	for line in $names; do
		line=${line#name }
		pairs="$pairs${line%%"$tab"*} "
	done
	for line in $stats; do
		pair=${line#*"$tab"}
		pair=${pair%%"$tab"*}
		case $pairs in *" $pair "*) ;; *) pairs="$pairs$pair " some=$some$nl${line#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"} ;; esac
	done
	[ -z "$some" ] || names=$names$nl$(each "${some#?}" stat -c "name %u:%g$tab%U$tab%G" -- 2>/dev/null) || :
	[ -z "$names" ] || printf '%s\n' "$names"
}

link_of() { case $item in "stat a"*"$tab/./"*) ;; "stat a"*) said=${item#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"} ;; esac }

tell_links() {
	convert links link_of "$stats"
	[ -n "$links" ] || return 0
	# shellcheck disable=SC2086 # a list
	printf 'link %s\n' $links
	# The last one shows empty lines before it.
	targets=$(each "$links$nl/proc/self" readlink --) || targets=$nl$nl
	lines=-1
	for line in $targets; do lines=$((lines + 1)); done
	for line in $links; do lines=$((lines - 1)); done
	case $nl$targets in *"$nl$nl"*) lines= ;; esac
	# shellcheck disable=SC2086 # a list
	if [ "$lines" = 0 ]; then printf 'target %s\n' $targets; else
		printf 'targets '
		each "$links" readlink -z -- | base64 -w0
		echo
	fi
}

# regular makes of a subject its line, with the path from the current directory, if that is a file whose content is asked for: not
# a link, nor a FIFO, which would hang.
regular() {
	case $item in .*) return ;; esac
	from_here
	if [ -f "$said" ] && [ ! -L "$said" ]; then said="${item%%  *}  $said"; else said=; fi
}
new_sum() { case $nl$known$nl in *"$nl$item$nl"*) ;; *) said=${item#*  } ;; esac }
size_of() {
	path=${item#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"} size=${item#*"$tab"*"$tab"}
	case $nl$wanted$nl in *"$nl$path$nl"*) said="${size%%"$tab"*} $path" ;; esac
}
# shellcheck disable=SC2154 # file.sh sets max
small() { [ "${item%% *}" -gt "$max" ] || said=${item#* }; }

tell_contents() {
	known=${contents:-}
	case ${whole:-}$there$nl$stats in
	yesall"$nl"*"${nl}stat "[!48]* | yesno* | [!y]*) convert known regular "$subjects" ;;
	esac
	[ -n "$known" ] || return 0
	paths files "$known"
	apart='' sums=
	# What others may swap is read by file.sh.
	[ -z "$loose" ] || take_apart
	# uutils gives up at the first file that it can't read, without its name; then each file gets a process of its own.
	[ -z "$files" ] || sums=$(each "$files" sha256sum -- 2>/dev/null) || sums=$(for f in $files; do
		if sum=$(sha256sum -- "$f" 2>&1); then printf '%s\n' "$sum"; else printf 'unread %s\t%s\n' "$f" "$sum"; fi
	done)
	# shellcheck disable=SC2086 # a list
	[ -z "$apart" ] || sums=$sums${sums:+$nl}$(sum_apart $apart)
	unread=
	case $nl$sums in
	*"${nl}unread "* | *"$nl\\"*)
		# A path that sha256sum escapes begins its line with a backslash.
		sums=$(for line in $sums; do
			case $line in \\*) printf '%b\n' "${line#?}" ;; *) printf '%s\n' "$line" ;; esac
		done)
		unread=$(for line in $sums; do
			case $line in "unread "*) printf '%s\n' "$line" ;; esac
		done)
		[ -z "$unread" ] || {
			printf '%s\n' "$unread"
			sums=$(for line in $sums; do
				case $line in "unread "*) ;; *) printf '%s\n' "$line" ;; esac
			done)
		}
		;;
	esac
	[ -n "$sums" ] || return 0
	if [ "$sums" = "$known" ]; then
		if [ -n "${whole:-}" ] && [ "${#sums}" -ge 50000 ]; then
			printf 'same %s\n' "$(printf '%s\n' "$sums" | sha256sum)"
			return
		fi
		# shellcheck disable=SC2086 # a list
		printf 'sum %s\n' $sums
		return
	fi
	# shellcheck disable=SC2086 # a list
	printf 'sum %s\n' $sums
	if [ "${#sums}" -lt 20000 ]; then
		convert wanted new_sum "$sums"
	else
		# What is known stands there twice or more, what isn't once. The size keeps sort from making a file.
		wanted=$(printf '%s\n' "$known" "$known" "$sums" | sort -S 128M | uniq -u | cut -d ' ' -f 3-)
	fi
	[ -n "$wanted" ] || return 0
	if [ "${#stats}" -lt 20000 ]; then convert sizes size_of "$stats"; else sizes=$(each "$wanted" stat -c '%s %n' -- 2>/dev/null); fi
	convert files small "$sizes"
	[ -n "$files" ] || return 0
	[ -z "$loose" ] || take_apart
	# shellcheck disable=SC2086 # lists
	printf 'content %s\n' $files $apart
	if [ "$within" = alone ]; then
		echo contents
		each "$files" head -v -c "$max" -- 2>/dev/null
	else
		printf 'contents '
		# shellcheck disable=SC2086 # a list
		if [ -z "$apart" ]; then each "$files" head -v -c "$max" --; else
			[ -z "$files" ] || (each "$files" head -v -c "$max" --)
			head_apart $apart
		fi | base64 -w0
		echo
	fi
}

tell() {
	case $nl$stats in *"${nl}stat a"*) tell_links ;; esac
	tell_contents
}

alone() {
	within=alone
	[ -n "$subjects" ] || subjects=$(cat)
	convert seen from_here "$subjects"
	# shellcheck disable=SC2154 # convert sets it
	look "$seen"
	tell
}

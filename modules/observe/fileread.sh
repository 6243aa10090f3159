# Functions that print what paths are. File.sh calls them as root, and has others call them by their own rights.
#
# each LIST COMMAND... runs a command for the lines of a list, as few times as the kernel's limit for arguments allows.
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
#	contents BASE64         ... and what head(1) prints of these, each behind its name
#
# alone does both; if there are no subjects, they come by standard input. If base is not empty, paths below it are looked at from the
# current directory, and named with ./ in place of base.
#
# A line of $subjects is like one of sha256sum: a SHA-256, or 64 dashes where the content is wanted in any case, or 64 points
# where it isn't; two spaces; the path. With $whole, $contents are those without points.
#
# There may be ten thousand subjects, so each is passed once. A list that grows line by line would be copied each time: a
# loop prints it instead. Starting programs is what takes the time for few, so each is started once for all files, and all
# else is done by what every shell has built in. Needs xargs (findutils).
set -f
tab='	'
nl='
'
IFS=$nl
loose=

each() {
	each_list=$1
	shift
	# shellcheck disable=SC2086 # a list
	if [ "${#each_list}" -lt 50000 ]; then "$@" $each_list; else printf '%s\n' "$each_list" | xargs -d '\n' "$@"; fi
}

# paths LIST prints the paths in lines like those of sha256sum.
paths() {
	if [ "${#1}" -lt 20000 ]; then
		for line in $1; do printf '%s\n' "${line#*  }"; done
	else
		printf '%s\n' "$1" | cut -b 67-
	fi
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

tell_links() {
	links=$(for line in $stats; do
		case $line in "stat a"*"$tab/./"*) ;; "stat a"*) printf '%s\n' "${line#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"}" ;; esac
	done)
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

tell_contents() {
	known=${contents:-}
	# Not a link, nor a FIFO, which would hang.
	case ${whole:-}$there$nl$stats in
	yesall"$nl"*"${nl}stat "[!48]* | yesno* | [!y]*)
		known=$(for line in $subjects; do
			case $line in .*) continue ;; esac
			f=${line#*  }
			f=${base:+.}${f#"$base"}
			if [ -f "$f" ] && [ ! -L "$f" ]; then printf '%s  %s\n' "${line%%  *}" "$f"; fi
		done)
		;;
	esac
	[ -n "$known" ] || return 0
	files=$(paths "$known") apart='' sums=
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
		wanted=$(for line in $sums; do
			case $nl$known$nl in *"$nl$line$nl"*) ;; *) printf '%s\n' "${line#*  }" ;; esac
		done)
	else
		# What is known stands there twice or more, what isn't once. The size keeps sort from making a file.
		wanted=$(printf '%s\n' "$known" "$known" "$sums" | sort -S 128M | uniq -u | cut -d ' ' -f 3-)
	fi
	[ -n "$wanted" ] || return 0
	sizes=$(if [ "${#stats}" -lt 20000 ]; then
		for line in $stats; do
			f=${line#*"$tab"*"$tab"*"$tab"*"$tab"*"$tab"} size=${line#*"$tab"*"$tab"}
			case $nl$wanted$nl in *"$nl$f$nl"*) printf '%s %s\n' "${size%%"$tab"*}" "$f" ;; esac
		done
	else
		each "$wanted" stat -c '%s %n' -- 2>/dev/null
	fi)
	# shellcheck disable=SC2154 # file.sh sets max
	files=$(for line in $sizes; do
		[ "${line%% *}" -gt "$max" ] || printf '%s\n' "${line#* }"
	done)
	[ -n "$files" ] || return 0
	[ -z "$loose" ] || take_apart
	# shellcheck disable=SC2086 # lists
	{
		printf 'content %s\n' $files $apart
		printf 'contents '
		{
			[ -z "$files" ] || each "$files" head -v -c "$max" --
			[ -z "$apart" ] || head_apart $apart
		} | base64 -w0
	}
	echo
}

tell() {
	case $nl$stats in *"${nl}stat a"*) tell_links ;; esac
	tell_contents
}

alone() {
	[ -n "$subjects" ] || subjects=$(cat)
	look "$(for line in $subjects; do
		f=${line#*  }
		printf '%s\n' "${base:+.}${f#"$base"}"
	done)"
	tell
}

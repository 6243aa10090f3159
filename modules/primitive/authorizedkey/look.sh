# Looks for the keys of all users (names) at once. A question is three words: its number, the user, and the file or "". Prints
# lines "NUMBER ...": "user UID FILE" and "home DIRECTORY", or "nobody"; "stat MODE UID PATH" for each of home, directory and
# file; what read.sh prints, by the rights of the user; or, for root itself, "plain", and then lines "FILE:LINE" with the
# content. Its status is that of grep, which is not 1. Needs account.sh, getent and grep.
# shellcheck disable=SC2154 # split_entry sets uid, home and path
: "${names?}" "${questions?}" "${read?}"

set -f
nl='
'
# The root of /proc is root's: -O, which dash and bash have, starts no program.
# shellcheck disable=SC2034 # for as_user
me=0
# shellcheck disable=SC2034 # the same
[ -O /proc ] 2>/dev/null || me=$(id -u)
paths=
plain=
# shellcheck disable=SC2086 # names are split
entries=$(getent passwd -- $names)
status=$?

account() {
	IFS=$nl
	for entry in $entries; do
		case $entry in "$1":*) ;; *) continue ;; esac
		split_entry "$entry" "$2"
		return
	done
	return 1
}

who() {
	account "$2" "$3" || {
		[ "$status" != 2 ] || echo "$1 nobody"
		return
	}
	printf '%s user %s %s\n%s home %s\n' "$1" "$uid" "$path" "$1" "$home"
	[ -n "$3" ] || paths=$paths$nl$home$nl${path%/*}$nl$path
}

known() {
	for line in $stats; do
		case $line in "$uid $2 "*) printf '%s stat %s %s %s\n' "$1" "${line##* }" "$uid" "$2" ;; esac
	done
}

# ordinary is for files in the default place that belong to the user, with no link on the way. Their content is read by the
# rights of the user all the same, who could lead the path elsewhere meanwhile.
ordinary() {
	case $nl$stats in *"$nl$uid $home dr"?x*) ;; *) return 1 ;; esac
	case $nl$stats in
	*"$nl$uid ${path%/*} dr"?x*) ;;
	*" ${path%/*} "*) return 1 ;;
	*)
		known "$1" "$home"
		return
		;;
	esac
	case $nl$stats in
	*"$nl$uid $path -r"*)
		if [ "$uid" = 0 ]; then
			plain=$plain$nl$path
			echo "$1 plain"
		else
			content=$(as_user base64 -w0 -- "$path" 2>/dev/null) || return 1
			case $content in *[!A-Za-z0-9+/=]*) return 1 ;; esac
			printf '%s content %s\n' "$1" "$content"
		fi
		;;
	*" $path "*) return 1 ;;
	esac
	known "$1" "$home"
	known "$1" "${path%/*}"
	known "$1" "$path"
}

look() {
	account "$2" "$3" || return
	if [ -n "$3" ] || ! ordinary "$1"; then
		# The user may have a hand in what the process prints: it counts only for this question.
		answer=$(
			number=$1
			export number home path
			as_user sh -c "$read"
		)
		IFS=$nl
		for line in $answer; do
			case $line in "$1 user "* | "$1 home "* | "$1 plain"* | "$1 nobody"*) ;; "$1 "*) printf '%s\n' "$line" ;; esac
		done
	fi
}

eval "set -- $questions"
while [ $# -gt 0 ]; do
	who "$1" "$2" "$3"
	shift 3
done
IFS=$nl
stats=
# shellcheck disable=SC2086 # paths are split at newlines
[ -z "$paths" ] || stats=$(stat -c '%u %n %A %f' -- $paths 2>/dev/null)
eval "set -- $questions"
while [ $# -gt 0 ]; do
	look "$1" "$2" "$3"
	shift 3
done
IFS=$nl
# shellcheck disable=SC2086 # paths are split at newlines
[ -z "$plain" ] || grep -aH '' -- $plain || [ $? = 1 ] # the files are empty

# The part behind unit.sh. Passes the properties in $shown and the stamps in $stamps on; then it prints, tab-separated, a
# line for each thing that it learned of files:
#
#	program PID PROGRAM     the program file that runs as PID
#	replaced PID PROGRAM    the program file that runs as PID was deleted, and there is another one in its place
#	removed PID PROGRAM     the same, and there is none
#	directory PID DIRECTORY the working directory of PID
#	lost PID DIRECTORY      the working directory of PID was deleted, whether there is another one or not
#	link CTIME TARGET PATH  of symbolic links
#	file TYPE CTIME PATH    links followed; TYPE as find's %y
#	SHA256  PATH            as sha256sum prints it
#
# $all says whether all fingerprints are wanted, those of the files in the stamps too. It loops over variables, because
# `read` costs a system call for each byte. Needs find(1) of GNU.
: "${shown?}" "${stamps?}" "${all?}" "${watched?}"

nl='
' tab='	' processes=
printf '%s\n\n%s\n' "$shown" "$stamps"
eval "set -- $watched"
set -f
IFS=$nl
[ "$all" != yes ] || for line in $stamps; do
	case $line in *"$tab"invocation"$tab"* | *"$tab"changed"$tab"*) ;; *) set -- "$@" "${line##*"$tab"}" ;; esac
done
for line in $shown; do
	case $line in
	FragmentPath=/dev/null) ;;
	FragmentPath=/*) set -- "$@" "${line#*=}" ;;
	DropInPaths=/*)
		IFS=' '
		# shellcheck disable=SC2086 # paths, between spaces
		set -- "$@" ${line#*=}
		;;
	MainPID=[1-9]*) processes="$processes /proc/${line#*=}/exe /proc/${line#*=}/cwd" ;;
	esac
done
[ -n "$processes$*" ] || exit 0
# What an archive replaces it moves into .NAME.rcprov/old (see archive.Step.Staging), before it removes it there.
before() {
	gone=$1
	case $gone in */.*.rcprov/old/*)
		name=${gone%%.rcprov/old/*}
		gone=${name%/.*}/${name##*/.}/${gone#*.rcprov/old/}
		;;
	esac
}
IFS=' '
# A program chooses the name of its working directory: one with a newline could look like another answer.
# shellcheck disable=SC2086 # a list
seen=$(find $processes "$@" -maxdepth 0 \( -type l ! -lname "*$nl*" -printf 'link\t%C@\t%l\t%p\n' -o -printf 'file\t%y\t%C@\t%p\n' \))
set --
IFS=$nl
for line in $seen; do
	case $line in
	link"$tab"*"$tab"/proc/*/exe)
		gone=${line#link"$tab"*"$tab"} gone=${gone%"$tab"*}
		pid=${line##*"$tab"/proc/} how=program
		case $gone in *' (deleted)')
			before "${gone% (deleted)}"
			how=removed
			[ ! -e "$gone" ] || how=replaced
			;;
		esac
		printf '%s\t%s\t%s\n' "$how" "${pid%/exe}" "$gone"
		;;
	link"$tab"*" (deleted)$tab"/proc/*/cwd)
		pid=${line##*"$tab"/proc/} gone=${line#link"$tab"*"$tab"}
		before "${gone% (deleted)*}"
		printf 'lost\t%s\t%s\n' "${pid%/cwd}" "$gone"
		;;
	link"$tab"*"$tab"/proc/*/cwd)
		pid=${line##*"$tab"/proc/} gone=${line#link"$tab"*"$tab"}
		printf 'directory\t%s\t%s\n' "${pid%/cwd}" "${gone%"$tab"*}"
		;;
	link*)
		printf '%s\n' "$line"
		set -- "$@" "${line##*"$tab"}"
		;;
	esac
done
files=$seen
if [ $# -gt 0 ]; then files=$seen$nl$(find -L "$@" -maxdepth 0 -printf 'file\t%y\t%C@\t%p\n'); fi
set --
for line in $files; do
	case $line in "file$tab"*) printf '%s\n' "$line" ;; *) continue ;; esac
	case $line in "file${tab}f$tab"*) ;; *) continue ;; esac
	changed=${line#"file${tab}f$tab"}
	path=${changed#*"$tab"}
	if [ "$all" = yes ]; then
		set -- "$@" "$path"
		continue
	fi
	case $nl$stamps$nl in
	*"$tab$changed$nl"*) ;;
	*"$tab$path$nl"*) set -- "$@" "$path" ;;
	esac
done
# In a directory of somebody else there may be a named pipe by now.
[ $# -eq 0 ] || timeout -s KILL 50 sha256sum -- "$@"

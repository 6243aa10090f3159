# What stands before each script that door runs. It ends in the directory that holds $name: `$to` is what the script is
# about, `$new` a name for what it makes first and renames then. $world is:
#
#	root       nobody but root may write there: $new is beside $to
#	shared     root's directory in which others may write: this is a directory in it that only root can enter, $to is above
#	stranger   somebody else's directory: the script runs with the rights of that user
#
# In a shared directory, pin makes `./old` another name of what $to is, which nobody else can swap. enter DIR enters a
# directory that is no link, and find_old sets $old to a name of the regular file that $to is, or to nothing.
: "${rest?}" "${make?}" "${name?}" "${world?}" "${sure?}" "${new?}" "${to?}"

# go COMMAND... runs a command with the directory, named from the one that was entered.
go() {
	said=$("$@" -- "./$rest" 2>&1) && return
	echo "${from?}/${rest%/}: ${said##*: }" >&2
	exit 1
}
if [ "$world" = stranger ]; then
	umask 022
	if [ "$make" = yes ]; then go mkdir -p; fi
	cd -P -- "./$rest" 2>/dev/null || go ls -d
fi
umask 077
nl='
'

entry() { stat -c '%d:%i %f' -- "$@" 2>/dev/null; }

enter() {
	seen=$(entry "$1")
	case $seen in *' 4'???) ;; *) return 1 ;; esac
	[ "$world" != stranger ] || ls -d -- "$1/." >/dev/null || exit 1 # says that the user may not
	cd -P -- "$1" && [ "$(entry .)" = "$seen" ] && case $1 in
	./.) ;;
	*) [ "$(entry "../${1##*/}")" = "$seen" ] ;;
	esac
}

moved() {
	printf 'rcprov-door moved\t%s\n' "$to" >&2
	exit 1
}

# closed is whether nobody but its owner may write to the directory.
closed() { case $(stat -c %f -- .) in *[02468ace][014589cd]) ;; *) return 1 ;; esac }

is_file() { [ -f "$1" ] && [ ! -L "$1" ]; }

pin() {
	ln -P -- "$to" ./old 2>/dev/null || return 1
	if ! is_file ./old; then
		rm -f -- ./old
		return 1
	fi
	# What has a third name is somewhere else as well.
	names=$(stat -c '%d:%i %h' -- ./old "$to" 2>/dev/null) || names=
	if [ "${names%% *} 2" != "${names#*"$nl"}" ]; then
		rm -f -- ./old
		moved
	fi
}

# shellcheck disable=SC2034 # for the script behind this
find_old() {
	old=
	if [ "$world" = shared ]; then
		if is_file "$to" && pin; then old=./old; fi
	elif is_file "$to"; then
		old=$to
	fi
}

# show SECONDS prints what is in the file. Where others may give its name to something else, a link that is there by now is not
# followed, and a named pipe not waited for; anywhere else, it has so much time.
show() {
	if [ "$world" = root ] && ! closed; then
		is_file "$to" || moved
		dd if="$to" iflag=nofollow,nonblock bs=64k status=none
	else
		timeout -s KILL "$1" cat -- "$to"
	fi
}

# Prints, of each of the calls of check in $checks:
#
#	repository FILE
#	also FILE       another file of apt's sources in which one of its addresses is
#	E: TEXT         apt's errors about its sources as a whole, only if there is such a file
#
# apt reads no source at all if two of them contradict each other. Needs apt-get, where there is such a file.
: "${checks?}"

check() { # check FILE URI...
	own=$1
	printf 'repository %s\n' "$own"
	shift
	for uri; do
		shift
		set -- "$@" -e "$uri"
	done
	found=$(grep -lsF "$@" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources) || :
	case $found in "" | "$own") return 0 ;; esac
	others=$(printf '%s\n' "$found" | grep -vxF -e "$own") || return 0
	printf '%s\n' "$others" | sed 's/^/also /'
	apt-get indextargets 2>&1 >/dev/null | grep '^E: ' || :
}
eval "$checks"

# Prints what dpkg has not ended, from its database:
#
#	Journal             there are changes that it has noted, but not merged
#	Package: NAME       of a package that is neither installed nor removed as a whole, with some lines of its record
#	Status: STATUS      of the package
#	Locked              a program is at work with dpkg
#
# Prints nothing where nothing is unfinished. Only elsewhere does it matter whether dpkg is at work, and what is unfinished is
# looked at again, since it may have come to its end meanwhile.

cd /var/lib/dpkg || exit 1
states='^Status: [a-z]+ (reinstreq [a-z-]+|ok (unpacked|half-[a-z]+|triggers-[a-z]+))$'
unfinished() {
	for f in updates/[0-9]*; do
		if [ -e "$f" ]; then echo Journal; fi
		break
	done
	grep -B3 -E "$states" status
	[ $? -le 1 ]
}
set -- updates/[0-9]*
if [ ! -e "$1" ]; then
	grep -qE "$states" status
	case $? in 0) ;; 1) exit 0 ;; *) exit 1 ;; esac
fi
for inode in $(stat -c %i lock lock-frontend 2>/dev/null); do
	while read -r line; do
		case $line in *":$inode "*)
			echo Locked
			break
			;;
		esac
	done </proc/locks
done
unfinished

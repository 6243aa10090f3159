# A function for each.sh of package hostfile. It prints "absent", "same" if the digest of what it would print is the expected one, or
#
#	TYPE MODE OWNER GROUP UID GID<tab>NAME<tab>TARGET    for each entry of a directory, and the directory itself; nothing
#	                                                     of what is in one that is skipped
#	SHA256 *./NAME                                       for each file
#
# The digest is without UID and GID. What the owner can't read has no sum, and a directory that the owner can't enter no entries. Needs find and xargs.
: "${skip?}" "${digest?}"

look() (
	if [ ! -d "$1" ] || [ -L "$1" ]; then
		echo absent
		exit
	fi
	cd -P -- "$1" || exit 1
	eval "set -- $skip"
	prune=
	for name; do
		shift
		set -- "$@" ${prune:+-o} -name "$name"
		prune=yes
	done
	format='%y %m %u %g %U %G\t%P\t%l\n'
	if [ -n "$prune" ]; then set -- '(' "$@" ')' -prune; fi
	sums=$(timeout -s KILL 45 find . -xdev -mindepth 1 "$@" ${prune:+-o} -type f -print0 | timeout -s KILL 45 xargs -0 -r sha256sum -b) || [ $? -le 123 ] || exit 1
	if [ -n "$prune" ]; then set -- "$@" -printf "$format" -o; fi
	names=$(find . -maxdepth 0 -printf "$format" && { find . -xdev -mindepth 1 "$@" -printf "$format" || [ $? = 1 ]; }) || exit 1
	is=$({
		printf '%s\n' "$names" | sed 's/^\([^ ]* [^ ]* [^ ]* [^ ]*\) [0-9]* [0-9]*\t/\1\t/'
		[ -z "$sums" ] || printf '%s\n' "$sums"
	} | LC_ALL=C sort | sha256sum)
	if [ "${is%% *}" = "$digest" ]; then
		echo same
	else
		printf '%s\n' "$names" "$sums"
	fi
)

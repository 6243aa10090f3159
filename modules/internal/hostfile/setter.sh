# The part of rights.sh in the directory of the path. An empty owner stays who it is.
#
# A file in a directory that others may write is replaced by its copy: it may have other names, which root doesn't know. So is
# one that is not the stranger's.
: "${new?}" "${to?}" "${world?}"
: "${mode?}" "${owner?}" "${group?}" "${deep?}"

if [ "$deep" = yes ]; then deep=-R; else deep=; fi
if [ -d "$to" ] && [ ! -L "$to" ]; then
	enter "$to" || moved
	# chown goes down by open directories and follows no link (fts(3)); it does a directory after what is in it, so that
	# the next run sees what a killed one left.
	[ -z "$owner" ] || chown -h ${deep:+"$deep"} -- "$owner:$group" .
	chmod -- "00$mode" . # after chown, which clears the set-user-ID bits; with four digits, chmod of GNU keeps those that are set
	exit
fi
find_old
[ -n "$old" ] || {
	printf 'rcprov-door moved\t%s\n' "$to" >&2
	exit 1
}
copy=no
if [ "$world" = shared ] || { [ "$world" = stranger ] && [ ! -O "$old" ]; }; then copy=yes; fi
if [ $copy = yes ]; then
	[ -n "$owner" ] || owner=$(stat -c %u -- "$old") group=$(stat -c %g -- "$old")
	cp -- "$old" "$new"
	old=$new
fi
[ -z "$owner" ] || chown -h -- "$owner:$group" "$old"
chmod -- "$mode" "$old" # after chown, which clears the set-user-ID bit
if [ $copy = yes ]; then
	sync -- "$new"
	mv -fT -- "$new" "$to"
fi
[ "$world" != shared ] || rm -f -- ./old

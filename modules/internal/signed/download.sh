# Makes the file `file` in $dir and prints "rcprov-digest SHA256 DIGEST LEFT": its SHA-256, its digest by $program with the
# trailer behind it (given as \NNN, octal), and whether it began with what a run that was killed had left. All that such a
# run has fetched is used, and all that was prepared. $dir is the staging directory, or the one in which things are
# prepared for it.
#
# It comes behind the functions of packages hostfile and fetch. Where others may write, the staging directory is store.
: "${url?}" "${path?}" "${staging?}" "${store?}" "${prepared?}" "${dir?}" "${program?}" "${trailer?}"

umask 022
if [ "$dir" = "$prepared" ]; then
	ahead "$path" "$staging" "$dir"
else
	door_enter "$path" yes
	if ! door_private; then dir=$store; fi
	cd /
	if [ -L "$dir" ]; then rm -f -- "$dir"; fi
	mkdir -p -- "$dir"
	chmod 0755 -- "$dir"
	adopt "$prepared" "$dir"
fi
left=yes
if [ -L "$dir/file" ] || [ ! -f "$dir/file" ]; then download "$url" "$dir"; fi
[ ! -L "$dir/file" ] || fail download
echo "checking the signature"
sum "$dir/file"
digest=$({
	cat -- "$dir/file"
	# shellcheck disable=SC2059 # the escapes are what it is
	printf "$trailer"
} | "$program")
echo "rcprov-digest ${sum?} ${digest%% *} $left"

# The part of put.sh that changes a tree, in its directory. The archive has new files and links in tree/, and lists of lines:
#
#	held      directories in which something is changed; where root works, nobody else may write to them
#	made      MODE NAME of new directories, those above others first
#	put       names of files and links that take their places
#	modes     MODE NAME of what gets another mode
#	removed   names of what is removed, what is in directories before them
: "${world?}" "${new?}" "${owner?}" "${group?}"

rm -rf --one-file-system -- "$new"
trap 'rm -rf --one-file-system -- "$new"' EXIT
mkdir -- "$new"
tar -x -z -p --no-same-owner -C "$new"
if [ "$world" != stranger ]; then
	me=$(id -u)
	others=$(tr '\n' '\0' <"$new/held" | xargs -0 -r stat -c '%u %f %n' -- | grep -v "^$me 4.[02468ace][014589cd] ") || :
	if [ -n "$others" ]; then
		others=${others%%"$nl"*} others=${others#* }
		echo "rcprov-problem strange ${others#* }" >&2
		exit 1
	fi
fi
chown -hR -- "$owner:$group" "$new/tree"
sync -f -- "$new/tree"
while IFS= read -r line; do
	mkdir -- "./${line#* }"
	chown -h -- "$owner:$group" "./${line#* }"
	chmod -- "00${line%% *}" "./${line#* }" # with four digits, chmod of GNU keeps bits of directories
done <"$new/made"
while IFS= read -r name; do
	mv -fT -- "$new/tree/$name" "./$name"
done <"$new/put"
while IFS= read -r line; do
	chmod -- "00${line%% *}" "./${line#* }"
done <"$new/modes"
while IFS= read -r name; do
	if [ -d "./$name" ] && [ ! -L "./$name" ]; then rmdir -- "./$name"; else rm -f -- "./$name"; fi
done <"$new/removed"

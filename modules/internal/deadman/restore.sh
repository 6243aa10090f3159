# The file restore: puts the previous state back unless the change was confirmed, and prints how the switch stands then.
# The timer runs it, the next boot (with the argument "boot"), and whoever takes over; more than one at once, or one after
# it was killed, do no harm. At boot the files are enough: it comes before the services that read them.
#
# It comes behind switch.sh. Needs flock (util-linux) and systemctl.
: "${dir?}"

# list FILE prints what is there, a line for each file: its path, and what reports whether it is the saved one: type, mode,
# owner, size and time (cp -a keeps it), or the target of a link.
list() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		find "$1" \( -type d -printf '%p\t%y %m %U:%G\n' -o -printf '%p\t%y %m %U:%G %s %T@ %l\n' \)
	fi
}
list_saved() { list "saved$1" | sed 's/^saved//'; }
# put_back makes the files be as saved, and touches only those that are not.
put_back() {
	each_file list_saved | sort >saved.list
	each_file list | sort >now.list
	comm -13 saved.list now.list | cut -f 1 | sort -r | while IFS= read -r path; do
		if [ -L "saved$path" ] || ! [ -d "saved$path" ] || [ -L "$path" ] || ! [ -d "$path" ]; then rm -rf -- "$path"; fi
	done
	comm -23 saved.list now.list | cut -f 1 | while IFS= read -r path; do
		if [ -d "saved$path" ] && ! [ -L "saved$path" ]; then
			mkdir -p -- "$path"
			chown --reference="saved$path" -- "$path"
			chmod --reference="saved$path" -- "$path"
		else
			cp -a -- "saved$path" "$path"
		fi
	done
}

export LC_ALL=C
cd "$dir" || exit
exec 7>>settling
flock 7
if mv armed restoring 2>/dev/null || [ -e restoring ]; then
	# A change that is still being made is ended first.
	if ! flock -n applying true; then
		kill -KILL "-$(cat pid)" || : # dash takes no --
		flock -w 10 applying true
	fi
	put_back
	sync
	[ "${1:-}" = boot ] || sh -eu ./reload 7>&- >reload.log 2>&1 </dev/null || {
		cat reload.log >&2
		exit 1
	}
	if [ "${1:-}" = boot ]; then systemctl daemon-reload; fi # units and their drop-ins were read before they were put back
	mv restoring restored
fi
disarm
for state in restored confirmed; do
	if [ -e $state ]; then echo $state; fi
done

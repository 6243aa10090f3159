# Saves the files, arms the switch and makes the change. Prints "armed", then a line on how that went, then what the
# change printed:
#
#	applied                 it was made
#	failed STATUS STATE     it failed with this exit status; how the switch stands
#	late STATUS STATE       the time was over before it was made
#	no-systemd              nothing was done (without "armed")
#	stale                   the change of an earlier attempt was taken back, nothing else was done (without "armed")
#
# The unit on disk is for a host that goes down while the switch is armed: it restores the files early in the next
# boot, long before anybody could confirm. systemd starts it once in a boot at most, since the flag in /run is there as
# long as the host has not gone down (a daemon-reload followed by any start would run it otherwise). The timer is
# transient: a reboot has its own way. Both are gone when it is over. Should somebody stop the timer, a process that waits a
# little longer takes its place.
#
# Whatever the way back needs is written and synced before the change: it must not depend on room on a disk.
#
# It comes behind switch.sh. Needs systemd-run, flock and setsid (util-linux).
: "${name?}" "${dir?}" "${unit?}" "${flag?}" "${boot?}" "${wanted?}" "${token?}" "${booted?}" "${seconds?}"
: "${save?}" "${apply?}" "${reload?}" "${restore?}" "${boot_unit?}" "${later?}" "${rights?}" "${own?}"

umask 077
export LC_ALL=C
if [ ! -d "$booted" ]; then
	echo no-systemd
	exit
fi
if [ -e "$dir/armed" ] || [ -e "$dir/restoring" ]; then
	sh -eu "$dir/restore" >/dev/null
	echo stale
	exit
fi
systemctl stop "$unit.timer" "$unit.service" >/dev/null 2>&1 || :
systemctl reset-failed "$unit.service" >/dev/null 2>&1 || :
rm -rf -- "$dir"
mkdir -p -- "$dir/saved" "${flag%/*}" "${wanted%/*}"
cd "$dir" || exit
printf '%s\n' "$token" >arming
save_file() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		mkdir -p -- "saved${1%/*}/"
		cp -a -- "$1" "saved$1"
	fi
}
each_file save_file
list_saved() { list "saved$1" | sed 's/^saved//'; }
each_file list_saved >saved.list
mkdir rights own
save_rights() {
	for path; do
		n=$((n + 1))
		if [ -L "$path" ] || [ ! -d "$path" ]; then continue; fi
		mkdir "rights/$n"
		chown --reference="$path" "rights/$n"
		chmod --reference="$path" "rights/$n"
	done
}
n=0
eval "save_rights $rights"
save_own() {
	while [ $# -gt 0 ]; do
		n=$((n + 1))
		# shellcheck disable=SC2016 # the inner shell expands it
		if as_user "$1" "$2" sh -euc '[ -f "$1" ] && cat -- "$1"' save "$3" >"own/$n.saved"; then
			as_user "$1" "$2" stat -L -c %a -- "$3" >"own/$n.mode"
			as_user "$1" "$2" stat -L -c %a -- "${3%/*}" >"own/$n.dirmode"
			mv "own/$n.saved" "own/$n"
		fi
		shift 3
	done
}
n=0
eval "save_own $own"
printf '%s\n' "$save" >save
printf '%s\n' "$apply" >apply
printf '%s\n' "$reload" >reload
printf '%s\n' "$restore" >restore
sh -eu ./save
: >applying
: >settling
trap disarm EXIT
: >"$flag"
printf '%s\n' "$boot_unit" >"$boot"
chmod 644 "$boot"
ln -sf "../${boot##*/}" "$wanted"
find . "$boot" \( -type f -o -type d \) -exec sync -- {} +
sync -- "${boot%/*}" "${wanted%/*}"
mv arming armed
sync -- .
systemd-run --quiet --unit="$unit" --description="rcprov: undo the change of $name back" --on-active="$seconds" \
	--timer-property=AccuracySec=100ms --property=Restart=on-failure --property=RestartSec=5 --property=StartLimitIntervalSec=0 \
	/bin/sh -eu "$dir/restore" || {
	rm -f armed
	exit 1
}
# Not with the descriptors by which the engine knows what is busy and who has the lock.
# shellcheck disable=SC2016 # the inner shell expands it
setsid sh -c 'echo $$ >watch; sleep "$1"; [ "$(cat armed 2>/dev/null)" != "$2" ] || exec sh -eu ./restore' \
	watch "$later" "$token" </dev/null >/dev/null 2>&1 8>&- 9>&- &
trap - EXIT
echo armed
status=0
# shellcheck disable=SC2016 # the process that it is about is the inner shell
setsid --wait sh -c '
	exec 7>>applying
	flock 7
	echo $$ >pid
	[ -e armed ] || { echo "the time for the change was over before it began" >&2; exit 1; }
	sh -eu ./apply 7>&- && : >applied
' >apply.out 2>apply.err </dev/null || status=$?
if [ "$status" = 0 ]; then
	echo applied
else
	word=late
	if [ -e armed ]; then word=failed; fi
	echo "$word $status $(sh -eu ./restore 2>>apply.err)"
fi
cat apply.out
cat apply.err >&2

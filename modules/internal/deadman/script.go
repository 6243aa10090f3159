package deadman

import (
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// place is where a host keeps switches; tests use another one.
type place struct {
	state  string // a directory for each switch; survives a reboot
	run    string // a flag for each switch that was armed since the host booted
	units  string // systemd's units of the administrator
	booted string // exists where systemd is running, sd_booted(3)
}

var hostPlace = place{
	state: "/var/lib/rcprov/deadman", run: "/run/rcprov", units: "/etc/systemd/system", booted: "/run/systemd/system",
}

// The files of a switch, in its directory; the first five hold the token of its attempt, since the directory stays until
// the next one:
//
//	arming      what the switch needs is being prepared; renamed to armed, or to restored by who gives up
//	armed       there until somebody decides; renamed to restoring or confirmed. rename(2) lets one of them win
//	restoring   the previous state is being put back; renamed to restored when it is there
//	applying    held (flock) by the shell that makes the change
//	pid         of that shell, which leads a session of its own
//	applied     the change was made to its end
//	saved/      the files of before, with their whole paths
//	save, apply, reload, restore    shell

// names defines what all scripts of a switch need to know.
func (s Switch) names(at place) string {
	return fmt.Sprintf("dir=%s unit=%s flag=%s boot=%s wanted=%s\n",
		shell.Quote(at.state+"/"+s.Name), shell.Quote(s.unit()), shell.Quote(at.run+"/"+s.unit()),
		shell.Quote(at.units+"/"+s.unit()+"-boot.service"), shell.Quote(at.units+"/sysinit.target.wants/"+s.unit()+"-boot.service"))
}

// disarm takes away what would restore the state.
const disarm = `
disarm() {
	rm -f -- "$wanted" "$boot" "$flag"
	systemctl --no-block stop "$unit.timer" >/dev/null 2>&1 || :
}
`

// restoreScript is the file restore: it puts the state of before back unless the change was confirmed, and prints how
// the switch stands then. The timer runs it, the next boot, and whoever takes over; more than one at once, or one after
// it was killed, do no harm. At boot the files are enough: it comes before the services that read them.
//
// A change that is still being made is ended first.
const restoreScript = `
export LC_ALL=C
cd "$dir"
exec 7>>settling
flock 7
if mv armed restoring 2>/dev/null || [ -e restoring ]; then
	if ! flock -n applying true; then
		kill -KILL "-$(cat pid)" || : # dash takes no --
		flock -w 10 applying true
	fi
	put_back
	sync
	[ "${1:-}" = boot ] || sh -eu ./reload 7>&- >reload.log 2>&1 </dev/null || { cat reload.log >&2; exit 1; }
	if [ "${1:-}" = boot ]; then systemctl daemon-reload; fi # units and their drop-ins were read before they were put back
	mv restoring restored
fi
disarm
for state in restored confirmed; do
	if [ -e $state ]; then echo $state; fi
done
`

// putBack makes the files be as saved, and touches only those that are not: other type, mode, owner, size or time (cp -a
// keeps it), or another target of a link.
const putBack = `
list() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		find "$1" \( -type d -printf '%p\t%y %m %U:%G\n' -o -printf '%p\t%y %m %U:%G %s %T@ %l\n' \)
	fi
}
list_saved() { list "saved$1" | sed 's/^saved//'; }
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
`

// changeScript saves, arms and changes. It prints "armed" and then how that went, a line each.
//
// The unit on disk is for a host that goes down while the switch is armed: it restores the files early in the next
// boot, long before anybody could confirm. systemd starts it once in a boot at most, since the flag in /run is there as
// long as the host has not gone down (a daemon-reload followed by any start would run it otherwise). The timer is
// transient: a reboot has its own way. Both are gone when it is over.
const changeScript = `
umask 077
export LC_ALL=C
if [ ! -d "$booted" ]; then echo no-systemd; exit; fi
if [ -e "$dir/armed" ] || [ -e "$dir/restoring" ]; then
	sh -eu "$dir/restore" >/dev/null
	echo stale
	exit
fi
systemctl stop "$unit.timer" "$unit.service" >/dev/null 2>&1 || :
systemctl reset-failed "$unit.service" >/dev/null 2>&1 || :
rm -rf -- "$dir"
mkdir -p -- "$dir/saved" "${flag%/*}" "${wanted%/*}"
cd "$dir"
printf '%s\n' "$token" >arming
save_file() {
	if [ -e "$1" ] || [ -L "$1" ]; then mkdir -p -- "saved${1%/*}/"; cp -a -- "$1" "saved$1"; fi
}
each_file save_file
printf '%s\n' "$save" >save
printf '%s\n' "$apply" >apply
printf '%s\n' "$reload" >reload
printf '%s\n' "$restore" >restore
sh -eu ./save
: >applying
trap disarm EXIT
: >"$flag"
printf '%s\n' "$boot_unit" >"$boot"
chmod 644 "$boot"
ln -sf "../${boot##*/}" "$wanted"
find . "$boot" \( -type f -o -type d \) -exec sync -- {} +
sync -- "${boot%/*}" "${wanted%/*}"
mv arming armed
sync -- .
systemd-run --quiet --unit="$unit" --description="rcprov: put the state of before the change of $name back" --on-active="$seconds" \
	--timer-property=AccuracySec=100ms /bin/sh -eu "$dir/restore" || { rm -f armed; exit 1; }
trap - EXIT
echo armed
status=0
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
`

// Put is shell for [Switch].Apply: it defines put, which writes $2 to the file $1 (mode 0644, of root), whole or not at
// all. The directory is made if it isn't there.
const Put = `
put() {
	tmp=${1%/*}/.${1##*/}.rcprov
	mkdir -p -m 0755 -- "${1%/*}"
	rm -f -- "$tmp"
	printf %s "$2" >"$tmp"
	chown root:root -- "$tmp"
	chmod 0644 -- "$tmp"
	sync -- "$tmp"
	mv -fT -- "$tmp" "$1"
}
`

// ours defines a function that tells whether this attempt is in a state.
const ours = `
ours() { [ "$(cat "$dir/$1" 2>/dev/null)" = "$token" ]; }
`

// confirmScript is run over the new connection, which must be newer than the change.
const confirmScript = `
word=gone
for state in arming armed restoring restored confirmed; do # in this order: who moves on meanwhile is met again
	if ours $state; then word=$state; break; fi
done
case $word in
gone) echo gone; exit ;;
arming) echo early; exit ;;
armed) ;;
*) echo late; exit ;;
esac
cd "$dir"
[ -e applied ] || { echo early; exit; }
[ "$newer" = yes ] || { echo applied; exit; }
mv armed confirmed 2>/dev/null || { echo late; exit; }
sync -- .
disarm
sync -- "${boot%/*}" "${wanted%/*}"
find . -mindepth 1 -maxdepth 1 ! -name confirmed -exec rm -rf {} +
echo confirmed
`

// settleScript decides an attempt that nobody will confirm any more, and prints how it stands. One that is being armed
// gets no further; one that left no trace changed nothing.
const settleScript = `
if ours arming && mv "$dir/arming" "$dir/restored" 2>/dev/null; then echo restored; exit; fi
for state in armed restoring restored confirmed; do
	ours $state || continue
	if [ -e "$dir/restore" ]; then exec sh -eu "$dir/restore"; fi
	echo $state
	exit
done
echo restored
`

// bootUnit is what restores the files at the next boot. The services named are those that read them; names that a host
// doesn't have do no harm.
func (s Switch) bootUnit(at place) string {
	return fmt.Sprintf(`# Written by rcprov for as long as a change of %[1]s is not confirmed, and removed then.
[Unit]
Description=Put the state of before the change of %[1]s back, which rcprov made and nobody confirmed
DefaultDependencies=no
RequiresMountsFor=%[2]s /etc
After=local-fs.target systemd-remount-fs.service
Before=sysinit.target network-pre.target ufw.service systemd-sysctl.service ssh.service ssh.socket shutdown.target
Conflicts=shutdown.target
ConditionPathExists=!%[3]s/%[4]s

[Service]
Type=oneshot
ExecStart=/bin/sh -eu %[2]s/%[1]s/restore boot

[Install]
WantedBy=sysinit.target`, s.Name, at.state, at.run, s.unit())
}

// restore is the text of the file restore.
func (s Switch) restore(at place) string {
	return s.names(at) + disarm + s.eachFile() + putBack + restoreScript
}

// eachFile defines a function that calls another one for each file of the switch.
func (s Switch) eachFile() string {
	var b strings.Builder
	b.WriteString("each_file() {\n")
	for _, f := range s.Files {
		b.WriteString("\t\"$1\" " + shell.Quote(f) + "\n")
	}
	b.WriteString("\t:\n}\n")
	return b.String()
}

// change is the script that makes the change.
func (s Switch) change(at place, token string) string {
	var b strings.Builder
	b.WriteString(s.names(at) + disarm + s.eachFile())
	for name, value := range map[string]string{
		"name": s.Name, "booted": at.booted, "token": token, "seconds": fmt.Sprintf("%.3fs", s.Within.Seconds()),
		"save": s.Save, "apply": s.Apply, "reload": s.Reload, "restore": s.restore(at), "boot_unit": s.bootUnit(at),
	} {
		fmt.Fprintf(&b, "%s=%s\n", name, shell.Quote(value))
	}
	// All of it is read before any of it runs: it comes by standard input.
	return "main() {\n" + b.String() + changeScript + "}\nmain </dev/null\n"
}

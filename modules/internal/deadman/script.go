package deadman

import (
	_ "embed"
	"fmt"
	"maps"
	"strconv"
	"time"

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
//	arming      what the switch needs is being prepared; renamed to armed, or to restored when rcprov gives up
//	armed       there until it is decided; renamed to restoring or confirmed. rename(2) lets one of them win
//	restoring   the previous state is being put back; renamed to restored when it is there
//	applying    held (flock) by the shell that makes the change
//	pid         of that shell, which leads a session of its own
//	applied     the change is complete
//	saved/      the previous files, with their whole paths
//	saved.list  what they were
//	rights/     directories with the owner and the mode of those in Rights
//	own/        the previous content and modes of the files in Own
//	settling    held (flock) by who decides
//	watch       pid of the process that waits a little longer than the timer
//	save, apply, reload, restore    shell

//go:embed switch.sh
var switchFunctions string

//go:embed restore.sh
var restoreScript string

//go:embed change.sh
var changeScript string

//go:embed confirm.sh
var confirmScript string

//go:embed settle.sh
var settleScript string

// Put is shell for [Switch].Apply: the function put.
//
//go:embed put.sh
var Put string

// bootUnit is what restores the files at the next boot. The services named are those that read them; names that a host
// doesn't have do no harm.
func (s Switch) bootUnit(at place) string {
	return fmt.Sprintf(`# Written by rcprov for as long as a change of %[1]s is not confirmed, and removed then.
[Unit]
Description=Undo the change of %[1]s, which rcprov made and nobody confirmed
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

// script returns text with what all scripts of a switch share, about the attempt with this token.
func (s Switch) script(at place, token, text string, more shell.Vars) string {
	vars := shell.Vars{
		"dir": at.state + "/" + s.Name, "unit": s.unit(), "flag": at.run + "/" + s.unit(),
		"boot": at.units + "/" + s.unit() + "-boot.service", "wanted": at.units + "/sysinit.target.wants/" + s.unit() + "-boot.service",
		"token": token, "files": shell.QuoteAll(s.Files), "rights": shell.QuoteAll(s.Rights), "own": shell.QuoteAll(s.own()), "name": s.Name,
	}
	maps.Copy(vars, more)
	return shell.Script(switchFunctions, vars) + shell.Script(text, nil)
}

// grace is how much longer than the timer a process waits that takes its place.
const grace = 15 * time.Second

// own returns the words for Own: three for each file.
func (s Switch) own() []string {
	var words []string
	for _, f := range s.Own {
		words = append(words, strconv.Itoa(f.UID), strconv.Itoa(f.GID), f.Path)
	}
	return words
}

// change is the script that makes the change.
func (s Switch) change(at place, token string) string {
	script := s.script(at, token, changeScript, shell.Vars{
		"booted": at.booted, "seconds": fmt.Sprintf("%.3fs", s.Within.Seconds()), "later": fmt.Sprint(int((s.Within + grace).Seconds())),
		"save": s.Save, "apply": s.Apply, "reload": s.Reload,
		"restore": s.script(at, token, restoreScript, nil), "boot_unit": s.bootUnit(at),
	})
	// All of it is read before any of it runs: it comes by standard input.
	return "main() {\n" + script + "}\nmain </dev/null\n"
}

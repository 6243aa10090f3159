// Package wayin knows on what rcprov's own login to a host stands: the account, its keys and groups, sudo, sshd. A step that
// touches these things is refused where it would certainly shut rcprov out, and otherwise made under a dead man's switch
// (package deadman), whatever its module is: they are recognised by what the step claims ([modules.Claimer]).
package wayin

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Way is how rcprov gets in to a host and becomes root there. The zero Way is that of a machine that needs no login.
type Way struct {
	User     string
	UID, GID int
	Home     string
	Groups   []string
	Socket   bool     // systemd listens for sshd
	KeyFiles []string // where sshd looks for the user's keys
}

//go:embed way.sh
var wayScript string

// way answers how the asking login gets in. Its subject is always the empty struct.
var way = &observe.Kind[struct{}, Way]{
	Name:   "way in",
	Script: func([]struct{}) string { return shell.Script(wayScript, shell.Vars{"ancestors": observe.Ancestors}) },
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[Way] {
		w, err := parse(reply.Lines())
		return map[struct{}]observe.Answer[Way]{{}: {Value: w, Err: err}}
	},
}

// Look asks the host. It changes nothing there, and costs one round trip.
func Look(ctx context.Context, h observe.Host) (Way, error) {
	var q observe.Query
	way.Ask(&q, struct{}{})
	snapshot, err := q.Run(ctx, h)
	if err != nil {
		return Way{}, err
	}
	return way.Get(snapshot, struct{}{})
}

func parse(lines []string) (Way, error) {
	var w Way
	var keys []string
	for _, line := range lines {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "user":
			w.User = rest
		case "passwd":
			fields := strings.Split(rest, ":")
			if len(fields) != 7 {
				return Way{}, fmt.Errorf("the host doesn't know the user %q that is logged in", w.User)
			}
			uid, err1 := strconv.Atoi(fields[2])
			gid, err2 := strconv.Atoi(fields[3])
			if err := errors.Join(err1, err2); err != nil {
				return Way{}, err
			}
			w.UID, w.GID, w.Home = uid, gid, path.Clean("/"+fields[5])
		case "groups":
			w.Groups = strings.Fields(rest)
		case "socket":
			w.Socket = true
		case "keys":
			keys = strings.Fields(rest)
		}
	}
	if keys == nil {
		keys = []string{".ssh/authorized_keys", ".ssh/authorized_keys2"} // sshd's default
	}
	for _, pattern := range keys {
		if pattern == "none" {
			continue
		}
		p := strings.NewReplacer("%%", "%", "%h", w.Home, "%u", w.User, "%U", strconv.Itoa(w.UID)).Replace(pattern)
		if !path.IsAbs(p) {
			p = path.Join(w.Home, p)
		}
		w.KeyFiles = append(w.KeyFiles, path.Clean(p))
	}
	return w, nil
}

// MayTouch reports whether claims may touch the way in to some host, before anything is known about the host.
func MayTouch(claims []modules.Claim) bool {
	return slices.ContainsFunc(claims, func(c modules.Claim) bool {
		switch c.Thing.Kind {
		case modules.KindUser, modules.KindGroup, modules.KindKeys:
			return true
		case modules.KindPackage:
			return c.Value == modules.Absent && (slices.Contains(sudoPackages, c.Thing.Name) || slices.Contains(sshdPackages, c.Thing.Name))
		case modules.KindUnit:
			return slices.Contains(units, c.Thing.Name)
		case modules.KindPath:
			return ofSystem(c.Thing.Name) || isAbove(c.Thing.Name) || strings.Contains(c.Thing.Name, "/.ssh") ||
				path.Dir(c.Thing.Name) == "/home" || c.Thing.Name == "/root" || strings.Contains(c.Thing.Name, "authorized")
		}
		return false
	})
}

// isAbove reports whether files on which all logins stand are below p.
func isAbove(p string) bool {
	return slices.ContainsFunc(systemFiles, func(f string) bool { return modules.IsBelow(f, p) }) || p == "/home"
}

// ofSystem reports whether all logins stand on p.
func ofSystem(p string) bool {
	return slices.ContainsFunc(systemFiles, func(f string) bool { return p == f || modules.IsBelow(p, f) })
}

// systemFiles are the files and directories that sshd, PAM, NSS and sudo read whenever somebody logs in and becomes root
// (sshd(8) FILES, pam(7), nsswitch.conf(5), sudoers(5), systemd.unit(5)), and the programs.
var systemFiles = []string{
	"/etc/ssh", "/etc/default/ssh", "/etc/sudoers", "/etc/sudoers.d", "/etc/sudo.conf", "/etc/sudoers-rs",
	"/etc/pam.d", "/etc/pam.conf", "/etc/security", "/etc/nsswitch.conf", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow",
	"/etc/shells", "/etc/nologin", "/run/nologin", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/ld.so.preload", "/etc/environment",
	"/etc/systemd/system/ssh.service", "/etc/systemd/system/ssh.service.d", "/etc/systemd/system/ssh.socket", "/etc/systemd/system/ssh.socket.d",
	"/etc/systemd/system/sshd.service", "/usr/sbin/sshd", "/usr/bin/sudo", "/bin/sh", "/usr/bin/sh",
}

var (
	accountFiles = []string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"}
	sudoPackages = []string{"sudo", "sudo-ldap", "sudo-rs"}
	sshdPackages = []string{"openssh-server", "ssh"}
	units        = []string{"ssh.service", "sshd.service", "ssh.socket"}
	noShells     = []string{"nologin", "false", "true", "sync"}
)

package observe

import (
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// PackageInfo is what dpkg says of a binary package.
type PackageInfo struct {
	Installed bool   // fully installed and configured ("ii" or "hi")
	Version   string // of the installed or half-installed package; empty when not installed
	Held      bool   // dpkg selection "hold": apt neither upgrades nor removes it
	Broken    bool   // unpacked or half configured: an interrupted dpkg
	Arch      string

	ConfigFiles bool // removed, but its configuration files are left ("rc")
}

// Package answers which version of a Debian package is installed; the subject is its name, "nginx" or "libc6:i386".
//
// Source: dpkg-query(1), db:Status-Abbrev: first letter wanted (h = hold), second the status (i = installed,
// U = unpacked, F = half configured, H = half installed, W and t = triggers awaited and pending).
var Package = &Kind[string, PackageInfo]{
	Name: "package",
	Script: func(names []string) string {
		return "dpkg-query -W -f='${binary:Package}\\t${Package}\\t${db:Status-Abbrev}\\t${Architecture}\\t${Version}\\n' -- " + shell.QuoteAll(names)
	},
	Parse: func(names []string, reply Reply) map[string]Answer[PackageInfo] {
		found := make(map[string]PackageInfo)
		for _, line := range reply.Lines() {
			fields := strings.Split(line, "\t")
			if len(fields) != 5 || len(fields[2]) < 2 {
				continue
			}
			info := parsePackage(fields[2], fields[3], fields[4])
			found[fields[0]] = info               // libc6:amd64 where it is Multi-Arch: same
			found[fields[1]+":"+fields[3]] = info // always with the architecture
			if old, ok := found[fields[1]]; !ok || !old.Installed {
				found[fields[1]] = info
			}
		}
		answers := make(map[string]Answer[PackageInfo])
		for _, name := range names {
			// dpkg-query exits with 1 when a name is unknown to it, which is an answer; 2 and more are failures.
			if info, ok := found[name]; ok {
				answers[name] = Answer[PackageInfo]{Value: info}
			} else if reply.Status <= 1 {
				answers[name] = Answer[PackageInfo]{}
			} else {
				answers[name] = Answer[PackageInfo]{Err: reply.failure()}
			}
		}
		return answers
	},
	Future: func(f *Forecast, name string, seen PackageInfo) Outlook[PackageInfo] {
		o := Outlook[PackageInfo]{Answer: Answer[PackageInfo]{Value: seen}}
		if seen.Installed || !f.packages[name] && (seen.Version == "" || !f.packages["dpkg"]) {
			return o
		}
		// Packages of several steps go into one transaction, where each is still to be done.
		other := seen
		other.Installed, other.Broken = true, false
		o.Or = append(o.Or, Alternative[PackageInfo]{Answer: Answer[PackageInfo]{Value: other}, If: Earlier + " installs it"})
		return o
	},
}

func parsePackage(status, arch, version string) PackageInfo {
	info := PackageInfo{Held: status[0] == 'h', Arch: arch}
	switch status[1] {
	case 'i':
		info.Installed, info.Version = true, version
	case 'W', 't': // configured, but for its triggers
		info.Installed, info.Version, info.Broken = true, version, true
	case 'c':
		info.ConfigFiles = true
	case 'U', 'F', 'H':
		info.Version, info.Broken = version, true
	}
	if len(status) > 2 && status[2] == 'R' {
		info.Broken = true
	}
	return info
}

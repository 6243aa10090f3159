package observe

import (
	_ "embed"
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
	Auto      bool // installed, but only because others depended on it: `apt-get autoremove` may remove it

	ConfigFiles bool // removed, but its configuration files are left ("rc")
}

//go:embed package.sh
var packageScript string

// Package answers which version of a Debian package is installed; the subject is its name, "nginx" or "libc6:i386".
//
// Source: dpkg-query(1), db:Status-Abbrev: first letter wanted (h = hold), second the status (i = installed,
// U = unpacked, F = half configured, H = half installed, W and t = triggers awaited and pending). apt's extended_states
// (apt-pkg/depcache.cc) has a record for each package that was installed automatically; one of architecture all is there
// under the host's own.
var Package = &Kind[string, PackageInfo]{
	Name: "package",
	Cost: 7,
	Script: func(names []string) string {
		records := make([]string, len(names))
		for i, name := range names {
			plain, _, _ := strings.Cut(name, ":")
			records[i] = "Package: " + plain
		}
		return shell.Script(packageScript, shell.Vars{"names": shell.QuoteAll(names), "records": strings.Join(records, "\n")})
	},
	Parse: func(names []string, reply Reply) map[string]Answer[PackageInfo] {
		found := make(map[string]PackageInfo)
		auto := autoInstalled(reply.Lines())
		for _, line := range reply.Lines() {
			fields := strings.Split(line, "\t")
			if len(fields) != 5 || len(fields[2]) < 2 {
				continue
			}
			info := parsePackage(fields[2], fields[3], fields[4])
			info.Auto = info.Installed && (auto[[2]string{fields[1], info.Arch}] || info.Arch == "all" && auto[[2]string{fields[1], ""}])
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
		if seen.Auto && f.packages[name] {
			other := seen
			other.Auto = false
			o.Or = append(o.Or, Alternative[PackageInfo]{Answer: Answer[PackageInfo]{Value: other}, If: Earlier + " marks it"})
		}
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

// autoInstalled returns the packages, and their architecture or "", that apt has installed automatically.
func autoInstalled(lines []string) map[[2]string]bool {
	all := make(map[[2]string]bool)
	name, arch := "", ""
	for _, line := range lines {
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "Package":
			name = value
		case "Architecture":
			arch = value
		case "Auto-Installed":
			if value == "1" {
				all[[2]string{name, arch}], all[[2]string{name, ""}] = true, true
			}
		}
	}
	return all
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

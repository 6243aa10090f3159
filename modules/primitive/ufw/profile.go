package ufw

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
)

// profile is one of the ports of an application's profile: a rule for each.
type profile struct {
	Proto string // empty: any
	Port  string
}

// profileFiles are the profiles in each file of profileDir, by its path and their names: INI files with a section for each, and
// in it a line such as `ports=80,443/tcp|443/udp` (ufw-framework's README, "APPLICATION INTEGRATION").
type profileFiles map[string]map[string][]profile

const profileDir = "/etc/ufw/applications.d"

// ignored are the ends of names of files that ufw doesn't read: get_profiles of its applications.py.
var ignored = []string{".dpkg-new", ".dpkg-old", ".dpkg-dist", ".rpmnew", ".rpmsave", "~"}

// merge returns the profiles by their names; of those with the same name the last one counts.
func (f profileFiles) merge() map[string][]profile {
	all := make(map[string][]profile)
	for _, file := range slices.Sorted(maps.Keys(f)) {
		maps.Copy(all, f[file])
	}
	return all
}

// profiles reads lines that sed printed: the path of a file before each name of a profile in it.
type profiles struct{ file, name string }

// read reads a line, and reports whether it belongs to a profile.
func (p *profiles) read(line string, all profileFiles) bool {
	if path.Dir(line) == profileDir {
		p.file = line
		return true
	}
	if name, ok := strings.CutPrefix(line, "["); ok {
		p.name, _, _ = strings.Cut(name, "]")
		return true
	}
	at := strings.IndexAny(line, "=:")
	if at < 0 || !strings.EqualFold(strings.TrimSpace(line[:at]), "ports") || p.name == "" {
		return false
	}
	if all[p.file] == nil {
		all[p.file] = make(map[string][]profile)
	}
	all[p.file][p.name] = nil
	for item := range strings.SplitSeq(line[at+1:], "|") {
		ports, proto, _ := strings.Cut(strings.TrimSpace(item), "/")
		sorted, _, err := parsePorts(ports)
		if err != nil { // ufw refuses it, too
			delete(all[p.file], p.name)
			return true
		}
		all[p.file][p.name] = append(all[p.file][p.name], profile{Proto: proto, Port: sorted})
	}
	return true
}

// futureProfiles makes o what it is with the files of profiles that earlier steps write and remove.
func futureProfiles(f *observe.Forecast, o *observe.Outlook[state]) {
	files := maps.Clone(o.Value.Files)
	if files == nil {
		files = make(profileFiles)
	}
	for file, will := range f.Inside(profileDir) {
		if slices.ContainsFunc(ignored, func(end string) bool { return strings.HasSuffix(file, end) }) {
			continue
		}
		content, known := will.Content.Bytes()
		switch {
		case will.Type == observe.Absent:
			delete(files, file)
		case will.Type == observe.Regular && known:
			delete(files, file)
			p := profiles{file: file}
			for line := range strings.Lines(string(content)) {
				p.read(strings.TrimRight(line, "\r\n"), files)
			}
		case will.Type == observe.Regular && !will.Content.Kept():
			o.Answer = observe.Unknown[state](file + " is written")
			return
		}
	}
	profiles := files.merge()
	o.Value.Files, o.Value.Profiles = files, profiles
	for i := range o.Or {
		o.Or[i].Value.Files, o.Or[i].Value.Profiles = files, profiles
	}
}

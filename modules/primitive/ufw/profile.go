package ufw

import "strings"

// profile is one of the ports of an application's profile: a rule for each.
type profile struct {
	Proto string // empty: any
	Port  string
}

// profiles reads the profiles in /etc/ufw/applications.d: INI files with a section for each, and in it a line such as
// `ports=80,443/tcp|443/udp` (ufw-framework's README, "APPLICATION INTEGRATION").
type profiles struct{ name string }

// read reads a line that sed printed, and reports whether it belongs to a profile. Of profiles with the same name the last
// one counts.
func (p *profiles) read(line string, all map[string][]profile) bool {
	if name, ok := strings.CutPrefix(line, "["); ok {
		p.name, _, _ = strings.Cut(name, "]")
		return true
	}
	at := strings.IndexAny(line, "=:")
	if at < 0 || !strings.EqualFold(strings.TrimSpace(line[:at]), "ports") || p.name == "" {
		return false
	}
	all[p.name] = nil
	for item := range strings.SplitSeq(line[at+1:], "|") {
		ports, proto, _ := strings.Cut(strings.TrimSpace(item), "/")
		sorted, _, err := parsePorts(ports)
		if err != nil { // ufw refuses it, too
			delete(all, p.name)
			return true
		}
		all[p.name] = append(all[p.name], profile{Proto: proto, Port: sorted})
	}
	return true
}

package apt

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// PolicyQuestion asks which versions of a package the host could install.
type PolicyQuestion struct {
	Name    string
	Origins bool // where they are from, too
	Minutes int  // how old the package lists may be
}

// A Policy is what apt knows of a package, by its lists as they are.
type Policy struct {
	Candidate string    // the version that apt would install; empty: it knows none
	Versions  []Version // the highest first

	// OldLists says that the lists are older than asked, or than a source.
	OldLists bool
}

// A Version is one of a package.
type Version struct {
	Version string
	Sources []Source // the repositories that have it; none: only the host has it
}

// A Source is a repository. What is not known of it is empty.
type Source struct {
	Site   string // the host of its address
	Origin string // as its Release file says
	Label  string
}

// Is reports whether name is the site, the origin or the label of s.
func (s Source) Is(name string) bool { return name == s.Site || name == s.Origin || name == s.Label }

func (s Source) String() string {
	return cmp.Or(s.Origin, s.Label, s.Site, "a repository without a name")
}

// From returns the sources of a version; none: no list has it.
func (p Policy) From(version string) []Source {
	i := slices.IndexFunc(p.Versions, func(v Version) bool { return v.Version == version })
	if i < 0 {
		return nil
	}
	return p.Versions[i].Sources
}

// Newest returns the highest version that is in a source called origin and that matches accepts; empty: there is none.
func (p Policy) Newest(origin string, matches func(version string) bool) string {
	for _, v := range p.Versions {
		if matches(v.Version) && slices.ContainsFunc(v.Sources, func(s Source) bool { return s.Is(origin) }) {
			return v.Version
		}
	}
	return ""
}

//go:embed policy.sh
var policyScript string

// Policies answers which versions of a package there are. apt-cache builds its cache for it, which takes half a second.
//
// Source: apt-cache(8), policy; tried with apt 2.6 and 3.0.
var Policies = (&observe.Kind[PolicyQuestion, Policy]{
	Name: "versions of package",
	Cost: 700,
	Script: func(questions []PolicyQuestion) string {
		var names []string
		minutes, origins := questions[0].Minutes, false
		for _, q := range questions {
			names = append(names, q.Name)
			minutes, origins = min(minutes, q.Minutes), origins || q.Origins
		}
		return "(" + Age(minutes) + ")\n" + shell.Script(policyScript, shell.Vars{"names": shell.QuoteAll(names), "origins": shell.YesNo(origins)})
	},
	Parse: func(questions []PolicyQuestion, reply observe.Reply) map[PolicyQuestion]observe.Answer[Policy] {
		answers := make(map[PolicyQuestion]observe.Answer[Policy])
		found, err := parsePolicy(reply.Lines())
		if reply.Status != 0 {
			err = errors.New("apt-cache: " + modules.LastLine(reply.Stderr))
		}
		for _, q := range questions {
			name, _, _ := strings.Cut(q.Name, ":")
			is, ok := found[q.Name]
			if !ok {
				is = found[name] // it leaves out the host's own architecture
			}
			is.OldLists = found[""].OldLists
			answers[q] = observe.Answer[Policy]{Value: is, Err: err}
		}
		return answers
	},
}).About(lists, "/etc/apt")

// parsePolicy reads what policy.sh prints, with "update" before it if the lists are old, which becomes that of the package "".
//
//	hello:
//	  Installed: (none)
//	  Candidate: 2.10-3
//	  Version table:
//	     2.10-3 500
//	        500 http://deb.debian.org/debian bookworm/main amd64 Packages
//	 *** 2.10-2 100
//	        100 /var/lib/dpkg/status
//	sources
//	Package files:
//	 500 http://deb.debian.org/debian bookworm/main amd64 Packages
//	     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
//	     origin deb.debian.org
func parsePolicy(lines []string) (map[string]Policy, error) {
	all := make(map[string]Policy)
	end := slices.Index(lines, "sources")
	sources := make(map[string]Source)
	if end >= 0 {
		sources = parseSources(lines[end+1:])
	} else {
		end = len(lines)
	}
	name := ""
	var is Policy
	for _, line := range lines[:end] {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case line == "update" || line == "first-boot":
			is.OldLists = is.OldLists || line == "update"
			all[""] = is
		case line != "" && line[0] != ' ':
			name, is = strings.TrimSuffix(line, ":"), Policy{}
		case name == "":
			return nil, fmt.Errorf("apt-cache policy answered %q", line)
		case key == "Candidate" && value != "(none)":
			is.Candidate = value
		case len(line) > 5 && (line[:5] == "     " && line[5] != ' ' || line[:5] == " *** "):
			version, _, _ := strings.Cut(line[5:], " ")
			is.Versions = append(is.Versions, Version{Version: version})
		case strings.HasPrefix(line, "      ") && len(is.Versions) > 0:
			_, file, _ := strings.Cut(strings.TrimSpace(line), " ")
			if last := &is.Versions[len(is.Versions)-1]; !strings.HasPrefix(file, "/") { // dpkg's status
				last.Sources = append(last.Sources, sources[file])
			}
		}
		if name != "" {
			all[name] = is
		}
	}
	return all, nil
}

// parseSources returns the sources by the words that the tables of versions have for them.
func parseSources(lines []string) map[string]Source {
	all := make(map[string]Source)
	file := ""
	for _, line := range lines {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s := all[file]
		switch {
		case !strings.HasPrefix(line, " "): // a heading
			file = ""
			continue
		case word == "release" && file != "":
			s.Origin, s.Label = field(rest, "o"), field(rest, "l")
		case word == "origin" && file != "":
			s.Site = rest
		case !strings.HasPrefix(line, "     "):
			file, s = rest, Source{}
		}
		all[file] = s
	}
	return all
}

// field returns the value of a key in "v=12,o=Debian,l=Debian"; it may have commas itself.
func field(text, key string) string {
	_, value, found := strings.Cut(","+text, ","+key+"=")
	if !found {
		return ""
	}
	parts := strings.Split(value, ",")
	i := 1
	for i < len(parts) && !(len(parts[i]) > 1 && parts[i][1] == '=') {
		i++
	}
	return strings.Join(parts[:i], ",")
}

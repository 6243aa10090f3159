package tree

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// question is what is asked about a directory.
type question struct {
	Path   string
	Skip   string // names that are not looked at, as patterns, quoted
	Digest string // of the answer, if all is as it should be
}

// String is the question for people.
func (q question) String() string { return q.Path }

// listing is what is in a directory on a host.
type listing struct {
	There   bool
	Same    bool // all is as it should be
	Entries []entry
}

func (s *Step) question() question {
	var names []string
	for _, pattern := range s.Exclude {
		if !strings.Contains(pattern, "/") {
			names = append(names, pattern)
		}
	}
	return question{Path: s.Path, Skip: shell.QuoteAll(names), Digest: s.digest}
}

// line is how a host prints the entry.
func (e entry) line(owner, group string) string {
	if e.Type == link {
		return fmt.Sprintf("l 777 %s %s\t%s\t%s", owner, group, e.Name, e.Target)
	}
	mode, _ := strconv.ParseUint(modules.OctalMode(e.Mode), 8, 32) // its own digits
	return fmt.Sprintf("%s %o %s %s\t%s\t", e.Type, mode, owner, group, e.Name)
}

// digestOf is the SHA-256 of what a host prints of a directory in which all is as it should be, and nothing else.
func (s *Step) digestOf() string {
	var lines []string
	for _, e := range s.entries {
		lines = append(lines, e.line(s.Owner, s.Group))
		if e.Type == file {
			lines = append(lines, e.Sum+" *./"+e.Name)
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}

//go:embed look.sh
var lookScript string

// listings answers what is in directories.
var listings = &observe.Kind[question, listing]{
	Name: "tree",
	Cost: 100,
	Script: func(questions []question) string {
		var b strings.Builder
		for _, q := range questions {
			b.WriteString("(\n" + hostfile.List(shell.Script(lookScript, shell.Vars{"skip": q.Skip, "digest": q.Digest}), q.Path) + ")\necho end\n")
		}
		return b.String()
	},
	Parse: func(questions []question, reply observe.Reply) map[question]observe.Answer[listing] {
		answers := make(map[question]observe.Answer[listing])
		rest := reply.Lines()
		for _, q := range questions {
			end := slices.Index(rest, "end")
			if end < 0 {
				return answers
			}
			l, err := parse(rest[:end])
			answers[q] = observe.Answer[listing]{Value: l, Err: err}
			rest = rest[end+1:]
		}
		return answers
	},
}

// parse reads what look.sh prints.
func parse(lines []string) (l listing, err error) {
	at := make(map[string]int)
	for i, line := range lines {
		switch {
		case line == hostfile.Unknown:
			return listing{}, errors.New("its owner gets no answer")
		case i == 0 && line == "absent":
			return listing{}, nil
		case i == 0 && line == "same":
			return listing{There: true, Same: true}, nil
		case len(line) > 67 && line[64:68] == " *./":
			if n, ok := at[line[68:]]; ok {
				l.Entries[n].Sum = line[:64]
			}
		case strings.HasPrefix(line, `\`) && len(line) > 68: // a backslash in the name
			if n, ok := at[strings.ReplaceAll(line[69:], `\\`, `\`)]; ok {
				l.Entries[n].Sum = line[1:65]
			}
		default:
			head, rest, _ := strings.Cut(line, "\t")
			name, target, ok := strings.Cut(rest, "\t")
			words := strings.Fields(head)
			if !ok || len(words) != 6 {
				continue // a name with a newline
			}
			mode, err := modules.ParseMode(fmt.Sprintf("%04s", words[1]))
			if err != nil {
				return listing{}, fmt.Errorf("the host answered %q", line)
			}
			at[name] = len(l.Entries)
			l.Entries = append(l.Entries, entry{
				Name: name, Type: kind(words[0]), Mode: mode, Owner: words[2], Group: words[3], UID: words[4], GID: words[5], Target: target,
			})
		}
	}
	if len(l.Entries) == 0 {
		return listing{}, errors.New("the host gave no answer")
	}
	l.There = true
	return l, nil
}

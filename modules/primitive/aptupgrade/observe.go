package aptupgrade

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// question is what is asked about upgrades.
type question struct {
	Full    bool
	Minutes int // how old the lists may be
}

// upgrades are what apt-get would do.
type upgrades struct {
	Stale    bool // the package lists are too old
	Packages []upgrade
	Remove   []string
	KeptBack []string
}

// An upgrade is a package with its versions. Old is empty if it is not installed.
type upgrade struct {
	Name, Old, New string
	Security       bool
}

//go:embed look.sh
var lookScript string

var available = &observe.Kind[question, upgrades]{
	Name: "upgrades",
	Cost: 1000,
	Script: func(questions []question) string {
		var b strings.Builder
		for _, q := range questions {
			verb := "upgrade"
			if q.Full {
				verb = "dist-upgrade"
			}
			b.WriteString("(\n" + apt.Age(q.Minutes) + "\n" + shell.Script(lookScript, shell.Vars{"upgrade": verb}) + ") 2>&1\necho \"end $?\"\n")
		}
		return b.String()
	},
	Parse: func(questions []question, reply observe.Reply) map[question]observe.Answer[upgrades] {
		answers := make(map[question]observe.Answer[upgrades])
		var lines []string
		next := 0
		for _, line := range reply.Lines() {
			status, end := strings.CutPrefix(line, "end ")
			switch {
			case !end:
				lines = append(lines, line)
				continue
			case next >= len(questions):
				return nil
			}
			answer := observe.Answer[upgrades]{Value: parse(lines)}
			if status != "0" {
				answer.Err = fmt.Errorf("apt-get: %s", modules.LastLine([]byte(strings.Join(lines, "\n"))))
			}
			answers[questions[next]] = answer
			lines, next = nil, next+1
		}
		return answers
	},
	// A step that installs packages may fetch the lists, and upgrade some packages.
	Future: func(f *observe.Forecast, _ question, seen upgrades) observe.Outlook[upgrades] {
		o := observe.Outlook[upgrades]{Answer: observe.Answer[upgrades]{Value: seen}}
		by, ok := f.MayChange("/var/lib/apt/lists")
		switch clause := by + " does it"; {
		case ok && seen.Stale:
			o.Or = append(o.Or, observe.Alternative[upgrades]{Answer: observe.Unknown[upgrades](by + " is done"), If: clause})
		case ok && len(seen.Packages) > 0:
			o.Or = append(o.Or, observe.Alternative[upgrades]{Answer: observe.Answer[upgrades]{Value: upgrades{KeptBack: seen.KeptBack}}, If: clause})
		}
		return o
	},
}

// parse reads lines such as "Inst hello [2.10-2] (2.10-3 Debian-Security:12/stable-security [amd64])", "Remv tst [1.0]", and the
// names below "The following packages have been kept back:" (apt 3: "Not upgrading yet due to phasing:" is one more such list).
func parse(lines []string) (u upgrades) {
	kept := false
	for _, line := range lines {
		fields := strings.Fields(line)
		switch {
		case line == "update":
			u.Stale = true
		case strings.HasSuffix(line, ":"):
			kept = strings.Contains(line, "kept back") || strings.Contains(line, "Not upgrading")
		case kept && strings.HasPrefix(line, "  "):
			u.KeptBack = append(u.KeptBack, fields...)
		case len(fields) > 2 && fields[0] == "Inst":
			is := upgrade{Name: fields[1], Security: strings.Contains(line, "-security") || strings.Contains(line, "-Security")}
			rest := fields[2:]
			if old, ok := strings.CutPrefix(rest[0], "["); ok {
				is.Old, rest = strings.TrimSuffix(old, "]"), rest[1:]
			}
			if len(rest) > 0 {
				is.New = strings.TrimPrefix(rest[0], "(")
			}
			u.Packages = append(u.Packages, is)
		case len(fields) > 1 && fields[0] == "Remv":
			u.Remove = append(u.Remove, fields[1])
		}
	}
	return u
}

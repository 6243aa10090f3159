package apt

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// DpkgState is whether dpkg has ended all that it began.
type DpkgState struct {
	// Unfinished are the packages that are neither installed nor removed as a whole: unpacked, half configured,
	// waiting for triggers, or to be reinstalled.
	Unfinished []string
	Journal    bool // changes that dpkg has noted but not yet merged into its database (dpkg was killed)
	Locked     bool // a program is at work with dpkg now, so Unfinished and Journal say nothing
}

// Interrupted reports whether dpkg was interrupted and its work must be completed.
func (s DpkgState) Interrupted() bool { return !s.Locked && (s.Journal || len(s.Unfinished) > 0) }

//go:embed dpkg.sh
var dpkgScript string

// Dpkg answers in which state dpkg is. Its subject is always the empty struct.
//
// Sources: dpkg's doc/triggers.txt for the status words, lib/dpkg/dbmodify.c for /var/lib/dpkg/updates (numbered
// files); proc_locks(5), whose fifth and sixth fields are the process and MAJOR:MINOR:INODE. dpkg and apt take
// fcntl locks, which flock(1) does not see.
var Dpkg = &observe.Kind[struct{}, DpkgState]{
	Name:   "dpkg",
	Cost:   4,
	Script: func([]struct{}) string { return shell.Script(dpkgScript, nil) },
	Future: func(f *observe.Forecast, _ struct{}, seen DpkgState) observe.Outlook[DpkgState] {
		o := observe.Outlook[DpkgState]{Answer: observe.Answer[DpkgState]{Value: seen}}
		if f.Installs("dpkg") {
			o.Or = append(o.Or, observe.Alternative[DpkgState]{If: observe.Earlier + " does it"})
		}
		return o
	},
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[DpkgState] {
		if reply.Status != 0 {
			return map[struct{}]observe.Answer[DpkgState]{{}: {Err: fmt.Errorf("dpkg's database: %s", strings.TrimSpace(string(reply.Stderr)))}}
		}
		return map[struct{}]observe.Answer[DpkgState]{{}: {Value: parseDpkg(reply.Lines())}}
	},
}

func parseDpkg(lines []string) DpkgState {
	var s DpkgState
	name := ""
	for _, line := range lines {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "Journal":
			s.Journal = true
		case "Locked":
			s.Locked = true
		case "Package:":
			name = rest // dpkg writes it first in a record, Status at most three lines below
		case "Status:":
			s.Unfinished = append(s.Unfinished, name)
		}
	}
	return s
}

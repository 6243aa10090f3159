package sysctl

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module sysctl.
func Module() modules.Module { return modules.Primitive("sysctl", source, New) }

// Step is the desired value of a kernel parameter.
type Step struct {
	Path       string // below /proc/sys: "net/ipv4/ip_forward"
	Value      string // words separated by one space
	Persistent bool
	Absent     bool
	Within     time.Duration // how long a new login may take to confirm a value of the network
}

var _ modules.Batcher = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Path: procPath(args.Name), Value: normal(args.Value), Persistent: args.Persistent, Absent: args.State == "absent"}
	var errs []error
	within, err := time.ParseDuration(cmp.Or(args.ConfirmWithin, "60s")) // products leave it out
	if err != nil || within < time.Second || within > time.Hour {
		errs = append(errs, modules.Argf("confirm_within", "must be a duration from \"1s\" to \"1h\", not %q", args.ConfirmWithin))
	}
	s.Within = within
	if s.Path == "" || strings.Trim(s.Path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@") != "" ||
		strings.Contains("/"+s.Path+"/", "//") || strings.Contains("/"+s.Path+"/", "/./") || strings.Contains("/"+s.Path+"/", "/../") {
		errs = append(errs, modules.Argf("name", "must be a kernel parameter such as \"net.ipv4.ip_forward\", not %q", args.Name))
	}
	switch {
	case s.Value == "" && !s.Absent:
		errs = append(errs, modules.Argf("value", "is required"))
	case strings.ContainsAny(args.Value, "\n\x00"):
		errs = append(errs, modules.Argf("value", "must be one line: %q", args.Value))
	}
	return s, errors.Join(errs...)
}

// procPath turns a name into a path below /proc/sys. As for sysctl(8) and sysctl.d(5), the first
// separator decides: if it is a dot, slashes and dots are swapped.
func procPath(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		return strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	return name
}

// name is how people write the parameter.
func (s *Step) name() string {
	if strings.Contains(s.Path, ".") {
		return s.Path
	}
	return strings.ReplaceAll(s.Path, "/", ".")
}

func (s *Step) file() string {
	return "/etc/sysctl.d/99-zz-rcprov-" + strings.ReplaceAll(s.Path, "/", ".") + ".conf"
}

// content is the content of the file. A name with slashes means the same to every program that reads sysctl.d.
func (s *Step) content() string { return "# Written by rcprov.\n" + s.Path + " = " + s.Value + "\n" }

func (s *Step) question() observe.FileQuestion {
	if s.Absent {
		return observe.FileQuestion{Path: s.file()}
	}
	sum := sha256.Sum256([]byte(s.content()))
	return observe.FileQuestion{Path: s.file(), Content: true, UnlessSHA256: hex.EncodeToString(sum[:])}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	if s.Absent || s.Persistent {
		observe.File.Ask(q, s.question())
	}
	if !s.Absent {
		live.Ask(q, s.Path)
	}
	if s.lasts() {
		later.Ask(q, s.Path)
	}
	if s.network() {
		undecided.Ask(q, struct{}{})
	}
}

// lasts reports whether the value is set again at boot.
func (s *Step) lasts() bool { return s.Persistent && !s.Absent }

// network reports whether a wrong value could cut off whoever set it: all of net.*, because what does so depends on the
// host's interfaces, routes and filters.
func (s *Step) network() bool { return !s.Absent && strings.HasPrefix(s.Path, "net/") }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := work{Name: s.name()}
	var notes []string
	if s.network() {
		state, err := undecided.Get(snapshot, struct{}{})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look for an unconfirmed change: %w", err)
		}
		if state.Undecided() { // what is observed now may still be restored
			w.Unconfirmed = state
			return modules.NewChange(w), nil
		}
	}
	if !s.Absent {
		now, err := live.Get(snapshot, s.Path)
		if err != nil {
			return modules.Change{}, fmt.Errorf("read %s: %w", s.name(), err)
		}
		if now.Value != s.Value || !now.There {
			w.Value = &valueWork{Old: now.Value, New: s.Value}
		}
		if !now.There { // no error yet: an earlier step of a plan may load a kernel module
			notes = append(notes, "the kernel has no parameter "+s.name()+" yet: an earlier step must load the module that provides it")
		}
	}
	if s.lasts() {
		if err := s.beaten(snapshot); err != nil {
			return modules.Change{}, err
		}
	}
	if s.Absent || s.Persistent {
		file, err := s.diffFile(snapshot)
		if err != nil {
			return modules.Change{}, err
		}
		w.File = file
	}
	return modules.NewChange(w, notes...), nil
}

// beaten returns an error if another file sets the parameter last at boot.
func (s *Step) beaten(snapshot *observe.Snapshot) error {
	by, err := later.Get(snapshot, s.Path)
	if err != nil {
		return fmt.Errorf("read the files of sysctl.d(5): %w", err)
	}
	if by.File == "" || by.Value == s.Value {
		return nil
	}
	return modules.WithHint(fmt.Errorf("%s sets %s to %q at boot, after rcprov's file", by.File, s.name(), by.Value),
		"Remove that line, by hand or in an earlier `line` or `file` step; or set persistent = false.")
}

// diffFile returns what is done to the file, nil for nothing.
func (s *Step) diffFile(snapshot *observe.Snapshot) (*fileWork, error) {
	question := s.question()
	is, err := observe.File.Get(snapshot, question)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", s.file(), err)
	}
	switch {
	case is.Type == observe.Absent && s.Absent:
		return nil, nil
	case is.Type == observe.Absent:
		return &fileWork{Action: modules.Create, Path: s.file(), New: s.content()}, nil
	case is.Type != observe.Regular:
		return nil, modules.WithHint(fmt.Errorf("%s is %s, not a file", s.file(), is.Type), "Remove it: rcprov uses this name.")
	case s.Absent:
		return &fileWork{Action: modules.Remove, Path: s.file()}, nil
	case is.SHA256 == question.UnlessSHA256:
		return nil, nil
	}
	return &fileWork{Action: modules.Update, Path: s.file(), Old: string(is.Content), New: s.content()}, nil
}

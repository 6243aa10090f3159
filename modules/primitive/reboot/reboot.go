package reboot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module reboot.
func Module() modules.Module { return modules.Primitive("reboot", source, New) }

// Step is a host that is to be rebooted when something asks for it.
type Step struct {
	File   string // empty: none
	Kernel bool
	On     []string
}

var (
	_ modules.Foreseer = (*Step)(nil)
	_ modules.Rebooter = (*Step)(nil)
)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{File: args.File, Kernel: args.Kernel, On: args.RebootOn}
	var errs []error
	switch err := modules.CheckPath(args.File); {
	case args.File == "":
	case err != nil:
		errs = append(errs, modules.Argf("file", "%w", err))
	case !strings.HasPrefix(args.File, "/run/"):
		errs = append(errs, &modules.ArgError{
			Arg: "file", Err: fmt.Errorf("must be in /run, not %q", args.File),
			Hint: "The file has to go with the reboot, as all in /run does: otherwise it would ask for the next one, too. What stays is for `reboot_on`.",
		})
	}
	for _, p := range args.RebootOn {
		if err := modules.CheckPath(p); err != nil {
			errs = append(errs, modules.Argf("reboot_on", "%w", err))
		}
	}
	if args.File == "" && !args.Kernel && len(args.RebootOn) == 0 {
		errs = append(errs, modules.Argf("reboot_on", "is required: nothing else would ask for a reboot"))
	}
	if env.Local {
		errs = append(errs, modules.WithHint(fmt.Errorf("host %q is the machine that rcprov runs on, and is not rebooted by it", env.Host),
			"Reboot it by hand, or apply the plan from another machine."))
	}
	return s, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	boots.Ask(q, struct{}{})
	for _, p := range s.paths() {
		observe.File.Ask(q, observe.FileQuestion{Path: p})
		news.Ask(q, p)
	}
}

func (s *Step) paths() []string {
	if s.File == "" {
		return s.On
	}
	return append([]string{s.File}, s.On...)
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := boots.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask how the host was booted: %w", err)
	}
	w := work{Boot: is.ID}
	for _, p := range s.paths() {
		file, err := observe.File.Get(snapshot, observe.FileQuestion{Path: p})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", p, err)
		}
		foreseen, err := news.Get(snapshot, p)
		switch {
		case err != nil:
			return modules.Change{}, err
		case p == s.File:
			if file.Type != observe.Absent || foreseen {
				w.Reasons = append(w.Reasons, p+" exists")
			}
		case foreseen:
			w.Reasons = append(w.Reasons, p+" changes")
		case file.Type != observe.Absent && file.ChTime.After(is.Began):
			w.Reasons = append(w.Reasons, p+" has changed since the boot")
		}
	}
	if why := is.newer(); s.Kernel && why != "" {
		w.Reasons = append(w.Reasons, why)
	}
	if len(w.Reasons) > 0 && !is.Systemd {
		return modules.Change{}, modules.WithHint(fmt.Errorf("the host can't be rebooted from within: it was not booted with systemd (%s)", strings.Join(w.Reasons, ", ")),
			"It is probably a container: whoever runs it starts it anew.")
	}
	return modules.NewChange(w), nil
}

// Reboots implements [modules.Rebooter].
func (*Step) Reboots() {}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	snapshot.Forecast().Reboot(snapshot)
}

// work is the reboot; there is none without a reason.
type work struct {
	Boot    string // which the host is to leave
	Reasons []string
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if len(w.Reasons) == 0 {
		return nil
	}
	return []modules.Edit{{Action: modules.Run, Subject: "reboot", From: strings.Join(w.Reasons, ", ")}}
}

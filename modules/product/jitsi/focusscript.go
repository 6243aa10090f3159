package jitsi

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// FocusScript is the step for jicofo's init script, which is all that it has for a unit. After `apt remove jicofo` the script is no
// longer executable, and no installation changes that: debhelper's postrm takes the right away, and jicofo has no preinst that
// gives it back. Then there is neither a unit nor a link by which it would start at boot.
type FocusScript struct{}

var _ modules.Step = (*FocusScript)(nil)

const focusScript = "/etc/init.d/jicofo"

// focusLinks lists the links by which the script starts at boot.
var focusLinks = observe.NewLines("links of jicofo's init script", `ls -d /etc/rc[2345].d/S[0-9][0-9]jicofo 2>/dev/null || [ $? -le 2 ]`).
	About("jicofo", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d")

// Observe implements [modules.Step].
func (s *FocusScript) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: focusScript})
	focusLinks.Ask(q, struct{}{})
}

// Diff implements [modules.Step].
func (s *FocusScript) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: focusScript})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", focusScript, err)
	}
	links, err := focusLinks.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at the links of %s: %w", focusScript, err)
	}
	if is.Type != observe.Regular {
		return modules.Change{}, nil // focus-service says that there is no unit
	}
	return modules.NewChange(focusScriptWork{Rights: is.Mode&0o111 == 0, Links: len(links) == 0}), nil
}

// focusScriptWork is what the init script lacks.
type focusScriptWork struct {
	Rights bool // to be executed
	Links  bool // to be started at boot
}

// Edits implements [modules.Work].
func (w focusScriptWork) Edits() []modules.Edit {
	var edits []modules.Edit
	if w.Rights {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: focusScript, Field: "executable", From: "no", To: "yes"})
	}
	if w.Links {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: focusUnit, Field: "enabled", From: "disabled", To: "enabled"})
	}
	return edits
}

// generatedUnit is what systemd makes of the script, another one without the links.
const generatedUnit = "/run/systemd/generator.late/" + focusUnit

// Foresee implements [modules.Foreseer].
func (s *FocusScript) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	if c.Work.(focusScriptWork).Rights {
		f.Touch(focusScript, &observe.Rights{Mode: 0o755})
	}
	f.DaemonReload()
	f.May(observe.Cause{Name: focusScript, Bounded: true, Text: focusUnit + " " + generatedUnit, Brings: true})
}

// Apply implements [modules.Step]. update-rc.d leaves a script as it is that has any link, those for the shutdown among them.
func (s *FocusScript) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if c.Work.(focusScriptWork).Rights {
		if err := modules.SetRights(ctx, h, focusScript, "0755", "root", "root"); err != nil {
			return err
		}
	}
	for _, argv := range [][]string{{"update-rc.d", "-f", "jicofo", "remove"}, {"update-rc.d", "jicofo", "defaults"}, {"systemctl", "daemon-reload"}} {
		if _, err := h.Run(ctx, modules.Command{Argv: argv}); err != nil {
			return err
		}
	}
	return nil
}

package jitsi

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Remembered makes jitsi-meet-web-config forget another domain than the plan's, before anything runs its script: it would remove
// /etc/jitsi/meet/DOMAIN-config.js of that domain, with all that an administrator added. What nginx reads of it,
// [PreviousDomain] removes.
type Remembered struct {
	Domain string
}

var _ modules.Step = (*Remembered)(nil)

// remembered is the domain that the package remembers, no line if none; from debconf's database (debconf-devel(7), the driver File).
var remembered = observe.NewLines("domain of "+webPackage,
	`sed -n '/^Name: jitsi-meet\/jvb-hostname$/,/^$/s/^Value: \(..*\)/\1/p' /var/cache/debconf/config.dat 2>/dev/null || :`).
	About("/var/cache/debconf/config.dat", webPackage)

// Observe implements [modules.Step].
func (s *Remembered) Observe(q *observe.Query) { remembered.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (s *Remembered) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	lines, err := remembered.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("read debconf's database: %w", err)
	}
	if len(lines) == 0 || lines[0] == s.Domain {
		return modules.Change{}, nil
	}
	return modules.NewChange(rememberedWork{Domain: lines[0]}), nil
}

// rememberedWork is a domain to be forgotten.
type rememberedWork struct{ Domain string }

// Edits implements [modules.Work].
func (w rememberedWork) Edits() []modules.Edit {
	return []modules.Edit{{
		Action: modules.Update, Subject: "debconf jitsi-meet/jvb-hostname", Field: "value", From: w.Domain,
		To: "empty, so that " + webPackage + " keeps the page's settings of that domain",
	}}
}

// Foresee implements [modules.Foreseer].
func (s *Remembered) Foresee(*observe.Snapshot, modules.Change) {}

// Apply implements [modules.Step].
func (s *Remembered) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	_, err := h.Run(ctx, modules.Command{
		Argv: []string{"debconf-communicate", webPackage}, Stdin: []byte("set jitsi-meet/jvb-hostname \n"),
	})
	return err
}

package acmecertificate

import (
	"context"
	"fmt"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Validity checks that a certificate of the plan is valid at the host's time; otherwise the parts after it write no files.
// It changes nothing itself.
type Validity struct {
	Name                string
	NotBefore, NotAfter time.Time
}

var _ modules.Step = (*Validity)(nil)

// Observe implements [modules.Step].
func (v *Validity) Observe(q *observe.Query) { observe.Clock.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (v *Validity) Diff(s *observe.Snapshot) (modules.Change, error) {
	now, err := observe.Clock.Get(s, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask for the host's time: %w", err)
	}
	switch {
	case now.After(v.NotAfter):
		return modules.Change{}, modules.WithHint(fmt.Errorf("the certificate for %s expired on %s", v.Name, day(v.NotAfter)),
			"The date on the host is %s. Give a new certificate in certificate_pem.", day(now))
	case now.Before(v.NotBefore):
		return modules.Change{}, modules.WithHint(fmt.Errorf("the certificate for %s is not valid before %s", v.Name, day(v.NotBefore)),
			"The date on the host is %s. If that is wrong, correct its clock.", day(now))
	}
	var c modules.Change
	if left := v.NotAfter.Sub(now); left <= v.NotAfter.Sub(v.NotBefore)/3 {
		c.Notes = append(c.Notes, fmt.Sprintf("the certificate for %s expires on %s", v.Name, day(v.NotAfter)))
	}
	return c, nil
}

// Apply implements [modules.Step].
func (v *Validity) Apply(context.Context, modules.Host, modules.Change) error { return nil }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

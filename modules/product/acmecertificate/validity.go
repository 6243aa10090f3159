package acmecertificate

import (
	"context"
	"fmt"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Validity is that the host's time is within the validity of a certificate of the plan. It changes nothing; outside of it
// the files behind it are not written.
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
			"The host says that today is %s. Give a new one in certificate_pem.", day(now))
	case now.Before(v.NotBefore):
		return modules.Change{}, modules.WithHint(fmt.Errorf("the certificate for %s is valid from %s on only", v.Name, day(v.NotBefore)),
			"The host says that today is %s. If that is wrong, correct its clock.", day(now))
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

package acmecertificate

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Validity checks that a chain of the plan is valid at the host's time, as its first certificate to expire says; otherwise the parts
// after it write no files. It changes nothing itself.
type Validity struct {
	Name                string
	NotBefore, NotAfter time.Time
	From, Until         string // subjects of the certificates that set these, if they aren't the site's own

	Lifetime time.Duration // of the site's own certificate
}

// leastNotice is how long before the end a certificate that people bring by hand is mentioned, however short its life.
const leastNotice = 7 * 24 * time.Hour

// newValidity returns the step for a chain for name.
func newValidity(name string, chain []*x509.Certificate) *Validity {
	from, until := lifetime(chain)
	v := &Validity{Name: name, NotBefore: from.NotBefore, NotAfter: until.NotAfter, Lifetime: chain[0].NotAfter.Sub(chain[0].NotBefore)}
	if from != chain[0] {
		v.From = subject(from)
	}
	if until != chain[0] {
		v.Until = subject(until)
	}
	return v
}

// certificate names a certificate of the chain, that of signer if it isn't the site's own.
func (v *Validity) certificate(signer string) string {
	if signer == "" {
		return "the certificate for " + v.Name
	}
	return fmt.Sprintf("the certificate of %s, which the one for %s needs,", signer, v.Name)
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
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s expired on %s", v.certificate(v.Until), day(v.NotAfter)),
			"The date on the host is %s. Give a new certificate in certificate_pem.", day(now))
	case now.Before(v.NotBefore):
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is not valid before %s", v.certificate(v.From), day(v.NotBefore)),
			"The date on the host is %s. If that is wrong, correct its clock.", day(now))
	}
	var c modules.Change
	if left := v.NotAfter.Sub(now); left <= max(v.Lifetime/3, leastNotice) {
		c.Notes = append(c.Notes, fmt.Sprintf("%s expires on %s", v.certificate(v.Until), day(v.NotAfter)))
	}
	return c, nil
}

// Apply implements [modules.Step].
func (v *Validity) Apply(context.Context, modules.Host, modules.Change) error { return nil }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

package jitsi

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// CertificateLinks is the step for the links by which prosody reads its certificates and keys. The package's script makes them
// with a certificate, and removes those of a previous domain, which keeps its certificate: nothing makes them again when that
// domain returns. Whatever else an administrator put in their place stays.
type CertificateLinks struct {
	Domain string
}

var _ modules.Step = (*CertificateLinks)(nil)

// certificateLinks are the paths of the links, with their targets.
func certificateLinks(domain string) []linkWork {
	var all []linkWork
	for _, name := range []string{domain, "auth." + domain} {
		for _, suffix := range []string{".crt", ".key"} {
			all = append(all, linkWork{Path: "/etc/prosody/certs/" + name + suffix, Target: "/var/lib/prosody/" + name + suffix})
		}
	}
	return all
}

// Observe implements [modules.Step].
func (s *CertificateLinks) Observe(q *observe.Query) {
	for _, l := range certificateLinks(s.Domain) {
		observe.File.Ask(q, observe.FileQuestion{Path: l.Path})
	}
}

// Diff implements [modules.Step].
func (s *CertificateLinks) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	var w linksWork
	for _, l := range certificateLinks(s.Domain) {
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: l.Path})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", l.Path, err)
		}
		if is.Type == observe.Absent {
			w = append(w, l)
		}
	}
	return modules.NewChange(w), nil
}

// linksWork is the links that are made.
type linksWork []linkWork

// linkWork is a link that is made.
type linkWork struct{ Path, Target string }

// Edits implements [modules.Work].
func (w linksWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, l := range w {
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: l.Path, To: "a link to " + l.Target})
	}
	return edits
}

// Foresee implements [modules.Foreseer].
func (s *CertificateLinks) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	for _, l := range c.Work.(linksWork) {
		snapshot.Forecast().Link(l.Path, l.Target)
	}
}

// Apply implements [modules.Step].
func (s *CertificateLinks) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	for _, l := range c.Work.(linksWork) {
		if err := modules.MakeLink(ctx, h, l.Path, l.Target); err != nil {
			return err
		}
	}
	return nil
}

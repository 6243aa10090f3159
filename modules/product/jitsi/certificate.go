package jitsi

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Certificate checks that certificate and key are on the host before Jitsi's packages are installed. Without them the packages
// are installed nevertheless, and nginx, which goes on with its old configuration, fails at its next start.
type Certificate struct {
	Path, Key string
}

var _ modules.Step = (*Certificate)(nil)

// Observe implements [modules.Step].
func (s *Certificate) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	observe.File.Ask(q, observe.FileQuestion{Path: s.Key})
}

// Diff implements [modules.Step].
func (s *Certificate) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	var w certificateWork
	var notes []string
	for _, path := range []string{s.Path, s.Key} {
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: path})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
		}
		if is.Type == observe.Absent {
			// No error yet: when this is a plan, an earlier step may be about to make it.
			w = append(w, path)
			notes = append(notes, path+" is not there yet: an earlier step must make it")
		}
	}
	return modules.NewChange(w, notes...), nil
}

// certificateWork is the files that are not there yet.
type certificateWork []string

// Edits implements [modules.Work].
func (w certificateWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, path := range w {
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: path, Field: "wait", To: "there"})
	}
	return edits
}

// Apply implements [modules.Step]. It returns an error: the steps before this one have been applied.
func (s *Certificate) Apply(_ context.Context, _ modules.Host, c modules.Change) error {
	return modules.WithHint(fmt.Errorf("%s is not there", c.Work.(certificateWork)[0]),
		"Put an `acme_certificate` block before this one, and its certificate and key in the arguments; or correct the paths.")
}

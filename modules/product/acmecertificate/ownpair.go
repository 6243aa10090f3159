package acmecertificate

import (
	"context"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// OwnPair is a certificate and its key from the plan. Where both differ they are replaced right after one another, so that a run
// that is killed hardly ever leaves a certificate with the key of another, with which no server starts.
type OwnPair struct {
	Key, Certificate *file.Step
}

var (
	_ modules.Foreseer = (*OwnPair)(nil)
	_ modules.Claimer  = (*OwnPair)(nil)
)

func (p *OwnPair) files() []*file.Step { return []*file.Step{p.Key, p.Certificate} }

// Claims implements [modules.Claimer].
func (p *OwnPair) Claims() []modules.Claim { return append(p.Key.Claims(), p.Certificate.Claims()...) }

// SecretFiles implements [modules.SecretKeeper].
func (p *OwnPair) SecretFiles() []string { return p.Key.SecretFiles() }

// Observe implements [modules.Step].
func (p *OwnPair) Observe(q *observe.Query) {
	for _, f := range p.files() {
		f.Observe(q)
	}
}

// Diff implements [modules.Step].
func (p *OwnPair) Diff(s *observe.Snapshot) (modules.Change, error) {
	var w pairWork
	for _, f := range p.files() {
		c, err := f.Diff(s)
		if err != nil {
			return modules.Change{}, err
		}
		if !c.Empty() {
			w = append(w, fileWork{f, c})
		}
	}
	return modules.NewChange(w), nil
}

// pairWork is the files of a pair that differ, the key first.
type pairWork []fileWork

// fileWork is one of them with its change.
type fileWork struct {
	File   *file.Step
	Change modules.Change
}

// replaces reports whether the file gets other content, and not only other rights.
func (w fileWork) replaces() bool {
	return slices.ContainsFunc(w.Change.Edits, func(e modules.Edit) bool { return e.Field == "" || e.Field == "content" })
}

// Edits implements [modules.Work].
func (w pairWork) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, f := range w {
		edits = append(edits, f.Change.Edits...)
	}
	return edits
}

// Foresee implements [modules.Foreseer].
func (p *OwnPair) Foresee(s *observe.Snapshot, c modules.Change) {
	for _, f := range c.Work.(pairWork) {
		f.File.Foresee(s, f.Change)
	}
}

// Apply implements [modules.Step].
func (p *OwnPair) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	var replaced []stored
	for _, f := range c.Work.(pairWork) {
		if f.replaces() {
			replaced = append(replaced, stored{f.File.Path, f.File.Content, f.File.Mode})
			continue
		}
		if err := f.File.Apply(ctx, h, f.Change); err != nil {
			return err
		}
	}
	if len(replaced) == 0 {
		return nil
	}
	return putFiles(ctx, h, "0755", replaced)
}

package node

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/archive"
)

// release is the tarball of a version whose SHA-256 is not in the plan. The directory's label shows whether it is installed, so
// that nothing is fetched to observe it; the signed list is fetched only to install.
type release struct {
	*archive.Step
	sums *signedSums
}

var _ modules.Preparer = (*release)(nil)

// Diff implements [modules.Step].
func (r *release) Diff(s *observe.Snapshot) (modules.Change, error) {
	c, err := r.Step.Diff(s)
	if err == nil && r.Unpacks(c) {
		c.Notes = append(c.Notes, fmt.Sprintf("its SHA-256 will be taken from %s, if a trusted key signed that (trusted keys: %d)", r.sums.URL, len(r.sums.Fingerprints)))
	}
	return c, err
}

// summed returns the archive with its sum from the signed list, if c needs one.
func (r *release) summed(ctx context.Context, c modules.Change) (*archive.Step, error) {
	step := *r.Step
	if r.Unpacks(c) {
		sum, err := r.sums.of(ctx, r.Label+".tar.gz")
		if err != nil {
			return nil, err
		}
		step.SHA256 = sum
	}
	return &step, nil
}

// Apply implements [modules.Step].
func (r *release) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	step, err := r.summed(ctx, c)
	if err != nil {
		return err
	}
	return step.Apply(ctx, h, c)
}

// Prepare implements [modules.Preparer].
func (r *release) Prepare(ctx context.Context, h modules.Host, c modules.Change) error {
	step, err := r.summed(ctx, c)
	if err != nil {
		return err
	}
	return step.Prepare(ctx, h, c)
}

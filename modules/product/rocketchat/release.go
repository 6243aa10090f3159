package rocketchat

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/signed"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/archive"
)

// buildmaster is the primary key with which the vendor signs releases, "Rocket.Chat Buildmaster": the Dockerfiles of
// RocketChat/Docker.Official.Image name it, from 6.0 to 8.8.
const buildmaster = "0E163286C20D07B9787EBE9FD7F9D0414FD08104"

// release is the vendor's tarball, unpacked. Without a SHA-256 in the plan, the directory's label shows whether it is
// installed, so that nothing is fetched to observe it; the signature is fetched only to install.
type release struct {
	*archive.Step
	keys      *signed.Keys // nil when the plan has the sum
	signature string       // address
}

var _ modules.Preparer = (*release)(nil)

func newRelease(args Args, env modules.Env) (*release, error) {
	address := strings.TrimSuffix(args.Releases, "/") + "/" + args.Version
	r := &release{Step: &archive.Step{
		Path: path.Join(args.Directory, "releases", args.Version), URL: address + "/download", Label: "rocket.chat-" + args.Version,
		Strip: 1, Contains: []string{"main.js", "programs/server/package.json"}, Fixed: []string{"main.js"}, Owner: args.User, Group: args.User, Mode: 0o755,
	}}
	if args.SHA256 != "" {
		sum, err := fetch.ParseSHA256(args.SHA256)
		if err != nil {
			return r, modules.Argf("sha256", "%w", err)
		}
		r.SHA256 = sum
		return r, nil
	}
	r.signature = address + "/asc"
	r.keys = &signed.Keys{
		Fingerprints: []string{buildmaster}, Whose: "Rocket.Chat's build machine",
		Unknown: "If the vendor announces this key, add the fingerprint of its primary key to `fingerprints`; the Dockerfiles of " +
			"github.com/RocketChat/Docker.Official.Image name it. If not, somebody may have replaced the release.",
	}
	return r, r.keys.ReadArgs(args.Fingerprints, args.KeyURL, args.KeyFile, env)
}

// Diff implements [modules.Step].
func (r *release) Diff(s *observe.Snapshot) (modules.Change, error) {
	c, err := r.Step.Diff(s)
	if err == nil && r.keys != nil && r.Unpacks(c) {
		c.Notes = append(c.Notes, fmt.Sprintf("unpacked only if %s is its signature by the key %s", r.signature, strings.Join(r.keys.Fingerprints, " or ")))
	}
	return c, err
}

// Apply implements [modules.Step].
func (r *release) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	step, err := r.signed(ctx, h, c, (*signed.Signature).Download)
	if err != nil {
		return err
	}
	return step.Apply(ctx, h, c)
}

// Prepare implements [modules.Preparer].
func (r *release) Prepare(ctx context.Context, h modules.Host, c modules.Change) error {
	step, err := r.signed(ctx, h, c, (*signed.Signature).Prepare)
	if err != nil {
		return err
	}
	return step.Prepare(ctx, h, c)
}

// signed returns the archive with its sum, if c needs one: the sum of the file that download fetches, if its signature is
// valid.
func (r *release) signed(ctx context.Context, h modules.Host, c modules.Change,
	download func(*signed.Signature, context.Context, modules.Host, string, string) (string, error),
) (*archive.Step, error) {
	step := *r.Step
	if r.keys == nil || !r.Unpacks(c) {
		return &step, nil
	}
	signature, err := r.keys.Signature(ctx, r.signature)
	if err != nil {
		return nil, err
	}
	step.SHA256, err = download(signature, ctx, h, r.URL, r.Path)
	return &step, err
}

package download

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module download.
func Module() modules.Module { return modules.Primitive("download", source, New) }

// Step is a file that the host downloads.
type Step struct {
	Path   string
	URL    string
	SHA256 string // lowercase hex
	Mode   fs.FileMode
	Owner  string
	Group  string
}

var _ modules.Preparer = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Path: args.Path, URL: args.URL, Owner: args.Owner, Group: args.Group}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	check := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	check("url", fetch.CheckURL(args.URL))
	sum, err := fetch.ParseSHA256(args.SHA256)
	check("sha256", err)
	s.SHA256 = sum
	return s, errors.Join(errs...)
}

// rights are the desired mode, owner and group.
func (s *Step) rights() rights.Rights {
	return rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group}
}

func (s *Step) question() observe.FileQuestion {
	return observe.FileQuestion{Path: s.Path, Content: true, UnlessSHA256: s.SHA256}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	observe.AskParents(q, s.Path)
	s.rights().Ask(q)
}

// Diff implements [modules.Step]. Beside the error of what an earlier step must bring it returns the change, since the download may
// start before that step.
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := work{Action: modules.Update, Path: s.Path, URL: s.URL, SHA256: s.SHA256}
	is, err := observe.File.Get(snapshot, s.question())
	var notes []string
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	case s.rights().Allowed(is) != nil:
		return modules.Change{}, s.rights().Allowed(is)
	case is.Type == observe.Absent:
		notes, err = modules.NeedsParent(snapshot, s.Path)
		w.Action = modules.Create
	case is.Type != observe.Regular:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	default:
		w.Seen, w.Drift = is.SHA256, s.rights().Compare(s.Path, is)
	}
	if err == nil {
		err = s.rights().Possible(snapshot, w.Action == modules.Create, w.Drift)
	}
	return modules.NewChange(w, notes...), err
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, rights := snapshot.Forecast(), s.rights().Foreseen()
	if c.Work.(work).downloads() {
		f.Write(s.Path, observe.KnownSum(s.SHA256), rights)
		return
	}
	f.Touch(s.Path, rights)
}

//go:embed download.sh
var downloadScript string

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if !c.Work.(work).downloads() {
		return modules.SetRights(ctx, h, s.Path, s.rights().OctalMode(), s.Owner, s.Group)
	}
	_, err := job.Run(ctx, h, s.job(downloadScript))
	err = modules.DoorError(err, s.Path)
	if fetch.Found(err) == nil {
		return modules.FileHint(err, s.Path)
	}
	return fetch.Explain(err, s.URL, s.SHA256, path.Dir(s.Path))
}

// prepareScript downloads ahead.
const prepareScript = `
umask 022
ahead "$path" "$staging" "$prepared"
fetch "$url" "$sha256" "$prepared"
`

// Prepare implements [modules.Preparer].
func (s *Step) Prepare(ctx context.Context, h modules.Host, c modules.Change) error {
	if !c.Work.(work).downloads() {
		return nil
	}
	_, err := job.RunWhile(ctx, h, s.job(prepareScript))
	return err
}

// job runs one of the two scripts. Both jobs have one name, so that they never run at the same time.
func (s *Step) job(script string) job.Job {
	return job.Job{
		Name: fetch.JobName("download", s.Path), Progress: fetch.Progress,
		Command: modules.Command{Script: hostfile.Script(shell.Script(fetch.Functions, nil)+shell.Script(script, nil), shell.Vars{
			"path": s.Path, "staging": fetch.Staging(s.Path), "store": fetch.Store(s.Path), "prepared": fetch.Prepared(s.Path),
			"url": s.URL, "sha256": s.SHA256, "owner": s.Owner, "group": s.Group, "mode": s.rights().OctalMode(),
		}, shell.Vars{"writer": hostfile.Writer})},
	}
}

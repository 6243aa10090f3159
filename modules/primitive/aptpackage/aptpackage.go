package aptpackage

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module apt_package.
func Module() modules.Module { return modules.Primitive("apt_package", source, New) }

// Step is a set of packages that should be installed, or not.
type Step struct {
	Packages   []Package
	Absent     bool
	Held       *bool // nil: as it is
	Purge      bool
	Recommends bool
	Downgrade  bool
	ListAge    time.Duration
	Origin     string // of the repository that all come from; empty: any
	deb        *deb   // the one package is a file; nil: it is from a repository
}

// Package is a package with its desired version.
type Package struct {
	Name    string // "nginx", "libc6:i386"
	Version string // exact, or a beginning followed by "*", or latest; empty: any
}

// latest is the version that apt would install now.
const latest = "latest"

var _ modules.Batcher = (*Step)(nil)

// Names and versions as Debian policy 5.6.7 and 5.6.12 have them. Nothing else may reach apt-get's command line, where
// "-o..." is an option, "nginx-" removes and "ng*" is a pattern.
var (
	validName    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9][a-z0-9-]*)?$`)
	validVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~:-]*\*?$`)
)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Absent: args.State == "absent", Held: args.Held, Purge: args.Purge,
		Recommends: args.InstallRecommends, Downgrade: args.AllowDowngrade, Origin: args.Origin,
	}
	errs := []error{s.readFile(args, env)}
	if len(args.Packages) == 0 && args.Source == "" {
		errs = append(errs, modules.Argf("packages", "must name at least one package"))
	}
	for _, word := range args.Packages {
		name, version, versioned := strings.Cut(word, "=")
		switch {
		case !validName.MatchString(name):
			errs = append(errs, modules.Argf("packages", "%q is not the name of a package", name))
		case versioned && version != latest && !validVersion.MatchString(version):
			errs = append(errs, modules.Argf("packages", "%q is not a version (of %s), such as \"1.22.1-9\" or \"1.22.*\"", version, name))
		case versioned && s.Absent:
			errs = append(errs, modules.Argf("packages", "%q has a version, which conflicts with state = \"absent\"", word))
		case slices.ContainsFunc(s.Packages, func(p Package) bool { return p.Name == name }):
			errs = append(errs, modules.Argf("packages", "%q is listed twice", name))
		}
		s.Packages = append(s.Packages, Package{name, version})
	}
	if s.Absent && s.Origin != "" {
		errs = append(errs, modules.Argf("origin", "conflicts with state = \"absent\""))
	}
	if s.Absent && s.Held != nil {
		errs = append(errs, modules.Argf("held", "conflicts with state = \"absent\""))
	}
	if s.Purge && !s.Absent {
		errs = append(errs, modules.Argf("purge", "requires state = \"absent\""))
	}
	age, err := time.ParseDuration(args.UpdateCache)
	if err != nil || age < 0 {
		errs = append(errs, modules.Argf("update_cache", "must be a duration such as \"24h\" or \"30m\", not %q", args.UpdateCache))
	}
	s.ListAge = age
	return s, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	apt.Dpkg.Ask(q, struct{}{})
	if !s.Absent {
		apt.Stale.Ask(q, struct{}{})
	}
	for _, p := range s.Packages {
		observe.Package.Ask(q, p.Name)
		if s.asksPolicy(p) {
			apt.Policies.Ask(q, s.policyQuestion(p))
		}
	}
	if s.deb != nil {
		debs.Ask(q, s.deb.File)
		observe.Package.Ask(q, dpkg) // its architecture is the host's
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	state, err := apt.Dpkg.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, err
	}
	packages, err := s.desired(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	var w work
	var notes []string
	broken := false
	for _, p := range packages {
		is, err := observe.Package.Get(snapshot, p.Name)
		if err != nil {
			return modules.Change{}, fmt.Errorf("package %s: %w", p.Name, err)
		}
		task := s.compare(p, is)
		if s.asksPolicy(p) {
			note, err := s.choose(snapshot, &task)
			if err != nil {
				return modules.Change{}, err
			}
			for _, n := range note {
				if !slices.Contains(notes, n) {
					notes = append(notes, n)
				}
			}
		}
		if task.Action != "" || task.Held != nil || task.Manual {
			w.Packages = append(w.Packages, task)
		}
		broken = broken || is.Broken && !s.Absent
	}
	// What others left unfinished concerns only a step that needs dpkg. What the step removes need not be finished first.
	if rest := s.unfinished(state); rest.Interrupted() && (broken || len(w.Packages) > 0) {
		w.Repair = &rest
	}
	note, err := s.stale(snapshot, w)
	return modules.NewChange(w, append(notes, note...)...), err
}

// stale returns the note about packages that stay, and were installed although apt could not fetch all lists.
func (s *Step) stale(snapshot *observe.Snapshot, w work) ([]string, error) {
	if s.Absent {
		return nil, nil
	}
	lists, err := apt.Stale.Get(snapshot, struct{}{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range s.Packages {
		changes := slices.ContainsFunc(w.Packages, func(is packageWork) bool { return is.Name == p.Name && is.Action != "" })
		if !changes && slices.Contains(lists.Packages, p.Name) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s may be an old version: apt could not fetch all package lists (%s): %s",
		strings.Join(names, ", "), lists.Since, strings.Join(lists.Why, "; "))}, nil
}

// unfinished returns the state without the packages that the step removes.
func (s *Step) unfinished(state apt.DpkgState) apt.DpkgState {
	if s.Absent {
		state.Unfinished = slices.DeleteFunc(slices.Clone(state.Unfinished), func(name string) bool {
			return slices.ContainsFunc(s.Packages, func(p Package) bool { return p.plain() == name })
		})
	}
	return state
}

// Foresee implements [modules.Foreseer]: what packages bring, and what their scripts do, shows only then.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, w := snapshot.Forecast(), c.Work.(work)
	if w.Repair != nil {
		f.May(observe.Cause{Name: dpkg, Brings: true})
		for _, name := range w.Repair.Unfinished {
			f.May(observe.Cause{Name: "package " + name, Brings: true})
		}
		f.Install(dpkg)
	}
	for _, p := range w.Packages {
		if p.Action != "" {
			f.May(observe.Cause{Name: p.subject(), Brings: p.Action != modules.Remove, Removes: p.Action == modules.Remove})
		}
	}
	for _, p := range s.Packages {
		if s.Absent {
			observe.Package.Foresee(snapshot, p.Name, observe.PackageInfo{})
		} else {
			f.Install(p.Name)
		}
	}
}

// compare returns what is done with p, which is as observed in is.
func (s *Step) compare(p Package, is observe.PackageInfo) packageWork {
	w := packageWork{Package: p, Seen: is}
	switch {
	case s.Absent && (is.Version != "" || is.ConfigFiles && s.Purge): // also when it is half installed
		w.Action = modules.Remove
	case s.Absent, is.Installed && p.matches(is.Version):
	case is.Installed || is.Version != "":
		w.Action = modules.Update
	default:
		w.Action = modules.Create
	}
	if s.Held != nil && *s.Held != is.Held {
		w.Held = s.Held
	}
	w.Manual = is.Auto && !s.Absent
	return w
}

// matches reports whether version satisfies the plan.
func (p Package) matches(version string) bool {
	if beginning, found := strings.CutSuffix(p.Version, "*"); found {
		return strings.HasPrefix(version, beginning)
	}
	return p.Version == "" || p.Version == latest || p.Version == version
}

// plain is the name without an architecture.
func (p Package) plain() string {
	name, _, _ := strings.Cut(p.Name, ":")
	return name
}

// word is the package as an argument of apt-get.
func (p Package) word() string {
	if p.Version == "" || p.Version == latest {
		return p.Name
	}
	return p.Name + "=" + p.Version
}

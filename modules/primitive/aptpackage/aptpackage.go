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
}

// Package is a package with its desired version.
type Package struct {
	Name    string // "nginx", "libc6:i386"
	Version string // exact, or a beginning followed by "*"; empty: any
}

var _ modules.Batcher = (*Step)(nil)

// Names and versions as Debian policy 5.6.7 and 5.6.12 have them. Nothing else may reach apt-get's command line, where
// "-o..." is an option, "nginx-" removes and "ng*" is a pattern.
var (
	validName    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9][a-z0-9-]*)?$`)
	validVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~:-]*\*?$`)
)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Absent: args.State == "absent", Held: args.Held, Purge: args.Purge,
		Recommends: args.InstallRecommends, Downgrade: args.AllowDowngrade,
	}
	var errs []error
	if len(args.Packages) == 0 {
		errs = append(errs, modules.Argf("packages", "must name at least one package"))
	}
	for _, word := range args.Packages {
		name, version, versioned := strings.Cut(word, "=")
		switch {
		case !validName.MatchString(name):
			errs = append(errs, modules.Argf("packages", "%q is not the name of a package", name))
		case versioned && !validVersion.MatchString(version):
			errs = append(errs, modules.Argf("packages", "%q is not a version (of %s), such as \"1.22.1-9\" or \"1.22.*\"", version, name))
		case versioned && s.Absent:
			errs = append(errs, modules.Argf("packages", "%q has a version, which conflicts with state = \"absent\"", word))
		case slices.ContainsFunc(s.Packages, func(p Package) bool { return p.Name == name }):
			errs = append(errs, modules.Argf("packages", "%q is listed twice", name))
		}
		s.Packages = append(s.Packages, Package{name, version})
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
	for _, p := range s.Packages {
		observe.Package.Ask(q, p.Name)
	}
}

// dpkg is the subject of the edit that repairs an interrupted dpkg.
const dpkg = "dpkg"

// subject is the subject of edits of a package.
func subject(name string) string { return "package " + name }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	state, err := apt.Dpkg.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, err
	}
	var c modules.Change
	if state.Interrupted() {
		from := "interrupted"
		if len(state.Unfinished) > 0 {
			from += " (" + strings.Join(state.Unfinished, ", ") + ")"
		}
		e := modules.Edit{Action: modules.Run, Subject: dpkg, From: from, To: "all packages configured"}
		c.Edits = append(c.Edits, e)
	}
	for _, p := range s.Packages {
		is, err := observe.Package.Get(snapshot, p.Name)
		if err != nil {
			return modules.Change{}, fmt.Errorf("package %s: %w", p.Name, err)
		}
		if s.Absent {
			c.Edits = append(c.Edits, s.diffAbsent(p, is)...)
		} else {
			c.Edits = append(c.Edits, s.diffPresent(p, is)...)
		}
	}
	return c, nil
}

// Foresee implements [modules.Foreseer]: what packages bring, and what their scripts do, shows only then.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	for _, e := range c.Edits {
		if e.Field != "held" {
			f.May(observe.Cause{Name: e.Subject, Brings: e.Action != modules.Remove})
		}
		if e.Subject == dpkg {
			f.Install(dpkg)
		}
	}
	for _, p := range s.Packages {
		if !s.Absent {
			f.Install(p.Name)
		}
	}
}

func (s *Step) diffAbsent(p Package, is observe.PackageInfo) []modules.Edit {
	switch {
	case is.Version != "": // also when it is half installed
		return []modules.Edit{{Action: modules.Remove, Subject: subject(p.Name), From: is.Version}}
	case is.ConfigFiles && s.Purge:
		return []modules.Edit{{Action: modules.Remove, Subject: subject(p.Name), Field: "purge", From: "configuration files"}}
	}
	return nil
}

// diffPresent returns the edits for a package that should be installed.
func (s *Step) diffPresent(p Package, is observe.PackageInfo) []modules.Edit {
	var edits []modules.Edit
	switch {
	case is.Installed && p.matches(is.Version):
	case is.Installed:
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: subject(p.Name), Field: "version", From: is.Version, To: p.Version,
		})
	case is.Version != "":
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: subject(p.Name), From: is.Version + ", not fully installed", To: p.wanted(),
		})
	default:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: subject(p.Name), To: p.wanted()})
	}
	if s.Held != nil && *s.Held != is.Held {
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: subject(p.Name), Field: "held", From: yesNo(is.Held), To: yesNo(*s.Held),
		})
	}
	return edits
}

// matches reports whether version satisfies the plan.
func (p Package) matches(version string) bool {
	if beginning, found := strings.CutSuffix(p.Version, "*"); found {
		return strings.HasPrefix(version, beginning)
	}
	return p.Version == "" || p.Version == version
}

// wanted is the version for people.
func (p Package) wanted() string {
	if p.Version == "" {
		return "installed"
	}
	return p.Version
}

// word is the package as an argument of apt-get.
func (p Package) word() string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + "=" + p.Version
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

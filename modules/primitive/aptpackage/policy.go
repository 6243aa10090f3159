package aptpackage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
)

// asksPolicy reports whether the step depends on the versions of p that the host's lists have.
func (s *Step) asksPolicy(p Package) bool { return s.Origin != "" || p.Version == latest }

func (s *Step) policyQuestion(p Package) apt.PolicyQuestion {
	return apt.PolicyQuestion{Name: p.Name, Origins: s.Origin != "", Minutes: int((s.ListAge + time.Minute - 1) / time.Minute)}
}

// choose adds to w, the work by what dpkg says, what follows from the lists: the latest version, and where it must be from.
func (s *Step) choose(snapshot *observe.Snapshot, w *packageWork) (notes []string, err error) {
	p := w.Package
	lists, err := apt.Policies.Get(snapshot, s.policyQuestion(p))
	if err != nil {
		return nil, fmt.Errorf("ask apt for the versions of %s: %w", p.Name, err)
	}
	target := lists.Candidate
	if s.Origin != "" {
		target = lists.Newest(s.Origin, p.matches)
	}
	if lists.OldLists {
		notes = append(notes, "apt's package lists are older than update_cache: newer versions than they have are found when apt-get update has run")
	}
	is := w.Seen
	if !is.Installed {
		w.Target = target
		if s.Origin != "" && target == "" && !lists.OldLists {
			then := modules.NewChange(work{Packages: []packageWork{*w}}, notes...)
			return nil, modules.Later(errNoVersion(p, s.Origin), &then)
		}
		return notes, nil
	}
	from := lists.From(is.Version)
	ours := slices.ContainsFunc(from, func(source apt.Source) bool { return source.Is(s.Origin) })
	switch {
	case s.Origin == "" || ours:
	case len(from) == 0 && target != "" && apt.Compare(target, is.Version) > 0 && p.Version != latest && w.Action == "":
		notes = append(notes, fmt.Sprintf("%s %s is in none of apt's lists, so that nobody knows whether it is from %s, which has %s", p.Name, is.Version, s.Origin, target))
		return notes, nil
	default:
		w.Action, w.From, w.Origin = modules.Update, "unknown", s.Origin
		if len(from) > 0 {
			w.From = from[0].String()
		}
	}
	if w.Action == "" && (p.Version != latest || target == "" || target == is.Version) {
		return notes, nil
	}
	w.Action, w.Target = modules.Update, target
	switch {
	case s.Origin != "" && target == "":
		return nil, modules.Later(errNoVersion(p, s.Origin), nil)
	case target != "" && apt.Compare(target, is.Version) < 0 && !s.Downgrade:
		return nil, modules.WithHint(fmt.Errorf("%s has version %s%s, which is newer than %s", p.Name, is.Version, fromText(from), target),
			"Set `allow_downgrade = true` to install the older one.")
	}
	return notes, nil
}

// fromText is where a version is from, behind it.
func fromText(sources []apt.Source) string {
	var names []string
	for _, s := range sources {
		if !slices.Contains(names, s.String()) {
			names = append(names, s.String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (of " + strings.Join(names, ", ") + ")"
}

// errNoVersion is the error for a package that apt can't get from where it must be from.
func errNoVersion(p Package, origin string) error {
	what := p.Name
	if p.Version != "" && p.Version != latest {
		what += " " + p.Version
	}
	return modules.WithHint(fmt.Errorf("apt's lists have no %s from %s", what, origin),
		"Add the repository in an earlier step (`apt_repository`). `apt-cache policy` on the host shows the names of its repositories: "+
			"o= is the origin, l= the label, and \"origin\" the host.")
}

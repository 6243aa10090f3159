package aptpackage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
)

// work is what is done with dpkg and the packages that differ, in the order of the plan.
type work struct {
	Repair   *apt.DpkgState // an interrupted dpkg, which is repaired first; nil: it is fine
	Packages []packageWork
}

// installs reports whether a package is installed or gets another version.
func (w work) installs() bool {
	return slices.ContainsFunc(w.Packages, func(p packageWork) bool { return p.Action == modules.Create || p.Action == modules.Update })
}

// packageWork is what is done with one package.
type packageWork struct {
	Package
	Seen observe.PackageInfo

	// Action is to install the package, to change its version or complete its installation, or to remove it or what is left
	// of it; empty for a package that only differs in its hold.
	Action modules.Action
	Held   *bool // whether it is put on hold; nil: as it is
	Manual bool  // it is marked as installed by hand

	Target string // the version that becomes of it, where the plan doesn't name it; empty: unknown
	From   string // the repository that the installed version is from, where it is to be from Origin
	Origin string
}

// dpkg is the subject of the edit that repairs an interrupted dpkg.
const dpkg = "dpkg"

// subject is the subject of the edits of a package.
func (p Package) subject() string { return "package " + p.Name }

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	if w.Repair != nil {
		from := "interrupted"
		if len(w.Repair.Unfinished) > 0 {
			from += " (" + strings.Join(w.Repair.Unfinished, ", ") + ")"
		}
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: dpkg, From: from, To: "all packages configured"})
	}
	for _, p := range w.Packages {
		edits = append(edits, p.edits()...)
	}
	return edits
}

func (p packageWork) edits() []modules.Edit {
	var edits []modules.Edit
	edit := func(action modules.Action, field, from, to string) {
		edits = append(edits, modules.Edit{Action: action, Subject: p.subject(), Field: field, From: from, To: to})
	}
	wanted := cmp.Or(p.Target, p.Version, "installed")
	switch {
	case p.Action == modules.Create:
		edit(p.Action, "", "", wanted)
	case p.Action == modules.Update && p.Seen.Installed:
		if target := cmp.Or(p.Target, p.Version); target != p.Seen.Version {
			edit(p.Action, "version", p.Seen.Version, target)
		}
		if p.From != "" {
			edit(p.Action, "origin", p.From, p.Origin)
		}
	case p.Action == modules.Update:
		edit(p.Action, "", p.Seen.Version+", not fully installed", wanted)
	case p.Action == modules.Remove && p.Seen.Version != "":
		edit(p.Action, "", p.Seen.Version, "")
	case p.Action == modules.Remove:
		edit(p.Action, "purge", "configuration files", "")
	}
	if p.Held != nil {
		edit(modules.Update, "held", yesNo(p.Seen.Held), yesNo(*p.Held))
	}
	if p.Manual {
		edit(modules.Update, "mark", "auto", "manual")
	}
	return edits
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

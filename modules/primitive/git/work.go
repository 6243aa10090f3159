package git

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the checkout: it is created (also in place of another one), or updated.
type work struct {
	Action  modules.Action
	Path    string
	Repo    string
	Version string
	Replace string // why what is there is replaced; empty: nothing is, or an empty directory

	URL          string       // of the remote that an existing checkout has, if it is another one
	Head, Commit string       // what is checked out, and what is to be, if that differs
	Local        []edit       // local edits that are discarded
	Ahead        int          // commits that are discarded
	Submodules   []string     // that are not as the commit has them
	Drift        rights.Drift // of an existing checkout
}

// An edit is a file that is not as HEAD has it.
type edit struct {
	State string // as git-status(1) abbreviates it
	Name  string
}

// String is the edit for people.
func (e edit) String() string {
	switch e.State[:1] + e.State[1:] {
	case " D", "D ":
		return e.Name + " (deleted)"
	case "A ", "AM":
		return e.Name + " (added)"
	case "UU", "AA", "DD", "AU", "UA", "DU", "UD":
		return e.Name + " (in a merge that was not finished)"
	}
	return e.Name
}

// checksOut reports whether git has something to do.
func (w work) checksOut() bool {
	return w.Action == modules.Update && (w.URL != "" || w.Head != w.Commit || len(w.Local)+len(w.Submodules) > 0)
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if w.Action == modules.Create {
		return []modules.Edit{{Action: modules.Create, Subject: w.Path, From: w.Replace, To: w.Version + " of " + w.Repo}}
	}
	var edits []modules.Edit
	add := func(field, from, to string) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Path, Field: field, From: from, To: to})
	}
	if w.URL != "" {
		add("repo", w.URL, w.Repo)
	}
	if w.Head != w.Commit {
		from := short(w.Head)
		if w.Ahead > 0 {
			from = fmt.Sprintf("%s, with commits that the remote doesn't have: %d", from, w.Ahead)
		}
		add("version", from, w.target())
	}
	for _, e := range w.Local {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Path + "/" + e.Name, Field: "content", From: "edited on the host", To: "as committed"})
	}
	for _, s := range w.Submodules {
		add("submodules", "", s)
	}
	return append(edits, w.Drift.Edits()...)
}

// target is the desired commit for people.
func (w work) target() string {
	if w.Version == w.Commit {
		return short(w.Commit)
	}
	return fmt.Sprintf("%s (%s)", short(w.Commit), w.Version)
}

func short(commit string) string { return commit[:min(len(commit), 10)] }

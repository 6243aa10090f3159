// Package rights compares the mode, the owner and the group of a file or directory with those that a step wants.
package rights

import (
	"strconv"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Rights are the mode, the owner and the group that a file or directory has on a host.
type Rights observe.Rights

// Foreseen returns r for a forecast.
func (r Rights) Foreseen() *observe.Rights { return (*observe.Rights)(&r) }

// OctalMode returns the mode as chmod(1) reads it: "0644".
func (r Rights) OctalMode() string { return modules.OctalMode(r.Mode) }

// Ownership returns owner and group as chown(1) reads them: "root:root".
func (r Rights) Ownership() string { return r.Owner + ":" + r.Group }

// String returns r for people: "0644 root:root".
func (r Rights) String() string { return r.OctalMode() + " " + r.Ownership() }

// Allowed returns why nothing can have r where seen is, or would be: it lies below a directory of somebody else, who alone
// can own something there ([modules.RefuseOwner], [modules.RefuseGroup]).
func (r Rights) Allowed(seen observe.FileInfo) error {
	who := seen.Stranger
	switch {
	case who == nil:
		return nil
	case !who.Is(r.Owner):
		return modules.RefuseOwner(who.Dir, who.Name, r.Owner)
	case !who.In(r.Group):
		return modules.RefuseGroup(who.Dir, who.Name, r.Group)
	}
	return nil
}

// Ask asks whether owner and group are there, for [Rights.Possible].
func (r Rights) Ask(q *observe.Query) { observe.AskAccounts(q, r.Owner, r.Group) }

// Possible returns an error if a file or directory that is created, or has the drift d, can't have r: there is no such user or
// group.
func (r Rights) Possible(s *observe.Snapshot, created bool, d Drift) error {
	switch {
	case created || d.Owner && d.Group:
		return modules.NeedsAccount(s, r.Owner, r.Group)
	case d.Owner:
		return modules.NeedsAccount(s, r.Owner, "")
	case d.Group:
		return modules.NeedsAccount(s, "", r.Group)
	}
	return nil
}

const unknown = "unknown"

// shown is the name of an owner or a group for people.
func shown(name string) string {
	if name == observe.Nameless || name == observe.UnknownRights.Owner {
		return unknown
	}
	return name
}

// shownMode is the mode for people.
func (r Rights) shownMode() string {
	if r.Owner == observe.UnknownRights.Owner {
		return unknown
	}
	return r.OctalMode()
}

// A Drift is the difference between the rights of a file or directory and those that a step wants. The zero Drift is none.
type Drift struct {
	Path               string
	Seen, Want         Rights
	Mode, Owner, Group bool // which of them differ
}

// Compare returns the drift of path, which is there, from r. A user or group matches by name or by number.
func (r Rights) Compare(path string, seen observe.FileInfo) Drift {
	d := Drift{
		Path: path, Seen: Rights{Mode: seen.Mode, Owner: seen.Owner, Group: seen.Group}, Want: r,
		Mode:  seen.Mode != r.Mode,
		Owner: r.Owner != seen.Owner && r.Owner != strconv.Itoa(seen.UID),
		Group: r.Group != seen.Group && r.Group != strconv.Itoa(seen.GID),
	}
	if seen.AnyRights || !d.Mode && !d.Ownership() {
		return Drift{}
	}
	return d
}

// Edits returns the edits of the drift of path from r.
func (r Rights) Edits(path string, seen observe.FileInfo) []modules.Edit {
	return r.Compare(path, seen).Edits()
}

// Ownership reports whether the owner or the group differs.
func (d Drift) Ownership() bool { return d.Owner || d.Group }

// Edits returns an edit for each of the fields mode, owner and group that differs.
func (d Drift) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, field := range []struct {
		differs        bool
		name, from, to string
	}{
		{d.Mode, "mode", d.Seen.shownMode(), d.Want.OctalMode()},
		{d.Owner, "owner", shown(d.Seen.Owner), d.Want.Owner},
		{d.Group, "group", shown(d.Seen.Group), d.Want.Group},
	} {
		if field.differs {
			edits = append(edits, modules.Edit{Action: modules.Update, Subject: d.Path, Field: field.name, From: field.from, To: field.to})
		}
	}
	return edits
}

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

// Edits compares r with what was seen of path, which is there, and returns an edit for each of the fields mode, owner and
// group that differs. A user or group matches by name or by number.
func (r Rights) Edits(path string, seen observe.FileInfo) []modules.Edit {
	var edits []modules.Edit
	edit := func(field, from, to string) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: path, Field: field, From: from, To: to})
	}
	if seen.Mode != r.Mode {
		edit("mode", modules.OctalMode(seen.Mode), r.OctalMode())
	}
	if r.Owner != seen.Owner && r.Owner != strconv.Itoa(seen.UID) {
		edit("owner", seen.Owner, r.Owner)
	}
	if r.Group != seen.Group && r.Group != strconv.Itoa(seen.GID) {
		edit("group", seen.Group, r.Group)
	}
	return edits
}

// OwnerChanges reports whether c has an edit of an owner or a group.
func OwnerChanges(c modules.Change) bool {
	_, owner := c.Find("owner")
	_, group := c.Find("group")
	return owner || group
}

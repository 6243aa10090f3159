package archive

import (
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the directory: it is created, updated or removed.
type work struct {
	Action   modules.Action
	Path     string  // what is removed may be the staging directory
	Leftover bool    // whether it is, left behind by a killed run
	Origin   string  // URL or path of the archive
	Seen     *marker // of a directory that is updated; nil: it has none
	Foreign  string  // who has the directory or the marker, if that is neither root nor the desired owner
	Want     marker
	Missing  []string     // of the desired files in it, or where they link to
	Edited   []string     // of the fixed ones
	Drift    rights.Drift // of a directory that is updated
}

// unpacks reports whether the archive is unpacked, which also sets all rights.
func (w work) unpacks() bool {
	return w.Action == modules.Create ||
		w.Action == modules.Update && (w.otherArchive() || w.Foreign != "" || w.Seen.Strip != w.Want.Strip || len(w.Missing)+len(w.Edited) > 0)
}

// otherArchive reports whether another archive, or none, was unpacked. Without a desired sum, the label decides.
func (w work) otherArchive() bool {
	switch {
	case w.Seen == nil:
		return true
	case w.Want.SHA256 != "":
		return w.Seen.SHA256 != w.Want.SHA256
	}
	return w.Seen.Label != w.Want.Label
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path}
	switch {
	case w.Action == modules.Create:
		e.To = "from " + w.Origin
		return []modules.Edit{e}
	case w.Leftover:
		e.From = "left behind by a killed run"
		return []modules.Edit{e}
	case w.Action == modules.Remove:
		e.From = "with everything in it"
		return []modules.Edit{e}
	}
	var edits []modules.Edit
	edit := func(field, from, to string) {
		e.Field, e.From, e.To = field, from, to
		edits = append(edits, e)
	}
	switch {
	case w.Seen != nil && w.Foreign != "":
		edit("sha256", w.Foreign+" may have changed what was unpacked", w.Origin)
	case !w.otherArchive():
	case w.Seen == nil:
		edit("sha256", "not unpacked by rcprov", w.Origin)
	case w.Want.SHA256 != "":
		edit("sha256", w.Seen.SHA256, w.Want.SHA256)
	default:
		edit("sha256", strings.TrimSpace(w.Seen.SHA256+" "+w.Seen.Label), w.Origin)
	}
	if w.Seen != nil && w.Seen.Strip != w.Want.Strip {
		edit("strip_components", strconv.Itoa(w.Seen.Strip), strconv.Itoa(w.Want.Strip))
	}
	for _, name := range w.Missing {
		edit("contains", "", name)
	}
	for _, name := range w.Edited {
		edit("contains", name+", changed since it was unpacked", name)
	}
	return append(edits, w.Drift.Edits()...)
}

package observe

import (
	"path"
	"strings"
)

// Two paths may lead to one file, through links that are there or that pending changes make, move or remove. So a forecast
// names each file by the path that has no link on the way.

// maxLinks is how many links the kernel follows on the way to a file (path_resolution(7)).
const maxLinks = 40

// walk returns p without links in its directories. link returns where a link leads; not ok: there is none.
func walk(p string, link func(string) (target string, ok bool)) string {
	at, rest, followed := "/", strings.Trim(path.Clean(p), "/"), 0
	for {
		name, more, deeper := strings.Cut(rest, "/")
		next := path.Join(at, name)
		if !deeper {
			return next
		}
		target, ok := link(next)
		if !ok || followed == maxLinks {
			at, rest = next, more
			continue
		}
		followed++
		at, rest = "/", strings.TrimPrefix(path.Join(LinkTarget(next, target), more), "/")
	}
}

// links returns the symbolic links that answers speak of, without links on the way to them.
func (s *Snapshot) links() map[string]string {
	named := make(map[string]string)
	for id, a := range s.answers {
		switch is := a.Value.(type) {
		case FileInfo:
			if q, ok := id.subject.(FileQuestion); ok && is.Type == Symlink {
				named[q.Path] = is.Target
			}
		case UnitInfo:
			for p, w := range is.Files {
				if w.Target != "" {
					named[p] = w.Target
				}
			}
		}
	}
	links := make(map[string]string)
	for p, target := range named {
		links[walk(p, func(dir string) (string, bool) { t, ok := named[dir]; return t, ok })] = target
	}
	return links
}

// was returns p as it was seen, without links in its directories.
func (f *Forecast) was(p string) string {
	return walk(p, func(dir string) (string, bool) { target, ok := f.links[dir]; return target, ok })
}

// real returns p without links in its directories, when the pending changes are made.
func (f *Forecast) real(p string) string { return walk(p, f.link) }

// end is real, and follows a link at p as well.
func (f *Forecast) end(p string) string { return path.Dir(walk(p+"/.x", f.link)) }

// link returns where a link leads when the pending changes are made.
func (f *Forecast) link(p string) (target string, ok bool) {
	if will, ok := f.files[p]; ok && will.Type != OtherType {
		return will.Target, will.Type == Symlink
	}
	if _, gone := f.above(p); gone {
		return "", false
	}
	target, ok = f.links[p]
	return target, ok
}

// moved returns the link on the way to p that a pending change makes, moves or removes, if it is one by which p leads to
// another file than it did.
func (f *Forecast) moved(p string) (link string, ok bool) {
	if f.real(p) == f.was(p) {
		return "", false
	}
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if f.Changes(dir) {
			link = dir
		}
	}
	return link, true
}

// at returns what was seen of the file at a path without links, by whatever question it was asked.
func (s *Snapshot) at(f *Forecast, p string, q FileQuestion) (is FileInfo, ok bool) {
	if f.indexed != len(s.answers) { // tests add answers
		f.indexed, f.byPath = len(s.answers), make(map[string][]question)
		for id, a := range s.answers {
			if other, isFile := id.subject.(FileQuestion); isFile && a.Err == nil {
				at := f.was(other.Path)
				f.byPath[at] = append(f.byPath[at], id)
			}
		}
	}
	for _, id := range f.byPath[p] {
		is, known := s.answers[id].Value.(FileInfo)
		enough := !q.Content || is.Type != Regular || is.SHA256 != "" && (q.UnlessSHA256 != "" || is.Content != nil)
		if known && enough {
			return is, true
		}
	}
	return FileInfo{}, false
}

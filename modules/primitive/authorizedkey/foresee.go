package authorizedkey

import (
	"cmp"
	"path"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

var _ modules.Foreseer = (*Step)(nil)

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	is, err := keyFiles.Get(snapshot, s.question())
	if err != nil || is.Path == "" {
		return
	}
	f := snapshot.Forecast()
	if !is.Dir.Exists && s.Path == "" {
		f.Directory(path.Dir(is.Path), &observe.Rights{Mode: 0o700, Owner: s.User, Group: observe.UnknownRights.Group})
	}
	var rights *observe.Rights // those that are there
	if !is.File.Exists {
		rights = observe.UnknownRights
	}
	f.Write(is.Path, observe.KnownContent(s.rewrite(is.Content)), rights)
}

// futureKeyFile is about users that earlier steps make, remove, or give another home, and about the file and its directories.
func futureKeyFile(f *observe.Forecast, q question, seen keyFile) observe.Outlook[keyFile] {
	o := observe.Outlook[keyFile]{Answer: observe.Answer[keyFile]{Value: seen}}
	user, ok := observe.User.Foreseen(f, q.User)
	known := true // what is there
	if ok {
		where := cmp.Or(q.Path, user.Home+"/.ssh/authorized_keys")
		switch {
		case !user.Exists:
			o.Value = keyFile{}
			return o
		case !seen.UserExists:
			o.Value = keyFile{UserExists: true, UID: user.UID, Path: where}
		case seen.Path != where:
			o.Value = keyFile{UserExists: true, UID: user.UID, Path: where}
			known = false
		}
	}
	if !o.Value.UserExists {
		return o
	}
	file(f, q, &o, known)
	if by, ok := f.Named(o.Value.Path); ok && o.Err == nil {
		clause := by + " changes it"
		o.Or = append(o.Or, observe.Alternative[keyFile]{Answer: observe.Unknown[keyFile](clause), If: clause, About: o.Value.Path})
	}
	return o
}

// file makes o what becomes of the file and the directories above it; known reports whether what is there was seen.
func file(f *observe.Forecast, q question, o *observe.Outlook[keyFile], known bool) {
	is := &o.Value
	dir := path.Dir(is.Path)
	if q.Path == "" {
		is.Home.foresee(f, path.Dir(dir), q.User, is.UID)
	}
	is.Dir.foresee(f, dir, q.User, is.UID)
	is.File.foresee(f, is.Path, q.User, is.UID)
	will, ok := f.Foreseen(is.Path)
	content, whole := will.Content.Bytes()
	switch {
	case ok && will.Type == observe.Absent:
		is.Content = nil
	case ok && will.Type == observe.Regular && whole:
		is.Content = content
	case !known, ok && will.Type == observe.Regular && !will.Content.Kept():
		o.Answer = observe.Unknown[keyFile](is.Path + " is there")
	}
}

// foresee makes n what becomes of p, which is the user's own where nobody knows whose it will be.
func (n *node) foresee(f *observe.Forecast, p, user string, uid int) {
	will, ok := f.Foreseen(p)
	if !ok {
		return
	}
	kinds := map[observe.FileType]uint32{observe.Regular: 0o100000, observe.Directory: 0o040000, observe.Symlink: 0o120000}
	kind, known := kinds[will.Type]
	switch {
	case will.Type == observe.Absent:
		*n = node{}
		return
	case known && n.Raw&0o170000 != kind:
		*n = node{Exists: true, Raw: kind | 0o700, UID: uid}
	}
	if r := will.Rights; r != nil && r != observe.UnknownRights {
		n.Raw = n.Raw&0o170000 | uint32(r.Mode.Perm())
		switch r.Owner {
		case user:
			n.UID = uid
		case "root", "0":
			n.UID = 0
		default:
			n.UID = stranger
		}
	}
}

// stranger is the number of a user that is neither root nor the user.
const stranger = -2

package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// FutureFile is what a pending change makes of a path.
type FutureFile struct {
	Type     FileType // Absent: it is removed
	Target   string   // of a symbolic link
	Content  Content  // of a regular file
	Rights   *Rights  // nil: those that are there; of something new: unknown
	Contains []string // of a directory that is made anew: paths of files that will be in it, relative to it

	anew bool // a directory without what was in it
	any  bool // of a type that nobody knows
	at   time.Time
}

// Rights are mode, owner and group of a file.
type Rights struct {
	Mode  fs.FileMode // permission bits, with fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky
	Owner string      // user name or number
	Group string      // group name or number
}

// UnknownRights are those of a file that is written anew in a way that nobody knows.
var UnknownRights = &Rights{Owner: "?", Group: "?"}

// Content is what is known of the content that a regular file will have. The zero value is the content that it has.
type Content struct {
	known knowledge
	bytes []byte // nil: only the sum is known
	sum   string // SHA-256, lowercase hex
}

type knowledge int

const (
	kept    knowledge = iota // it stays what it is
	known                    // bytes or sum
	fresh                    // one that was never there before, a new key for example
	unknown                  // any, perhaps the one that is there
)

// KnownContent is a content that is known.
func KnownContent(content []byte) Content {
	return Content{known: known, bytes: append([]byte{}, content...), sum: Fingerprint(content)}
}

// KnownSum is a content of which the SHA-256 is known, in lowercase hex.
func KnownSum(sum string) Content { return Content{known: known, sum: sum} }

// SampleContent is a content that was never there before, of which it is known only that it is one such as sample: a new
// certificate.
func SampleContent(sample []byte) Content { return Content{known: fresh, bytes: sample} }

// What a file may contain beside that.
var (
	SameContent    = Content{}               // what it contains already
	NewContent     = Content{known: fresh}   // something that was never there before: a new key, a random value
	UnknownContent = Content{known: unknown} // anything, perhaps what it contains already
)

// Fingerprint is the SHA-256 of a file's content in lowercase hex, as [WatchedFile] has it.
func Fingerprint(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// fingerprint is the content's, as [WatchedFile] has it; something that no stamp has where it isn't known.
func (f FutureFile) fingerprint() string {
	switch {
	case f.Type == Absent:
		return "absent"
	case f.Type == Symlink:
		return "->" + f.Target
	case f.Content.known == known:
		return f.Content.sum
	default:
		return "new content of " + f.at.String()
	}
}

// Write notes that path becomes a regular file, or stays one.
func (f *Forecast) Write(path string, c Content, r *Rights) {
	f.set(path, FutureFile{Type: Regular, Content: c, Rights: r})
}

// Touch notes that something of path changes other than its content: rights, if they are not nil, or a time.
func (f *Forecast) Touch(path string, r *Rights) {
	is, ok := f.files[path]
	if !ok {
		is = FutureFile{Type: OtherType} // whatever is there
	}
	if r != nil {
		is.Rights = r
	}
	f.set(path, is)
}

// Link notes that path becomes a symbolic link to target.
func (f *Forecast) Link(path, target string) { f.set(path, FutureFile{Type: Symlink, Target: target}) }

// Directory notes that path becomes a directory, or stays one with what is in it.
func (f *Forecast) Directory(path string, r *Rights) {
	f.set(path, FutureFile{Type: Directory, Rights: r})
}

// Replace notes that path becomes a directory without anything of what was in it. contains are paths below it, relative
// to it, that will be there.
func (f *Forecast) Replace(path string, r *Rights, contains ...string) {
	f.set(path, FutureFile{Type: Directory, Rights: r, Contains: contains, anew: true})
}

// Make notes that there will be something at path, of which nobody knows what.
func (f *Forecast) Make(path string) {
	f.set(path, FutureFile{Type: Directory, Rights: UnknownRights, any: true})
}

// Parents notes that the directories above path are made where they are missing, with the rights that mkdir(1) gives them.
func (f *Forecast) Parents(p string) {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if is, ok := f.seen.at(f, f.was(dir), FileQuestion{}); !f.Changes(dir) && ok && is.Type == Absent || f.gone(dir) {
			f.Directory(dir, &Rights{Mode: 0o755, Owner: "root", Group: "root"})
		}
	}
}

// Foreseen returns what is foreseen of path; not ok: it stays as it is. It is Absent also where a directory above goes, or was
// missing and is made.
func (f *Forecast) Foreseen(p string) (is FutureFile, ok bool) {
	real := f.real(p)
	if is, ok = f.files[real]; ok {
		return is, true
	}
	if f.gone(p) {
		return FutureFile{}, true
	}
	for dir := path.Dir(real); dir != "/"; dir = path.Dir(dir) {
		if was, known := f.seen.at(f, dir, FileQuestion{}); known && was.Type == Absent && f.Changes(dir) {
			return FutureFile{}, true
		}
	}
	return FutureFile{}, false
}

// Inside returns what is foreseen of files in a directory, by their paths.
func (f *Forecast) Inside(dir string) map[string]FutureFile {
	inside := make(map[string]FutureFile)
	for p, is := range f.files {
		if path.Dir(p) == f.end(dir) {
			inside[path.Join(dir, path.Base(p))] = is
		}
	}
	return inside
}

// Named returns what may change the file p in a way that nobody knows, because it names it.
func (f *Forecast) Named(p string) (by string, ok bool) {
	by, _, ok = cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool {
		return !v.Bounded || !v.names(p) || !v.at.After(f.files[f.real(p)].at)
	}))
	return by, ok
}

// Bytes returns the content, if it is known.
func (c Content) Bytes() (content []byte, ok bool) {
	return c.bytes, c.known == known && c.bytes != nil
}

// Kept reports whether it is the content that is there.
func (c Content) Kept() bool { return c.known == kept }

// Entries returns how many entries a directory will have that has seen now.
func (f *Forecast) Entries(dir string, seen int) int {
	dir, emptied := f.end(dir), false
	if will, ok := f.files[dir]; ok && (will.Type == Absent || will.anew) || !ok && f.gone(dir) {
		seen, emptied = 0, true
	}
	for p, will := range f.files {
		if path.Dir(p) != dir {
			continue
		}
		is, known := f.seen.at(f, p, FileQuestion{})
		switch there := !emptied && (!known || is.Type != Absent); {
		case will.Type == Absent && there && seen > 0:
			seen--
		case will.Type != Absent && !there:
			seen++
		}
	}
	return seen
}

// gone reports whether it is foreseen that nothing is at p.
func (f *Forecast) gone(p string) bool {
	p = f.real(p)
	if will, ok := f.files[p]; ok {
		return will.Type == Absent
	}
	dir, ok := f.above(p)
	return ok && !slices.Contains(dir.will.Contains, strings.TrimPrefix(p, dir.path+"/"))
}

// Remove notes that path, and what is below it, is removed.
func (f *Forecast) Remove(path string) { f.set(path, FutureFile{Type: Absent}) }

func (f *Forecast) set(p string, is FutureFile) {
	p, is.at = f.real(p), f.tick()
	was, known := f.files[p]
	if is.Type == Regular && is.Content.known == kept && was.Type == Regular {
		is.Content = was.Content
	}
	if is.Rights == nil && is.Type != Absent {
		is.Rights = was.Rights
	}
	if is.Type == Absent || is.anew {
		for below := range f.files {
			if strings.HasPrefix(below, p+"/") {
				delete(f.files, below)
			}
		}
	} else if is.Type == Directory && known && (was.Type == Absent || was.anew) {
		is.anew = true // nothing is in it but what is foreseen
	}
	f.files[p] = is
}

// outside are directories in which packages of a distribution put nothing: see the Filesystem Hierarchy Standard 3.0
// (/home, /opt, /root, /srv, /tmp, /usr/local), Debian Policy 9.1, and systemd.unit(5) on the directory of the administrator.
var outside = []string{"/home/", "/opt/", "/root/", "/srv/", "/tmp/", "/usr/local/", "/run/", "/var/tmp/", "/etc/systemd/system/", "/var/lib/rcprov/", "/etc/rcprov/"}

// isOutside reports whether no package puts anything where a path is.
func isOutside(path string) bool {
	return slices.ContainsFunc(outside, func(dir string) bool { return strings.HasPrefix(path, dir) })
}

// futureFile is the outlook of [File].
func futureFile(f *Forecast, q FileQuestion, is FileInfo) Outlook[FileInfo] {
	p := f.real(q.Path)
	will, foreseen := f.files[p]
	o := Outlook[FileInfo]{Answer: Answer[FileInfo]{Value: is}}
	if link, moved := f.moved(q.Path); moved {
		var known bool
		if is, known = f.seen.at(f, p, q); !known && !will.certain() && !f.gone(p) {
			o.Answer = Unknown[FileInfo](link + " leads to another directory")
			return o
		}
		o.Value = is
	}
	if foreseen {
		will.apply(q, &o)
	} else if dir, ok := f.above(p); ok {
		o.Value = FileInfo{}
		if slices.Contains(dir.will.Contains, strings.TrimPrefix(p, dir.path+"/")) {
			o.Value = FileInfo{Type: Regular, SHA256: "?"}
		}
	}
	f.names(p, &o)
	f.stranger(p, &o.Value)
	switch {
	case o.Err != nil:
	case o.Value.Type != Absent:
		f.mayChange(p, q, &o)
	case !foreseen:
		f.mayBring(p, q, &o)
	}
	return o
}

// certain reports whether nothing of what is there now has a say in what will be.
func (f FutureFile) certain() bool {
	return f.Type == Absent && !f.at.IsZero() || f.Type == Symlink || f.Type == Directory && f.anew || f.Type == Regular && f.Content.known == known && f.Rights != nil
}

// mayBring adds that changes which do more than anybody knows may bring the file p, which is not there.
func (f *Forecast) mayBring(p string, q FileQuestion, o *Outlook[FileInfo]) {
	by, _, ok := f.brings(p)
	if !ok || strings.HasPrefix(path.Base(p), ".rcprov") {
		return
	}
	clause := by + " brings it"
	related := f.related(p)
	if !q.Content && related || q.UnlessSHA256 != "" {
		file := FileInfo{Type: Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: "?", Size: 1}
		o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: file}, If: clause})
	}
	if q.UnlessSHA256 == "" && related { // a directory, a link, or a content that decides
		about := q.Path
		if q.Content {
			about = ""
		}
		o.Or = append(o.Or, Alternative[FileInfo]{Answer: Unknown[FileInfo](clause), If: clause, About: about})
	}
}

// mayChange adds that changes which do more than anybody knows may change the file p, which is there, or remove it.
func (f *Forecast) mayChange(p string, q FileQuestion, o *Outlook[FileInfo]) {
	since := f.files[p].at
	for _, v := range f.may {
		switch {
		case !v.at.After(since):
		case v.Bounded && v.names(p) && q.UnlessSHA256 != "":
			other := o.Value
			other.SHA256, other.Content = "?", nil
			o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: other}, If: v.Name + " changes it"})
		case v.Bounded && v.names(p):
			clause := v.Name + " changes it"
			o.Or = append(o.Or, Alternative[FileInfo]{Answer: Unknown[FileInfo](clause), If: clause, About: q.Path})
		case v.Removes && !isOutside(p) && v.relates(p):
			o.Or = append(o.Or, Alternative[FileInfo]{If: "removing " + v.Name + " removes it"})
		}
	}
}

// stranger notes who will own the first directory above p that is not root's.
func (f *Forecast) stranger(p string, is *FileInfo) {
	if is.Stranger != nil {
		if will := f.files[is.Stranger.Dir]; will.Rights != nil {
			is.Stranger = nil
		}
	}
	for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
		will := f.files[d]
		if will.Type == Directory && will.Rights != nil && !slices.Contains([]string{"root", "0", "?"}, will.Rights.Owner) &&
			(is.Stranger == nil || strings.HasPrefix(is.Stranger.Dir, d+"/")) {
			is.Stranger = &Stranger{Dir: d, UID: -1, Name: will.Rights.Owner}
		}
	}
}

// futureDir is a directory above a path.
type futureDir struct {
	path string
	will FutureFile
}

// above returns the nearest directory above p of which it is foreseen that it goes, or loses what is in it.
func (f *Forecast) above(p string) (dir futureDir, ok bool) {
	for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
		if will, ok := f.files[d]; ok && (will.Type == Absent || will.anew || will.Type == Regular) {
			return futureDir{d, will}, true
		}
	}
	return dir, false
}

// apply makes o the outlook for a file that becomes f.
func (f FutureFile) apply(q FileQuestion, o *Outlook[FileInfo]) {
	was := o.Value
	switch f.Type {
	case OtherType: // touched
	case Absent:
		o.Value = FileInfo{}
		return
	case Symlink:
		o.Value = FileInfo{Type: Symlink, Target: f.Target, Mode: 0o777, Owner: "root", Group: "root"}
	case Directory:
		if f.any && q.Content {
			f.Type = Regular
			f.Content = UnknownContent
			f.content(q, o)
			break
		}
		if f.any {
			for _, other := range []struct {
				FileType
				clause string
			}{{Symlink, "it is a link"}, {Regular, "it is a file"}} {
				o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: FileInfo{Type: other.FileType, AnyRights: true}}, If: other.clause})
			}
		}
		if was.Type != Directory {
			o.Value = FileInfo{Type: Directory, Mode: 0o755, Owner: "root", Group: "root"}
		}
	case Regular:
		f.content(q, o)
	}
	switch {
	case f.Rights != nil && f.Rights != UnknownRights:
		v := &o.Value
		v.Mode, v.Owner, v.Group, v.UID, v.GID = f.Rights.Mode, f.Rights.Owner, f.Rights.Group, -1, -1
		if v.Owner == was.Owner || v.Owner == fmt.Sprint(was.UID) {
			v.Owner, v.UID = was.Owner, was.UID
		}
		if v.Group == was.Group || v.Group == fmt.Sprint(was.GID) {
			v.Group, v.GID = was.Group, was.GID
		}
	case f.Rights == UnknownRights, was.Type != f.Type && f.Type != OtherType && f.Type != Symlink:
		v := &o.Value
		v.Mode, v.Owner, v.Group, v.UID, v.GID = 0, "?", "?", -1, -1
		other := *v
		other.AnyRights = true
		o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: other}, If: Earlier + " leaves it so"})
	}
}

// content makes o the outlook for a regular file with the content of f.
func (f FutureFile) content(q FileQuestion, o *Outlook[FileInfo]) {
	reads, is := q.Content && q.UnlessSHA256 == "", f.Content
	isNew := o.Value.Type != Regular
	if isNew {
		o.Value = FileInfo{Type: Regular, Mode: 0o644, Owner: "root", Group: "root"}
	}
	v := &o.Value
	switch {
	case is.known == known:
		v.SHA256, v.Content, v.Size = is.sum, nil, int64(len(is.bytes))
		switch {
		case reads && is.bytes == nil:
			o.Answer = Unknown[FileInfo](q.Path + " is written")
		case q.Content && v.SHA256 != q.UnlessSHA256 && len(is.bytes) <= MaxContent:
			v.Content = is.bytes
		}
	case is.known == fresh || isNew:
		v.SHA256, v.Content = "?", is.bytes
		switch {
		case reads && is.bytes == nil:
			o.Answer = Unknown[FileInfo](q.Path + " is written")
		case q.UnlessSHA256 != "" && is.known == unknown:
			other := *v
			other.SHA256 = q.UnlessSHA256
			o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: other}, If: Earlier + " leaves it so"})
		}
	case is.known == unknown:
		clause := "the content of " + q.Path + " changes"
		if reads {
			o.Answer = Unknown[FileInfo](clause)
		}
		other := *v
		other.SHA256, other.Content = "?", nil
		o.Or = append(o.Or, Alternative[FileInfo]{Answer: Answer[FileInfo]{Value: other}, If: clause})
	}
}

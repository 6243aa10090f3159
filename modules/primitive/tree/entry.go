package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// A kind is what an entry is, by find(1)'s letter.
type kind string

const (
	dir  kind = "d"
	file kind = "f"
	link kind = "l"
)

func (k kind) String() string {
	switch k {
	case dir:
		return "a directory"
	case file:
		return "a file"
	case link:
		return "a symbolic link"
	}
	return "a device, socket or pipe"
}

// An entry is a file, directory or link of the tree.
type entry struct {
	Name   string // below the tree; empty for the tree itself
	Type   kind
	Mode   fs.FileMode // of what is no link
	Sum    string      // of a file: SHA-256, lowercase hex
	Target string      // of a link

	// Of what is on the host: names, and numbers.
	Owner, Group string
	UID, GID     string

	content []byte          // of a file on the controller
	source  *modules.Source // instead, of a large one
}

// claim is the content of a file as the value of a claim.
func (e entry) claim() any {
	if e.source != nil {
		return e.source
	}
	return modules.Content(e.content)
}

// size is that of a file on the controller, in bytes.
func (e entry) size() int64 {
	if e.source != nil {
		return e.source.Size()
	}
	return int64(len(e.content))
}

// rights are those that the entry is to have.
func (e entry) rights(s *Step) rights.Rights {
	return rights.Rights{Mode: e.Mode, Owner: s.Owner, Group: s.Group}
}

// read reads the directory of the controller. The first entry is the tree itself.
func (s *Step) read(from fs.FS, large func(name string) *modules.Source) error {
	var errs []error
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == "." {
			name = ""
		}
		switch {
		case s.excluded(name):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case strings.ContainsAny(name, "\n\t"):
			errs = append(errs, fmt.Errorf("has the name %q, with a newline or a tab", name))
			return nil
		}
		e := entry{Name: name, Mode: s.DirectoryMode}
		switch d.Type() {
		case fs.ModeDir:
			e.Type = dir
		case fs.ModeSymlink:
			e.Type = link
			e.Target, err = fs.ReadLink(from, name)
		case 0:
			e.Type = file
			err = s.readFile(from, d, &e, large)
		default:
			err = fmt.Errorf("%s is neither a file, a directory nor a link", name)
		}
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		s.entries = append(s.entries, e)
		return nil
	})
	if err == nil && len(s.entries) > 0 && s.entries[0].Type != dir {
		err = errors.New("is no directory")
	}
	return errors.Join(append(errs, err)...)
}

func (s *Step) readFile(from fs.FS, d fs.DirEntry, e *entry, large func(name string) *modules.Source) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	e.Mode = s.FileMode
	if !s.oneMode {
		e.Mode = 0o644
		if info.Mode()&0o111 != 0 {
			e.Mode = 0o755
		}
	}
	if e.source = large(e.Name); e.source != nil {
		e.Sum, err = e.source.SHA256()
		return err
	}
	e.content, err = fs.ReadFile(from, e.Name)
	sum := sha256.Sum256(e.content)
	e.Sum = hex.EncodeToString(sum[:])
	return err
}

// excluded reports whether name, or a directory that it is in, is excluded.
func (s *Step) excluded(name string) bool {
	for ; name != "" && name != "."; name = path.Dir(name) {
		if slices.ContainsFunc(s.Exclude, func(pattern string) bool {
			what := path.Base(name)
			if strings.Contains(pattern, "/") {
				what = name
			}
			match, _ := path.Match(pattern, what) // New has checked the pattern
			return match
		}) {
			return true
		}
	}
	return false
}

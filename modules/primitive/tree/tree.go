package tree

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/internal/upload"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module tree.
func Module() modules.Module { return modules.Primitive("tree", source, New) }

// Step is a directory that should be like one of the controller.
type Step struct {
	Source        string
	Path          string
	Owner         string
	Group         string
	FileMode      fs.FileMode // if oneMode
	DirectoryMode fs.FileMode
	Exclude       []string
	Delete        bool

	oneMode bool
	entries []entry // the first is the tree itself, and what is in directories comes behind them
	digest  string  // of the host's answer when all is as it should be
}

var _ modules.Step = (*Step)(nil)

// leftover is what a killed run leaves in the directory.
const leftover = ".tree.rcprov"

// New checks args and reads the directory on the controller.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Source: args.Source, Path: args.Path, Owner: args.Owner, Group: args.Group, Exclude: args.Exclude, Delete: args.Delete, oneMode: args.Mode != "",
	}
	mode, err := modules.ReadFileArgs(args.Path, cmp.Or(args.Mode, "0644"), args.Owner, args.Group)
	s.FileMode = mode
	errs := []error{err}
	wrong := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	s.DirectoryMode, err = modules.ParseMode(args.DirectoryMode)
	wrong("directory_mode", err)
	if path.Dir(path.Clean(args.Path)) == "/" {
		wrong("path", errors.New("must be below a top-level directory, such as /srv/site"))
	}
	for i, pattern := range s.Exclude {
		_, err := path.Match(pattern, "")
		if s.Exclude[i] = strings.Trim(pattern, "/"); err != nil || s.Exclude[i] == "" {
			wrong("exclude", fmt.Errorf("has %q, which is no pattern such as `*.swp`", pattern))
			return s, errors.Join(errs...)
		}
	}
	from, err := env.OpenDir(args.Source)
	if err == nil {
		err = s.read(from, func(name string) *modules.Source {
			if env.Large == nil {
				return nil
			}
			return env.Large(path.Join(args.Source, name))
		})
	}
	wrong("source", err)
	s.digest = s.digestOf()
	return s, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	listings.Ask(q, s.question())
	s.entries[0].rights(s).Ask(q)
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	want := s.entries[0].rights(s)
	if err := want.Allowed(is); err != nil {
		return modules.Change{}, err
	}
	w := work{Action: modules.Update, Path: s.Path, From: s.Source, Owner: want.Ownership()}
	switch is.Type {
	case observe.Absent:
		w.Action, w.Put = modules.Create, s.entries
		return modules.NewChange(w), want.Possible(snapshot, true, rights.Drift{})
	case observe.Directory:
	default:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	there, err := listings.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look into %s: %w", s.Path, err)
	}
	if there.Same {
		return modules.Change{}, nil
	}
	if err := s.compare(&w, there.Entries); err != nil {
		return modules.Change{}, err
	}
	change := modules.NewChange(w)
	if change.Empty() {
		return change, nil
	}
	return change, want.Possible(snapshot, true, rights.Drift{})
}

// compare adds to w what differs from what is there.
func (s *Step) compare(w *work, there []entry) error {
	w.Was, w.There = there, make(map[string]int, len(there))
	for i, e := range there {
		w.There[e.Name] = i
	}
	wanted := make(map[string]bool, len(s.entries))
	for _, e := range s.entries {
		wanted[e.Name] = true
		i, ok := w.There[e.Name]
		if !ok {
			w.Put = append(w.Put, e)
			continue
		}
		is := there[i]
		drift := e.drift(s, is)
		switch {
		case is.Type != e.Type:
			return modules.WithHint(fmt.Errorf("%s is %s, and %s in %s", path.Join(s.Path, e.Name), is.Type, e.Type, s.Source),
				"rcprov doesn't replace it: move it away.")
		case e.Type == dir && (drift.Mode || drift.Ownership()):
			w.Modes = append(w.Modes, drift)
		case e.Type == dir:
		case e.Sum != is.Sum || e.Target != is.Target || drift.Ownership():
			w.Put = append(w.Put, e)
		case e.Type == file && drift.Mode:
			w.Modes = append(w.Modes, drift)
		}
	}
	return s.removals(w, there, wanted)
}

// removals adds to w what is there and not wanted.
func (s *Step) removals(w *work, there []entry, wanted map[string]bool) error {
	stays := make(map[string]bool) // directories of what stays
	for _, e := range there {
		if e.Name != "" && (wanted[e.Name] || s.excluded(e.Name)) {
			for d := path.Dir(e.Name); d != "." && !stays[d]; d = path.Dir(d) {
				stays[d] = true
			}
		}
	}
	for _, e := range there {
		switch {
		case e.Name == leftover:
			w.Remove = append(w.Remove, e)
		case !s.Delete || wanted[e.Name] || s.excluded(e.Name) || stays[e.Name] || modules.IsBelow("/"+e.Name, "/"+leftover):
		default:
			w.Remove = append(w.Remove, e)
		}
	}
	slices.SortFunc(w.Remove, func(a, b entry) int { return strings.Compare(b.Name, a.Name) })
	return nil
}

// drift is how far the rights of what is there are from those of e.
func (e entry) drift(s *Step, is entry) rights.Drift {
	want := e.rights(s)
	d := rights.Drift{Path: path.Join(s.Path, e.Name), Seen: rights.Rights{Mode: is.Mode, Owner: is.Owner, Group: is.Group}, Want: want}
	d.Mode = e.Type != link && is.Mode != e.Mode
	d.Owner = s.Owner != is.Owner && s.Owner != is.UID
	d.Group = s.Group != is.Group && s.Group != is.GID
	return d
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, w := snapshot.Forecast(), c.Work.(work)
	if w.Action == modules.Create {
		f.Parents(s.Path)
		f.Replace(s.Path, s.entries[0].rights(s).Foreseen())
	}
	for _, e := range w.Put {
		p := path.Join(s.Path, e.Name)
		switch e.Type {
		case dir:
			f.Directory(p, e.rights(s).Foreseen())
		case link:
			f.Link(p, e.Target)
		case file:
			content := observe.KnownSum(e.Sum)
			if e.source == nil {
				content = observe.KnownContent(e.content)
			}
			f.Write(p, content, e.rights(s).Foreseen())
		}
	}
	for _, d := range w.Modes {
		f.Touch(d.Path, d.Want.Foreseen())
	}
	for _, e := range w.Remove {
		f.Remove(path.Join(s.Path, e.Name))
	}
}

//go:embed put.sh
var putScript string

//go:embed maker.sh
var makerScript string

//go:embed changer.sh
var changerScript string

// small is the size in bytes up to which the stream is a command's input, which saves round trips.
const small = 256 << 10

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	for _, d := range w.Modes {
		if d.Ownership() { // directories alone: a file is written anew
			if err := modules.SetRights(ctx, h, d.Path, d.Want.OctalMode(), s.Owner, s.Group); err != nil {
				return err
			}
		}
	}
	name, use := "what differs in "+s.Path, func(file string) error {
		return s.explain(w, s.put(ctx, h, w, modules.Command{}, file))
	}
	if slices.ContainsFunc(w.Put, func(e entry) bool { return e.source != nil }) {
		return upload.Stream(ctx, h, name, func(to io.Writer) error { return s.stream(ctx, w, to) }, use)
	}
	var stream bytes.Buffer
	if err := s.stream(ctx, w, &stream); err != nil {
		return err
	}
	if stream.Len() <= small {
		return s.explain(w, s.put(ctx, h, w, modules.Command{Stdin: stream.Bytes()}, ""))
	}
	return upload.For(ctx, h, name, stream.Bytes(), use)
}

func (s *Step) put(ctx context.Context, h modules.Host, w work, c modules.Command, file string) error {
	c.Script = hostfile.Script(putScript, shell.Vars{
		"path": s.Path, "owner": s.Owner, "group": s.Group, "whole": shell.YesNo(w.Action == modules.Create), "upload": file,
	}, shell.Vars{"maker": makerScript, "changer": changerScript})
	_, err := h.Run(ctx, c)
	return err
}

func (s *Step) explain(w work, err error) error {
	worked := s.Path // a name in the directory that the scripts work in
	if w.Action != modules.Create {
		worked += "/tree"
	}
	if p := fetch.Found(err); p != nil && p.Word == "strange" {
		return modules.WithHint(fmt.Errorf("others may write to %s: nothing is written there as root", path.Join(s.Path, strings.Join(p.Args, " "))),
			"Give the tree to a user of its own (`owner`), or take their rights away (`directory_mode`).")
	}
	return modules.FileHint(modules.DoorError(err, worked), s.Path)
}

// stream writes the archive that the scripts read.
func (s *Step) stream(ctx context.Context, w work, out io.Writer) error {
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	to := tar.NewWriter(zip)
	var errs []error
	now := time.Now()
	add := func(h tar.Header, content []byte) {
		h.Size, h.ModTime, h.Format = int64(len(content)), now, tar.FormatGNU
		err := to.WriteHeader(&h)
		if err == nil {
			_, err = to.Write(content)
		}
		errs = append(errs, err)
	}
	var made, put, modes, removed []string
	held := make(map[string]bool) // directories in which something is changed
	holds := func(name string) { held["./"+path.Dir(name)] = true }
	whole := w.Action == modules.Create
	if !whole {
		add(tar.Header{Typeflag: tar.TypeDir, Name: "tree/", Mode: 0o700}, nil)
	}
	above := make(map[string]bool)
	var fresh []string // directories that are nobody else's, and not there yet
	for _, e := range w.Put {
		mode := int64(tarMode(e.Mode))
		if e.Type == dir && !whole {
			made = append(made, fmt.Sprintf("%o %s", mode, e.Name))
			holds(e.Name)
			fresh = append(fresh, "./"+e.Name)
			continue
		}
		if !whole {
			put = append(put, e.Name)
			holds(e.Name)
			if d := path.Dir(e.Name); d != "." && !above[d] {
				above[d] = true
				add(tar.Header{Typeflag: tar.TypeDir, Name: "tree/" + d + "/", Mode: 0o700}, nil)
			}
		}
		name := path.Join("tree", e.Name)
		switch e.Type {
		case dir:
			add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
		case link:
			add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: e.Target, Mode: 0o777}, nil)
		case file:
			header := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}
			if e.source == nil {
				add(header, e.content)
				break
			}
			header.Size, header.ModTime, header.Format = e.size(), now, tar.FormatGNU
			if err := to.WriteHeader(&header); err != nil {
				return err
			}
			if err := e.source.CopyTo(ctx, to); err != nil {
				return err
			}
		}
	}
	for _, d := range w.Modes {
		name := strings.TrimPrefix(strings.TrimPrefix(d.Path, s.Path), "/")
		modes = append(modes, fmt.Sprintf("%o %s", tarMode(d.Want.Mode), cmp.Or(name, ".")))
		holds(name)
	}
	for _, e := range w.Remove {
		if e.Name != leftover {
			removed = append(removed, e.Name)
			holds(e.Name)
		}
	}
	if !whole {
		for _, d := range fresh {
			delete(held, d)
		}
		for name, lines := range map[string][]string{"held": slices.Sorted(maps.Keys(held)), "made": made, "put": put, "modes": modes, "removed": removed} {
			text := strings.Join(lines, "\n")
			if len(lines) > 0 {
				text += "\n"
			}
			add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600}, []byte(text))
		}
	}
	errs = append(errs, to.Close(), zip.Close())
	return errors.Join(errs...)
}

// tarMode are the bits of a mode as chmod(2) has them.
func tarMode(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

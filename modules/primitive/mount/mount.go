package mount

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module mount.
func Module() modules.Module { return modules.Primitive("mount", source, New) }

// Step is a file system that a host should have mounted, or not.
type Step struct {
	Path, Src, FSType string
	Opts              []string
	Passno            int
	Bind              bool
	Now               bool // it is to be mounted, or unmounted, now
	Absent            bool
}

var (
	_ modules.Claimer  = (*Step)(nil)
	_ modules.Foreseer = (*Step)(nil)
)

var word = regexp.MustCompile(`^[!-~]+$`)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Path: args.Path, Src: args.Src, FSType: args.FSType, Opts: args.Opts, Passno: args.Passno,
		Now: args.State != "present", Absent: args.State == "absent",
	}
	var errs []error
	if err := modules.CheckPath(args.Path); err != nil {
		errs = append(errs, modules.Argf("path", "%w", err))
	} else if args.Path == "/" {
		errs = append(errs, &modules.ArgError{Arg: "path", Err: errors.New("must not be the root of the host"), Hint: "A `line` step for /etc/fstab changes its options."})
	}
	for _, opt := range args.Opts {
		if !word.MatchString(opt) || strings.Contains(opt, ",") {
			errs = append(errs, modules.Argf("opts", "has %q, which is not one option", opt))
		}
	}
	s.Bind = slices.ContainsFunc(args.Opts, func(o string) bool { return o == "bind" || o == "rbind" })
	if len(s.Opts) == 0 {
		s.Opts = []string{"defaults"}
	}
	if s.Absent {
		return s, errors.Join(errs...)
	}
	if args.Passno < 0 || args.Passno > 9 {
		errs = append(errs, modules.Argf("passno", "must be from 0 to 9, not %d", args.Passno))
	}
	switch {
	case s.FSType == "" && s.Bind:
		s.FSType = "none"
	case s.FSType == "":
		errs = append(errs, modules.Argf("fstype", "is required"))
	case !word.MatchString(s.FSType) || s.FSType == "swap" || s.FSType == "auto":
		errs = append(errs, modules.Argf("fstype", "must be the type of a file system, not %q", s.FSType))
	}
	switch {
	case s.Src == "":
		errs = append(errs, modules.Argf("src", "is required"))
	case strings.ContainsAny(s.Src, "\n\r\x00") || strings.HasPrefix(s.Src, "#"):
		errs = append(errs, modules.Argf("src", "must be a device, a server's export or a directory, not %q", s.Src))
	case s.Bind:
		if err := modules.CheckPath(s.Src); err != nil {
			errs = append(errs, modules.Argf("src", "%w", err))
		}
	}
	return s, errors.Join(errs...)
}

func (s *Step) question() question {
	if s.Absent {
		return question{Path: s.Path}
	}
	return question{Path: s.Path, Src: s.Src, Bind: s.Bind}
}

// places are the directories where nobody but root may have a say.
func (s *Step) places() []string {
	if s.Bind && !s.Absent {
		return []string{s.Path, s.Src}
	}
	return []string{s.Path}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	s.fstab().Observe(q)
	if !s.Now {
		return
	}
	mounts.Ask(q, s.question())
	for _, p := range s.places() {
		observe.File.Ask(q, observe.FileQuestion{Path: p})
		observe.AskParents(q, p)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := work{Path: s.Path, Src: s.Src, FSType: s.FSType}
	c, err := s.fstab().Diff(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	if !c.Empty() {
		w.Fstab = new(c.Work.(portion.Work))
	}
	if !s.Now {
		return modules.NewChange(w), nil
	}
	for _, p := range s.places() {
		if err := rootsOwn(snapshot, p); err != nil {
			return modules.Change{}, err
		}
	}
	is, err := mounts.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask what is mounted at %s: %w", s.Path, err)
	}
	w.Seen = is
	if s.Absent {
		w.Unmount = is.There
		return modules.NewChange(w), nil
	}
	dir, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	case dir.Type == observe.Absent:
		w.Make = true
	case dir.Type != observe.Directory:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", s.Path, dir.Type), "Move it away, or name another path.")
	}
	var notes []string
	switch {
	case is.There && s.right(is):
		w.Remount = is.drift(s.Opts)
		if w.Fstab != nil && len(w.Remount) == 0 {
			notes = append(notes, "it is mounted: options that change count from the next mount on")
		}
	default:
		w.Unmount, w.Mount = is.There, true
	}
	return modules.NewChange(w, notes...), nil
}

// right reports whether what is mounted is what should be.
func (s *Step) right(is mounted) bool {
	switch {
	case s.Bind:
		return is.Same
	case s.FSType != is.FSType && !strings.HasPrefix(is.FSType, s.FSType+"."): // fuse.sshfs
		return s.FSType == "nfs" && is.FSType == "nfs4" && is.Same
	}
	return is.Same || is.FSType == "tmpfs"
}

// rootsOwn returns an error if anybody but root could change where p leads: mount(8) takes paths.
func rootsOwn(snapshot *observe.Snapshot, p string) error {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: p})
	if err == nil && is.Stranger != nil {
		return modules.RefuseOwner(is.Stranger.Dir, is.Stranger.Name, "root")
	}
	for _, dir := range observe.Parents(p) {
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: dir})
		switch {
		case err != nil:
			return fmt.Errorf("look at %s: %w", dir, err)
		case is.Type == observe.Symlink:
			return modules.WithHint(fmt.Errorf("%s is a symbolic link to %s", dir, is.Target), "Give the path that it leads to: systemd mounts nothing at a path with links.")
		case is.Type == observe.Directory && (is.UID != 0 || is.Mode&0o022 != 0) && !is.AnyRights:
			return modules.WithHint(fmt.Errorf("others than root may write to %s", dir),
				"Choose a directory of root's: rcprov mounts nothing where somebody else could swap the names.")
		}
	}
	return nil
}

// Foresee implements [modules.Foreseer]: nobody knows what is in a file system before it is mounted.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	if w.Fstab != nil {
		s.fstab().Foresee(snapshot, modules.NewChange(*w.Fstab))
	}
	f := snapshot.Forecast()
	if w.Make {
		f.Parents(s.Path + "/x")
		f.Directory(s.Path, nil)
	}
	if w.Mount || w.Unmount {
		f.May(observe.Cause{Name: "the mount of " + s.Path, Bounded: true, Text: s.Path + "/", Brings: true, Removes: true})
	}
}

// mountScript mounts and unmounts. fstab(5) says what, so that its line is tried.
const mountScript = `
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$unmount" = yes ]; then umount -- "$path"; fi
if [ "$remount" != no ]; then timeout -k 5 120 mount -o "$remount" -- "$path"; fi
if [ "$mount" = yes ]; then timeout -k 5 120 mount -- "$path"; fi
`

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Make {
		if err := modules.MakeDirectory(ctx, h, s.Path, "0755", "root", "root"); err != nil {
			return err
		}
	}
	if w.Fstab != nil {
		if err := s.fstab().Write(ctx, h, *w.Fstab); err != nil {
			return err
		}
	}
	_, err := h.Run(ctx, modules.Command{Script: s.script(w)})
	return s.explain(err)
}

package swap

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module swap.
func Module() modules.Module { return modules.Primitive("swap", source, New) }

// Step is a swap file that a host should have, or not.
type Step struct {
	Path     string
	Size     int64 // bytes
	Priority *int
	Absent   bool
}

var (
	_ modules.Claimer  = (*Step)(nil)
	_ modules.Foreseer = (*Step)(nil)
)

const mode fs.FileMode = 0o600

var validSize = regexp.MustCompile(`^([1-9][0-9]*)([MG])(?:iB)?$`)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Path: args.Path, Priority: args.Priority, Absent: args.State == "absent"}
	var errs []error
	if err := modules.CheckPath(args.Path); err != nil {
		errs = append(errs, modules.Argf("path", "%w", err))
	}
	if s.Absent {
		return s, errors.Join(errs...)
	}
	words := validSize.FindStringSubmatch(args.Size)
	switch {
	case args.Size == "":
		errs = append(errs, modules.Argf("size", "is required"))
	case words == nil:
		errs = append(errs, modules.Argf("size", "must be a number of M or G, such as 2G, not %q", args.Size))
	default:
		n, err := strconv.ParseInt(words[1], 10, 64)
		shift := map[string]int{"M": 20, "G": 30}[words[2]]
		if s.Size = n << shift; err != nil || n > 1<<20 {
			errs = append(errs, modules.Argf("size", "is too large: %s", args.Size))
		}
	}
	if p := args.Priority; p != nil && (*p < 0 || *p > 32767) {
		errs = append(errs, modules.Argf("priority", "must be from 0 to 32767, not %d", *p))
	}
	return s, errors.Join(errs...)
}

// opts are the options of the file's line.
func (s *Step) opts() string {
	if s.Priority != nil {
		return "pri=" + strconv.Itoa(*s.Priority)
	}
	return "sw"
}

// text returns fstab(5) with the file's line, or without any. A line that says the same stays as it is.
func (s *Step) text(old string) (string, []string, error) {
	want := []string{escape.Replace(s.Path), "none", "swap", s.opts()}
	var lines []string
	found := false
	for line := range strings.Lines(old) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0][0] == '#' || words[0] != want[0] || words[2] != "swap" {
			lines = append(lines, line)
			continue
		}
		if s.Absent || found {
			continue
		}
		found = true
		opts := "defaults"
		if len(words) > 3 {
			opts = words[3]
		}
		if opts != want[3] && (s.Priority != nil || strings.Contains(opts, "pri=")) {
			_, end := portion.CutEnd(line)
			line = strings.Join(append(slices.Clone(want), "0", "0"), " ") + end
		}
		lines = append(lines, line)
	}
	if !found && !s.Absent {
		lines, _ = portion.Place{}.Add(lines, "", strings.Join(append(want, "0", "0"), " "))
	}
	return strings.Join(lines, ""), nil, nil
}

func (s *Step) fstab() *portion.Step {
	return &portion.Step{
		Path: "/etc/fstab", Field: "swap", Absent: s.Absent, Create: !s.Absent, Mode: 0o644, Owner: "root", Group: "root", Text: s.text,
	}
}

func (s *Step) question() observe.FileQuestion { return observe.FileQuestion{Path: s.Path} }

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	observe.AskParents(q, s.Path)
	states.Ask(q, s.Path)
	s.fstab().Observe(q)
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := states.Get(snapshot, s.Path)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask what the host swaps to: %w", err)
	}
	if is.Container && !s.Absent {
		return modules.Change{}, modules.Certain(modules.WithHint(errors.New("a container can't have swap of its own"),
			"It is for the machine that runs the container to have. Leave the step out here with a `when`."))
	}
	file, err := observe.File.Get(snapshot, s.question())
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	case file.Type != observe.Absent && file.Type != observe.Regular:
		return modules.Change{}, fmt.Errorf("%s is %s, not a file", s.Path, file.Type)
	case file.Stranger != nil:
		return modules.Change{}, modules.RefuseOwner(file.Stranger.Dir, file.Stranger.Name, "root")
	}
	w := work{Path: s.Path, Size: s.Size, Priority: s.Priority, Seen: file.Size}
	c, err := s.fstab().Diff(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	if !c.Empty() {
		w.Fstab = new(c.Work.(portion.Work))
	}
	there := file.Type == observe.Regular
	if s.Absent {
		w.Off, w.Remove = is.Active, there
		return modules.NewChange(w), nil
	}
	w.Make = !there || file.Size != s.Size || !is.Signed
	w.Fill = is.FS != "ext2/ext3" && is.FS != "xfs"
	w.Replaces = there
	if !w.Make && (file.Mode != mode || file.UID != 0 || file.GID != 0) {
		w.Rights = fmt.Sprintf("%s %s:%s", modules.OctalMode(file.Mode), file.Owner, file.Group)
	}
	other := is.Active && s.Priority != nil && is.Priority != *s.Priority
	w.Off = is.Active && (w.Make || other)
	w.On = !is.Active || w.Off
	if other {
		w.Was = is.Priority
	}
	if !w.Make {
		return modules.NewChange(w), nil
	}
	if slices.Contains([]string{"btrfs", "zfs", "tmpfs", "ramfs", "overlayfs", "nfs", "nfs4", "cifs", "smb2", "fuseblk", "fuse", "squashfs", "v9fs"}, is.FS) {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is on %s, where there can be no swap file", s.Path, is.FS), "%s", elsewhere(is.FS))
	}
	room := is.Room
	if there {
		room += file.Size
	}
	if room < s.Size && is.FS != "" {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s needs %s, and there is room for %s", s.Path, size(s.Size), size(room)),
			"See `df -h %s` on the host; make room, choose another path, or a smaller file.", s.Path[:max(1, strings.LastIndexByte(s.Path, '/'))])
	}
	notes, err := modules.NeedsParent(snapshot, s.Path)
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(w, notes...), nil
}

// elsewhere says what to do where no swap file can be.
func elsewhere(fs string) string {
	if fs == "btrfs" {
		return "Choose a path on another file system. On btrfs, `btrfs filesystem mkswapfile --size 2G /swap/file` makes one that doesn't copy on write, in " +
			"a subvolume of its own; with its path and size this step then keeps it."
	}
	return "Choose a path on another file system: `findmnt -t ext4,xfs` lists some."
}

// size returns a number of bytes for people.
func size(n int64) string {
	if n >= 1<<30 && n%(1<<30) == 0 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

//go:embed make.sh
var makeScript string

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Rights != "" {
		if err := modules.SetRights(ctx, h, s.Path, modules.OctalMode(mode), "root", "root"); err != nil {
			return err
		}
	}
	if w.Make || w.Off || w.On {
		priority := ""
		if s.Priority != nil {
			priority = strconv.Itoa(*s.Priority)
		}
		_, err := h.Run(ctx, modules.Command{Script: hostfile.Script(makeScript, shell.Vars{
			"path": s.Path, "size": strconv.FormatInt(s.Size, 10), "off": shell.YesNo(w.Off), "make": shell.YesNo(w.Make), "fill": shell.YesNo(w.Fill),
			"priority": priority, "on": shell.YesNo(w.On),
		}, nil)})
		if err != nil {
			return explain(err, s.Path)
		}
	}
	if w.Remove {
		if err := modules.RemovePath(ctx, h, s.Path, modules.RemoveFile, ""); err != nil {
			return err
		}
	}
	if w.Fstab == nil {
		return nil
	}
	if err := s.fstab().Write(ctx, h, *w.Fstab); err != nil {
		return err
	}
	_, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "daemon-reload"}}) // fstab(5) is a source of units
	return err
}

func explain(err error, path string) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	said := string(failed.Result.Stderr)
	switch {
	case strings.Contains(said, "Cannot allocate memory"):
		return modules.WithHint(err, "What is swapped out has no room in the memory: `free -h` on the host. Stop something, then run the same command again.")
	case strings.Contains(said, "swapon") && strings.Contains(said, "Invalid argument"):
		return modules.WithHint(err, "The kernel takes no swap file there: `dmesg | tail` on the host says why. Choose a path on ext4 or xfs.")
	case strings.Contains(said, "not permitted"):
		return modules.WithHint(err, "The host is probably a container, whose swap is its machine's.")
	}
	return modules.FileHint(err, path)
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	f := snapshot.Forecast()
	if w.Fstab != nil {
		s.fstab().Foresee(snapshot, modules.NewChange(*w.Fstab))
	}
	switch {
	case w.Remove:
		f.Remove(s.Path)
	case w.Make:
		f.Write(s.Path, observe.NewContent, &observe.Rights{Mode: mode, Owner: "root", Group: "root"})
	case w.Rights != "":
		f.Touch(s.Path, &observe.Rights{Mode: mode, Owner: "root", Group: "root"})
	}
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	all := s.fstab().Claims()
	if s.Absent {
		return append(all, modules.PathClaim(s.Path, modules.Absent))
	}
	file := modules.PathClaim(s.Path, modules.AFile)
	swap := modules.Claim{Thing: modules.Thing{Kind: "swap file", Name: s.Path}}
	all = append(all, file, file.With("mode", modules.OctalMode(mode)), file.With("owner", "root"), file.With("group", "root"), swap.With("size", size(s.Size)))
	if s.Priority != nil {
		all = append(all, swap.With("priority", strconv.Itoa(*s.Priority)))
	}
	return all
}

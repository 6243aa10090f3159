package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module directory.
func Module() modules.Module { return modules.Primitive("directory", source, New) }

// Step is a directory that a host should have, or not.
type Step struct {
	Path   string
	Mode   fs.FileMode
	Owner  string
	Group  string
	Absent bool
	Force  bool // also remove what is in it
}

var _ modules.Scripted = (*Step)(nil)

// system are directories that no plan removes: those of hier(7), and others that a host needs.
var system = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt", "/proc",
	"/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var",
	"/boot/efi", "/boot/grub", "/dev/shm", "/run/systemd", "/root/.ssh",
	"/etc/apt", "/etc/default", "/etc/init.d", "/etc/network", "/etc/pam.d", "/etc/security", "/etc/ssh", "/etc/ssl", "/etc/systemd",
	"/usr/bin", "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/sbin", "/usr/share", "/usr/src",
	"/var/backups", "/var/cache", "/var/lib", "/var/local", "/var/lock", "/var/log", "/var/mail", "/var/opt", "/var/run", "/var/spool", "/var/tmp",
	"/var/cache/apt", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/rcprov", "/var/lib/systemd",
}

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Path: args.Path, Owner: args.Owner, Group: args.Group, Absent: args.State == "absent", Force: args.Force}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	if s.Absent && slices.Contains(system, args.Path) {
		errs = append(errs, modules.Argf("path", "%s is a system directory, which rcprov never removes", args.Path))
	}
	if s.Force && !s.Absent {
		errs = append(errs, modules.Argf("force", "requires state = \"absent\""))
	}
	return s, errors.Join(errs...)
}

// rights are the desired mode, owner and group.
func (s *Step) rights() rights.Rights {
	return rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	observe.AskParents(q, s.Path)
	if s.Absent {
		entries.Ask(q, s.Path)
		return
	}
	s.rights().Ask(q)
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	if err := s.rights().Allowed(is); err != nil && !s.Absent {
		return modules.Change{}, err
	}
	switch {
	case is.Type == observe.Absent && s.Absent:
		return modules.Change{}, nil
	case is.Type == observe.Absent:
		return s.create(snapshot)
	case is.Type == observe.Symlink:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a symbolic link to %s, not a directory", s.Path, is.Target),
			"Give the path of its target, or remove the link on the host: `rm %s`.", s.Path)
	case is.Type != observe.Directory:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	case s.Absent:
		return s.remove(snapshot)
	}
	drift := s.rights().Compare(s.Path, is)
	return modules.NewChange(work{Action: modules.Update, Path: s.Path, Drift: drift}), s.rights().Possible(snapshot, false, drift)
}

// create returns the change that creates the directory, with a note that names missing parents.
func (s *Step) create(snapshot *observe.Snapshot) (modules.Change, error) {
	var missing []string
	above := parentRights(nil)
	for _, p := range observe.Parents(s.Path) {
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: p})
		switch {
		case err != nil:
			return modules.Change{}, fmt.Errorf("look at %s: %w", p, err)
		case is.Type == observe.Absent:
			missing = append(missing, p)
			above = parentRights(is.Stranger)
		case is.Type != observe.Directory && is.Type != observe.Symlink: // the target of a link may be a directory
			return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a directory", p, is.Type),
				"Nothing can be created below it: move it away, or name another path.")
		}
	}
	var notes []string
	if len(missing) > 0 {
		notes = append(notes, "also creates its parents, "+above+": "+strings.Join(missing, ", "))
	}
	return modules.NewChange(work{Action: modules.Create, Path: s.Path, Rights: s.rights()}, notes...),
		s.rights().Possible(snapshot, true, rights.Drift{})
}

// parentRights returns the rights of missing parents, for people.
func parentRights(of *observe.Stranger) string {
	if of != nil {
		return "0755, of " + of.Name
	}
	return "0755 root:root"
}

// remove returns the change that removes the directory. That it is not empty is no error yet if programs of earlier steps may
// empty it; then rmdir(1) decides.
func (s *Step) remove(snapshot *observe.Snapshot) (modules.Change, error) {
	count, err := entries.Get(snapshot, s.Path)
	if err != nil {
		return modules.Change{}, fmt.Errorf("look into %s: %w", s.Path, err)
	}
	w := work{Action: modules.Remove, Path: s.Path}
	switch {
	case count > 0 && s.Force:
		w.Entries = count
	case count > 0:
		then := modules.NewChange(w, fmt.Sprintf("%s is not empty (entries: %d): it is removed only if earlier steps empty it, or with force = true", s.Path, count))
		return modules.Change{}, modules.Later(modules.WithHint(fmt.Errorf("%s is not empty (entries: %d)", s.Path, count),
			"See `ls -A %s` on the host; `force = true` removes the directory and everything in it.", s.Path), &then)
	}
	return modules.NewChange(w), nil
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	f := snapshot.Forecast()
	if s.Absent {
		f.Remove(s.Path)
		return
	}
	f.Parents(s.Path)
	f.Directory(s.Path, s.rights().Foreseen())
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	script, _ := s.Script(c)
	return script.Run(ctx, h)
}

// Script implements [modules.Scripted].
func (s *Step) Script(c modules.Change) (modules.Script, bool) {
	if c.Work.(work).Action == modules.Remove {
		return s.removal(), true
	}
	return modules.DirectoryScript(s.Path, s.rights().OctalMode(), s.Owner, s.Group), true
}

func (s *Step) removal() modules.Script {
	how := modules.RemoveEmpty
	if s.Force {
		how = modules.RemoveTree
	}
	return modules.RemovalScript(s.Path, how, "").Then(s.explainRemoval)
}

// explainRemoval adds what a person needs to know to an error of the removal.
func (s *Step) explainRemoval(err error) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	said := string(failed.Result.Stderr)
	if strings.Contains(said, "Directory not empty") {
		return modules.WithHint(err, "Nothing was removed. See `ls -A %s` on the host; `force = true` removes the directory and everything in it.", s.Path)
	}
	if strings.Contains(said, "different device") {
		return modules.WithHint(err, "Something is mounted below %s (see `findmnt`) and was left there; the rest is removed. Unmount it, then run the same command again.", s.Path)
	}
	return err
}

package mount

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/shell"
)

// work is what is done about a mount.
type work struct {
	Path, Src, FSType string
	Seen              mounted
	Fstab             *portion.Work // nil: fstab(5) stays
	Make              bool          // the mount point is made
	Unmount, Mount    bool
	Remount           []string // options that it gets
}

// Edits implements [modules.Work].
func (w work) Edits() (edits []modules.Edit) {
	if w.Make {
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: w.Path, To: "0755 root:root"})
	}
	if w.Fstab != nil {
		edits = append(edits, w.Fstab.Edits()...)
	}
	subject := "mount " + w.Path
	seen := fmt.Sprintf("%s (%s)", w.Seen.Source, w.Seen.FSType)
	desired := fmt.Sprintf("%s (%s)", w.Src, w.FSType)
	switch {
	case w.Unmount && w.Mount:
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: "src", From: seen, To: desired})
	case w.Mount:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: subject, To: desired})
	case w.Unmount:
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: subject, From: seen})
	}
	if len(w.Remount) > 0 {
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: subject, Field: "opts", From: strings.Join(w.Seen.Opts, ","), To: strings.Join(w.Remount, ","),
		})
	}
	return edits
}

// script is what is run. A bind mount has only options of its own, which a remount must name.
func (s *Step) script(w work) string {
	remount := "no"
	if len(w.Remount) > 0 {
		remount = "remount," + strings.Join(s.Opts, ",")
		if len(w.Remount) == 1 && w.Remount[0] == "rw" {
			remount += ",rw"
		}
	}
	return shell.Script(mountScript, shell.Vars{
		"path": s.Path, "unmount": shell.YesNo(w.Unmount), "mount": shell.YesNo(w.Mount), "remount": remount,
	})
}

func (s *Step) explain(err error) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	said := string(failed.Result.Stderr)
	switch {
	case strings.Contains(said, "busy"):
		return modules.WithHint(err, "Something uses what is mounted there: `fuser -vm %s` shows what. /etc/fstab has its new line already.", s.Path)
	case strings.Contains(said, "unknown filesystem type"):
		return modules.WithHint(err, "Install the tools for %s in an earlier step (nfs-common, cifs-utils, xfsprogs), and see `modprobe %[1]s`.", s.FSType)
	case strings.Contains(said, "can't find"), strings.Contains(said, "does not exist"):
		return modules.WithHint(err, "`lsblk -f` on the host lists the devices, with their labels and UUIDs.")
	case strings.Contains(said, "permission denied"):
		return modules.WithHint(err, "In a container, the machine that runs it says what may be mounted.")
	}
	return modules.WithHint(err, "`dmesg | tail` on the host may say why. Correct it before the next boot, or give the mount `nofail`.")
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.Claim{Thing: modules.Thing{Kind: "mount point", Name: s.Path}}
	all := s.fstab().Claims()
	if s.Absent {
		return append(all, is.With("", modules.Absent))
	}
	all = append(all, modules.PathClaim(s.Path, modules.ADirectory), is.With("", "a mount point"), is.With("src", s.Src), is.With("fstype", s.FSType),
		is.Hidden("opts", modules.Words(s.Opts)))
	if s.Now {
		all = append(all, is.With("state", "mounted"))
	}
	return all
}

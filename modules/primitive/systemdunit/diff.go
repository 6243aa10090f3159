package systemdunit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// What systemctl does to a unit that runs, and the fields of the edits.
const (
	restart = "restart"
	reload  = "reload"
)

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	unit, err := observe.Unit.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, modules.WithHint(fmt.Errorf("ask systemd about %s: %w", s.Name, err),
			"systemd_unit needs a host that was booted with systemd; see `systemctl is-system-running`.")
	}
	d := &differ{Step: s, unit: unit, work: Work{Unit: s}}
	if err := d.files(snapshot); err != nil {
		return modules.Change{}, err
	}
	if s.Absent {
		d.absent()
		return modules.NewChange(d.work, d.notes...), nil
	}
	if err := d.loaded(); err != nil {
		return modules.Change{}, err
	}
	if err := d.masked(); err != nil {
		return modules.Change{}, err
	}
	if err := d.enabled(); err != nil {
		return modules.Change{}, err
	}
	if err := d.running(); err != nil {
		return modules.Change{}, err
	}
	if err := d.stale(); err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(d.work, d.notes...), nil
}

// differ is the state of one call of Diff.
type differ struct {
	*Step
	unit     observe.UnitInfo
	work     Work
	notes    []string
	newFiles string // the first file whose text changes
}

// files compares the unit file and the drop-ins with what is there.
func (d *differ) files(snapshot *observe.Snapshot) error {
	for _, f := range d.Files {
		is, err := observe.File.Get(snapshot, f.question())
		if err != nil {
			return err
		}
		do := writeFile
		switch {
		case is.Type == observe.Directory || is.Type == observe.OtherType:
			return modules.WithHint(fmt.Errorf("%s is %s, not a file", f.Path, is.Type), "rcprov doesn't replace it: move it away.")
		case d.Absent && (is.Type == observe.Absent || maskingLink(is)):
			continue
		case d.Absent:
			do = removeFile
		case is.Type == observe.Regular && is.SHA256 == f.question().UnlessSHA256:
			if len(fileRights.Edits(f.Path, is)) == 0 {
				continue
			}
			do = setRights
		}
		if d.newFiles == "" && do == writeFile {
			d.newFiles = f.Path
		}
		d.work.files = append(d.work.files, fileWork{f, is, do})
	}
	return nil
}

// maskingLink reports whether a file is what `systemctl mask` leaves in place of a unit file.
func maskingLink(is observe.FileInfo) bool {
	return is.Type == observe.Symlink && is.Target == "/dev/null"
}

func (d *differ) absent() {
	if d.unit.Active != observe.Inactive && d.unit.Active != observe.Failed {
		d.work.run = &change[string]{d.unit.State(), stoppedState}
	}
	if installed(d.unit.FileState) {
		d.work.enable = &change[observe.UnitFileState]{d.unit.FileState, observe.Disabled}
	}
	if d.unit.NeedDaemonReload && len(d.work.Edits()) == 0 {
		d.work.DaemonReload = "systemd has not loaded the unit files on disk"
	}
}

// loaded compares what systemd has loaded with the files: it handles units that are missing, that systemd can't load, or
// that were loaded from older files.
func (d *differ) loaded() error {
	switch {
	case d.newFiles != "" && d.ours(): // will be loaded again
		return nil
	case d.unit.Load == observe.NotFound && d.unit.FileState == "":
		d.notes = append(d.notes, d.Name+" does not exist yet: an earlier step must install it")
		return nil
	case d.newFiles == "" && !d.unit.NeedDaemonReload && is(d.Running) &&
		(d.unit.Load == observe.BadSetting || d.unit.Load == observe.LoadFailed):
		return modules.WithHint(fmt.Errorf("systemd can't load %s: %s", d.Name, d.unit.LoadError),
			"`systemctl cat %s` shows what it reads, `journalctl -b -u %s` why it refuses.", d.Name, d.Name)
	}
	if why := d.outdated(); why != "" {
		d.work.DaemonReload = why
	}
	return nil
}

// outdated returns why systemd must load the unit's files again; "" if it need not, or will once they are written.
// NeedDaemonReload alone misses a file in a directory that was made since systemd last looked (seen with 252), and a
// unit file that takes the place of a package's.
func (d *differ) outdated() string {
	switch {
	case d.newFiles != "":
		return ""
	case d.unit.NeedDaemonReload:
		return "systemd has not loaded the unit files on disk"
	}
	for _, f := range d.Files {
		if f.Field == "content" && f.Path != d.unit.FragmentPath || f.Field != "content" && !slices.Contains(d.unit.DropInPaths, f.Path) {
			return "systemd has not loaded " + f.Path
		}
	}
	return ""
}

// isMasked reports whether systemd has the unit as masked.
func isMasked(u observe.UnitInfo) bool {
	return u.FileState == observe.Masked || u.FileState == observe.MaskedRuntime || u.Load == observe.MaskedLoad
}

func (d *differ) masked() error {
	switch {
	case is(d.Masked) && d.unit.FileState != observe.Masked && d.unit.FragmentPath == unitDir+d.Name:
		return modules.WithHint(fmt.Errorf("%s can't be masked: it has a unit file, %s", d.Name, d.unit.FragmentPath), maskHint, d.unit.FragmentPath)
	case is(d.Masked) && d.unit.FileState != observe.Masked:
		d.work.mask = d.Masked
		if d.unit.Running() && d.Running == nil {
			d.notes = append(d.notes, d.Name+" keeps running: running = false stops it")
		}
	case isMasked(d.unit) && !is(d.Masked) && (d.Masked != nil || d.ours() || is(d.Enabled) || is(d.Running)):
		d.work.mask = new(bool)
	}
	return nil
}

const maskHint = "Masking puts a link to /dev/null in the place of %s: remove that file on the host first, or use `state = \"absent\"`."

// installed reports whether a unit file state means that the links of [Install] exist.
func installed(state observe.UnitFileState) bool {
	return state == observe.Enabled || state == observe.EnabledRuntime
}

func (d *differ) enabled() error {
	state := d.unit.FileState
	from := cmp.Or(state, observe.Disabled)
	switch {
	case d.Enabled == nil:
	case *d.Enabled && state != observe.Enabled && state != observe.Alias:
		fixed := state == observe.Static || state == observe.Indirect || state == observe.Generated || state == observe.Transient
		if fixed && !(d.newFiles != "" && d.ours()) {
			return modules.WithHint(fmt.Errorf("%s can't be enabled: its unit file is %s", d.Name, state),
				"It has no [Install] section to enable; another unit, or a generator, starts it. Leave out `enabled`, or give `content`.")
		}
		d.work.enable = &change[observe.UnitFileState]{from, observe.Enabled}
	case !*d.Enabled && installed(state):
		d.work.enable = &change[observe.UnitFileState]{from, observe.Disabled}
	}
	return nil
}

func (d *differ) running() error {
	switch {
	case d.Running == nil:
	case !*d.Running && d.unit.Active != observe.Inactive && d.unit.Active != observe.Failed:
		d.work.run = &change[string]{d.unit.State(), stoppedState}
	case *d.Running && !d.unit.Running():
		if d.newFiles == "" && d.unit.Type == "oneshot" && !d.unit.RemainAfterExit {
			return neverRuns(d.Name)
		}
		d.work.run = &change[string]{d.unit.State(), runningState}
	case *d.Running && looping(d.unit):
		d.work.run = &change[string]{fmt.Sprintf("%s, restarted by systemd %s", d.unit.State(), modules.Counted(d.unit.Restarts, "time")), runningState}
	}
	return nil
}

// looping reports whether a running unit is in a crash loop: systemd has just restarted it, and not for the first time.
// Most loops take less than ten seconds (systemd's own DefaultStartLimitIntervalSec=).
func looping(unit observe.UnitInfo) bool {
	return unit.Restarts >= 2 && unit.Restarted >= 0 && unit.Restarted < 10*time.Second
}

const endsHint = "Add `RemainAfterExit=yes` to its [Service] section, or leave out `running` and start it by a timer."

func neverRuns(name string) error {
	return modules.WithHint(fmt.Errorf("%s can't be kept running: it has Type=oneshot, so it stops when its command ends", name), endsHint)
}

// stale adds the restart or reload that the unit needs to run what is on disk.
func (d *differ) stale() error {
	// A start in progress is left alone, unless it starts outdated files: a database may take long to recover.
	starting := d.unit.Active == observe.Activating && d.unit.Sub != "auto-restart" && d.unit.Sub != "auto-restart-queued"
	if isNot(d.Running) || is(d.Masked) || !d.unit.Running() && !starting {
		return nil
	}
	if isMasked(d.unit) && d.work.mask == nil {
		return d.staleMasked()
	}
	var reasons reasons
	if d.newFiles != "" {
		reasons.add(d.newFiles + " changes")
		d.unit.FragmentPath, d.unit.DropInPaths = "", nil // no more reasons of this kind
		d.unit.Stamp.Files = nil
	} else if why := d.outdated(); why != "" && !onlyTouched(d.unit) {
		reasons.add(why)
	}
	if err := staleFiles(d.Step, d.unit, &reasons); err != nil {
		return err
	}
	staleProgram(d.unit, &reasons)
	if !reasons.empty() {
		d.work.Restart = reasons.String()
		return nil
	}
	for _, path := range d.ReloadOn {
		if why := staleSinceReload(d.unit, path); why != "" {
			reasons.add(why)
		}
	}
	switch {
	case reasons.empty():
		return nil
	case !d.unit.CanReload:
		return modules.WithHint(fmt.Errorf("%s can't be reloaded, and %s", d.Name, reasons.String()),
			"It has no ExecReload=. Name the file in `restart_on` instead of `reload_on`.")
	}
	d.work.Reload = reasons.String()
	return nil
}

// staleMasked returns an error for a masked unit that runs and must be restarted: nobody can. It is masked by somebody else, who
// has put a link in the place of its file.
func (d *differ) staleMasked() error {
	d.unit.FragmentPath, d.unit.DropInPaths = "", nil
	d.unit.Stamp.Files = maps.Clone(d.unit.Stamp.Files)
	maps.DeleteFunc(d.unit.Stamp.Files, func(_ string, f observe.StampedFile) bool { return f.Own })
	var reasons reasons
	if err := staleFiles(d.Step, d.unit, &reasons); err != nil {
		return err
	}
	staleProgram(d.unit, &reasons)
	if reasons.empty() {
		return nil
	}
	return modules.WithHint(fmt.Errorf("%s is masked, so it can't be restarted, and %s", d.Name, reasons.String()),
		"`masked = false`, or `running = true`, unmasks it.")
}

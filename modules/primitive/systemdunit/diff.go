package systemdunit

import (
	"fmt"
	"slices"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Fields of edits with the action Run.
const (
	restart      = "restart"
	reload       = "reload"
	daemonReload = "daemon-reload"
)

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	unit, err := observe.Unit.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, modules.WithHint(fmt.Errorf("ask systemd about %s: %w", s.Name, err),
			"systemd_unit needs a host that was booted with systemd; see `systemctl is-system-running`.")
	}
	d := &differ{Step: s, unit: unit}
	if err := d.files(snapshot); err != nil {
		return modules.Change{}, err
	}
	if s.Absent {
		d.absent()
		return d.change, nil
	}
	if err := d.loaded(); err != nil {
		return modules.Change{}, err
	}
	d.masked()
	if err := d.enabled(); err != nil {
		return modules.Change{}, err
	}
	if err := d.running(); err != nil {
		return modules.Change{}, err
	}
	return d.change, d.stale()
}

// differ is the state of one call of Diff.
type differ struct {
	*Step
	unit     observe.UnitInfo
	change   modules.Change
	newFiles string // the first file whose text changes
}

func (d *differ) edit(action modules.Action, field, from, to string) {
	d.change.Edits = append(d.change.Edits, modules.Edit{Action: action, Subject: d.Name, Field: field, From: from, To: to})
}

// files compares the unit file and the drop-ins with what is there.
func (d *differ) files(snapshot *observe.Snapshot) error {
	for _, f := range d.Files {
		is, err := observe.File.Get(snapshot, f.question())
		if err != nil {
			return err
		}
		e := modules.Edit{Subject: f.Path, Field: f.Field, Sensitive: f.Sensitive}
		switch {
		case is.Type == observe.Directory || is.Type == observe.OtherType:
			return modules.WithHint(fmt.Errorf("%s is %s, not a file", f.Path, is.Type), "rcprov doesn't replace it: move it away.")
		case d.Absent && (is.Type == observe.Absent || maskingLink(is)):
			continue
		case d.Absent:
			e.Action = modules.Remove
		case is.Type == observe.Absent:
			e.Action, e.Text = modules.Create, &modules.Text{New: f.Text}
		case is.Type == observe.Symlink:
			e.Action, e.From = modules.Update, "a link to "+is.Target
			e.Text = &modules.Text{New: f.Text}
		case is.SHA256 != f.question().UnlessSHA256:
			e.Action, e.Text = modules.Update, &modules.Text{Old: string(is.Content), New: f.Text}
		default:
			d.change.Edits = append(d.change.Edits, fileRights.Edits(f.Path, is)...)
			continue
		}
		if d.newFiles == "" && !d.Absent {
			d.newFiles = f.Path
		}
		d.change.Edits = append(d.change.Edits, e)
	}
	return nil
}

// maskingLink reports whether a file is what `systemctl mask` leaves in place of a unit file.
func maskingLink(is observe.FileInfo) bool {
	return is.Type == observe.Symlink && is.Target == "/dev/null"
}

func (d *differ) absent() {
	if d.unit.Active != observe.Inactive && d.unit.Active != observe.Failed {
		d.edit(modules.Update, "running", d.unit.State(), "stopped")
	}
	if installed(d.unit.FileState) {
		d.edit(modules.Update, "enabled", string(d.unit.FileState), "disabled")
	}
	if d.unit.NeedDaemonReload && len(d.change.Edits) == 0 {
		d.edit(modules.Run, daemonReload, "", "systemd has not loaded the unit files on disk")
	}
}

// loaded compares what systemd has loaded with the files: it handles units that are missing, that systemd can't load, or
// that were loaded from older files.
func (d *differ) loaded() error {
	switch {
	case d.newFiles != "" && d.ours(): // will be loaded again
		return nil
	case d.unit.Load == observe.NotFound && d.unit.FileState == "":
		d.change.Notes = append(d.change.Notes, d.Name+" does not exist yet: an earlier step must install it")
		return nil
	case d.newFiles == "" && !d.unit.NeedDaemonReload && is(d.Running) &&
		(d.unit.Load == observe.BadSetting || d.unit.Load == observe.LoadFailed):
		return modules.WithHint(fmt.Errorf("systemd can't load %s: %s", d.Name, d.unit.LoadError),
			"`systemctl cat %s` shows what it reads, `journalctl -b -u %s` why it refuses.", d.Name, d.Name)
	}
	if why := d.outdated(); why != "" {
		d.edit(modules.Run, daemonReload, "", why)
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

func (d *differ) masked() {
	masked := d.unit.FileState == observe.Masked || d.unit.FileState == observe.MaskedRuntime || d.unit.Load == observe.MaskedLoad
	switch {
	case is(d.Masked) && d.unit.FileState != observe.Masked:
		d.edit(modules.Update, "masked", "false", "true")
	case masked && !is(d.Masked) && (d.Masked != nil || d.ours() || is(d.Enabled) || is(d.Running)):
		d.edit(modules.Update, "masked", "true", "false")
	}
}

// installed reports whether a unit file state means that the links of [Install] exist.
func installed(state observe.UnitFileState) bool {
	return state == observe.Enabled || state == observe.EnabledRuntime
}

func (d *differ) enabled() error {
	state := d.unit.FileState
	from := string(state)
	if from == "" {
		from = string(observe.Disabled)
	}
	switch {
	case d.Enabled == nil:
	case *d.Enabled && state != observe.Enabled && state != observe.Alias:
		fixed := state == observe.Static || state == observe.Indirect || state == observe.Generated || state == observe.Transient
		if fixed && !(d.newFiles != "" && d.ours()) {
			return modules.WithHint(fmt.Errorf("%s can't be enabled: its unit file is %s", d.Name, state),
				"It has no [Install] section to enable; another unit, or a generator, starts it. Leave out `enabled`, or give `content`.")
		}
		d.edit(modules.Update, "enabled", from, "enabled")
	case !*d.Enabled && installed(state):
		d.edit(modules.Update, "enabled", from, "disabled")
	}
	return nil
}

func (d *differ) running() error {
	switch {
	case d.Running == nil:
	case !*d.Running && d.unit.Active != observe.Inactive && d.unit.Active != observe.Failed:
		d.edit(modules.Update, "running", d.unit.State(), "stopped")
	case *d.Running && !d.unit.Running():
		if d.newFiles == "" && d.unit.Type == "oneshot" && !d.unit.RemainAfterExit {
			return neverRuns(d.Name)
		}
		d.edit(modules.Update, "running", d.unit.State(), "running")
	case *d.Running && looping(d.unit):
		d.edit(modules.Update, "running", fmt.Sprintf("%s, restarted by systemd %d times", d.unit.State(), d.unit.Restarts), "running")
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
	if isNot(d.Running) || !d.unit.Running() && !starting {
		return nil
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
	if d.unit.ReplacedProgram != "" {
		reasons.add(d.unit.ReplacedProgram + " was replaced since it started")
	}
	if d.unit.LostDirectory != "" {
		reasons.add("its working directory " + d.unit.LostDirectory + " was removed since it started")
	}
	if !reasons.empty() {
		d.edit(modules.Run, restart, "", reasons.String())
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
	d.edit(modules.Run, reload, "", reasons.String())
	return nil
}

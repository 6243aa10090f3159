package systemdunit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// A running unit is stale when it was not started from the files that are on disk now.
//
// The stamp of this very instance (InvocationID) says which contents it was started from, so it alone decides: chown, the
// same content written again, or a clock that was set back make no difference. Without such a stamp (the unit was
// started by somebody else, by Restart= or at boot) the time decides: a file whose ctime is later than the start counts
// as changed. An older instance's stamp must not be used: when somebody changes a file and restarts the unit, and
// rcprov then puts the old content back, hash and old stamp agree, but the unit runs the other content.

// clockTick is how much earlier a ctime may be than the change: the kernel takes the time of its last
// tick (CONFIG_HZ=100: 10 ms), systemd the exact one.
const clockTick = 10 * time.Millisecond

// staleFiles adds the reasons to restart: the unit's own files and those of restart_on.
func staleFiles(s *Step, u observe.UnitInfo, why *reasons) error {
	for _, path := range slices.Concat(s.RestartOn, s.ReloadOn) {
		if err := u.Files[path].Err; err != nil {
			return modules.WithHint(fmt.Errorf("watch %s for %s: %w", path, s.Name, err),
				"restart_on and reload_on name files. Of a directory, name the files in it.")
		}
	}
	for _, path := range slices.Concat(u.OwnFiles(), s.RestartOn) {
		if reason := staleSinceStart(u, path); reason != "" {
			why.add(reason)
		}
	}
	if !u.StampValid() {
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(u.Stamp.Files)) {
		if u.Stamp.Files[path].Own && !slices.Contains(u.OwnFiles(), path) {
			why.add(path + " was removed since it started")
		}
	}
	return nil
}

// staleProgram adds what became of the unit's program and of its working directory.
func staleProgram(u observe.UnitInfo, why *reasons) {
	if u.ReplacedProgram != "" {
		why.add(u.ReplacedProgram + " was replaced since it started")
	}
	if u.LostDirectory != "" {
		why.add("its working directory " + u.LostDirectory + " was removed since it started")
	}
}

// staleSinceStart returns how path changed since the unit started; "" if it did not.
func staleSinceStart(u observe.UnitInfo, path string) string {
	if u.StampValid() {
		if stamped, ok := u.Stamp.Files[path]; ok {
			return changed(path, u.Files[path], stamped, "it started")
		}
	}
	if strings.HasPrefix(path, generated) {
		return ""
	}
	return changedAfter(path, u.Files[path], u.Started, "it started")
}

// generated is where systemd's generators write units, for init scripts for example. They do so at each daemon-reload, so
// that the times of these files mean nothing (systemd.generator(7)).
const generated = "/run/systemd/generator"

// staleSinceReload returns how path changed since the unit was started or last reloaded; "" if it did not. A reload keeps
// the InvocationID, but updates the time of the last state change.
func staleSinceReload(u observe.UnitInfo, path string) string {
	if u.StampValid() && u.Stamp.StateChanged.Equal(u.StateChanged) {
		if stamped, ok := u.Stamp.Files[path]; ok {
			return changed(path, u.Files[path], stamped, "it was last read")
		}
	}
	read := u.StateChanged
	if u.ReloadFailed || read.IsZero() {
		read = u.Started
	}
	return changedAfter(path, u.Files[path], read, "it was last read")
}

// onlyTouched reports whether systemd wants to load the unit's own files again only because their times changed. A drop-in
// that systemd has not loaded is not in OwnFiles, so at least one file must have been touched.
func onlyTouched(u observe.UnitInfo) bool {
	touched := false
	for _, path := range u.OwnFiles() {
		is, stamped := u.Files[path], u.Stamp.Files[path]
		if !u.StampValid() || is.CTime != stamped.CTime && is.Fingerprint != stamped.Fingerprint {
			return false
		}
		touched = touched || is.CTime != stamped.CTime
	}
	return touched
}

func changed(path string, is observe.WatchedFile, stamped observe.StampedFile, since string) string {
	switch {
	case is.CTime == stamped.CTime || is.Fingerprint == stamped.Fingerprint:
		return ""
	case is.Fingerprint == "absent" && is.Foreseen:
		return path + " is removed"
	case is.Fingerprint == "absent":
		return path + " was removed since " + since
	case is.Foreseen:
		return path + " changes"
	default:
		return path + " changed since " + since
	}
}

func changedAfter(path string, is observe.WatchedFile, start time.Time, since string) string {
	if is.Changed.IsZero() || start.IsZero() || is.Changed.Before(start.Add(-clockTick)) {
		return ""
	}
	if is.Foreseen {
		return path + " changes"
	}
	return path + " changed since " + since
}

// reasons collects why something is done, to show on one line.
type reasons []string

func (r *reasons) add(why string) {
	if !slices.Contains(*r, why) {
		*r = append(*r, why)
	}
}

func (r reasons) empty() bool { return len(r) == 0 }

func (r reasons) String() string {
	return strings.Join(r, "; ")
}

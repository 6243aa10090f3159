package observe

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules/shell"
)

// UnitQuestion asks for one systemd unit.
type UnitQuestion struct {
	Name string // with its suffix: "nginx.service"

	// Watch are paths of files whose state is told along with the unit's own files; see WatchList.
	Watch string

	// Ours says that the asker brings the unit's file, so that no package does; Wanted that it shall run or be enabled, so
	// that some package has to bring it.
	Ours, Wanted bool

	// Fingerprints asks for the fingerprint of every file, those in the unit's stamp included. Otherwise it is told only
	// where it decides something: the unit's stamp names the file, and its ctime is another one now. (A fingerprint reads
	// the whole file.)
	Fingerprints bool
}

// WatchList makes a UnitQuestion's Watch of absolute paths without newline and tab.
func WatchList(paths []string) string { return strings.Join(paths, "\n") }

// LoadState reports whether systemd could read a unit (org.freedesktop.systemd1(5), "Properties").
type LoadState string

// Load states. Others exist; none of them can be started.
const (
	Loaded     LoadState = "loaded"
	NotFound   LoadState = "not-found"
	BadSetting LoadState = "bad-setting"
	LoadFailed LoadState = "error"
	MaskedLoad LoadState = "masked"
)

// ActiveState is what a unit does.
type ActiveState string

// Active states. Refreshing (systemd 257) is a kind of reloading.
const (
	Active       ActiveState = "active"
	Reloading    ActiveState = "reloading"
	Refreshing   ActiveState = "refreshing"
	Inactive     ActiveState = "inactive"
	Failed       ActiveState = "failed"
	Activating   ActiveState = "activating"
	Deactivating ActiveState = "deactivating"
)

// UnitFileState reports whether a unit is started at boot; the words of `systemctl is-enabled`, systemctl(1). It is
// empty for a unit without a file.
type UnitFileState string

// Unit file states.
const (
	Enabled        UnitFileState = "enabled"
	EnabledRuntime UnitFileState = "enabled-runtime" // until the next boot
	Linked         UnitFileState = "linked"
	LinkedRuntime  UnitFileState = "linked-runtime"
	Alias          UnitFileState = "alias"
	Masked         UnitFileState = "masked"
	MaskedRuntime  UnitFileState = "masked-runtime"
	Static         UnitFileState = "static"   // has no [Install] section
	Indirect       UnitFileState = "indirect" // has only Also= or the like
	Disabled       UnitFileState = "disabled"
	Generated      UnitFileState = "generated" // from /etc/fstab, /etc/init.d, ...
	Transient      UnitFileState = "transient"
	BadFile        UnitFileState = "bad"
)

// UnitInfo is what systemd says of a unit, with the state of the files that it and its program are made from.
type UnitInfo struct {
	ID        string   // the unit's own name
	Names     []string // it and its aliases
	Load      LoadState
	LoadError string // why it could not be loaded

	Active     ActiveState
	Sub        string // depends on the unit's type: "running", "auto-restart", "waiting"
	Result     string // "success", "exit-code", "start-limit-hit", ...; of units that run programs
	ExitStatus int    // of the main program when it last ended

	FileState        UnitFileState
	FragmentPath     string   // the unit file as loaded; empty without one
	DropInPaths      []string // as loaded
	NeedDaemonReload bool     // the files on disk are newer than what was loaded
	Linked           bool     // it has no file, but links enable it: it is enabled as soon as it has one

	Type            string // of a service: "simple", "notify", "oneshot"
	RemainAfterExit bool
	CanReload       bool
	Restarts        int           // by Restart=, since somebody started it
	Restarted       time.Duration // how long ago it left the inactive state, when Restarts > 0; in whole seconds
	MainPID         int           // 0 when none runs
	Program         string        // the file that the main program was started from, when it is still in its place
	Directory       string        // its working directory, when that is still there and the unit has WorkingDirectory=
	ReplacedProgram string        // the file that the main program was started from, when another one is in its place
	LostProgram     string        // the same file, when it was removed and there is none in its place
	LostDirectory   string        // the working directory of the main program, when it was removed and the unit has WorkingDirectory=
	InvocationID    string        // another one for each start
	Started         time.Time     // left the inactive state (InactiveExitTimestamp); zero when it never did
	StateChanged    time.Time     // last state change of any kind; a finished reload is one
	ReloadFailed    bool          // the last reload did

	ownDirectory bool // it has WorkingDirectory=

	// Files are its own, those that were asked for, and those in its stamp that were looked at and are there: with
	// Fingerprints all of them, else what other questions watch.
	Files map[string]WatchedFile
	Stamp Stamp // what the files were when rcprov last (re)started or reloaded the unit
}

// Running reports whether the unit is up.
func (u UnitInfo) Running() bool {
	return u.Active == Active || u.Active == Reloading || u.Active == Refreshing
}

// State is the unit's state for people: "active (running)".
func (u UnitInfo) State() string {
	if u.Sub == "" || u.Sub == string(u.Active) {
		return string(u.Active)
	}
	return fmt.Sprintf("%s (%s)", u.Active, u.Sub)
}

// OwnFiles are the paths of the unit file and its drop-ins, as systemd loaded them.
func (u UnitInfo) OwnFiles() []string {
	var paths []string
	if u.FragmentPath != "" && u.FragmentPath != "/dev/null" {
		paths = append(paths, u.FragmentPath)
	}
	return append(paths, u.DropInPaths...)
}

// Unit answers what a systemd unit is and does. A unit that doesn't exist has the load state NotFound. That systemd
// is not running (a container, a chroot) is "could not tell".
//
// Source: systemctl(1), "show" (an empty section is never printed; sections come apart by an empty line), and
// org.freedesktop.systemd1(5). Times come as `--timestamp=us+utc`, which systemd 249 (Ubuntu 22.04) knows; "unix" came
// with 251 and has no fractions. Checked with 252 and 257.
var Unit = &Kind[UnitQuestion, UnitInfo]{Name: "unit", Cost: 20, Script: unitScript, Parse: parseUnits, Future: futureUnits}

const unitProperties = "Id,Names,LoadState,LoadError,ActiveState,SubState,Result,ExecMainStatus,UnitFileState," +
	"FragmentPath,DropInPaths,NeedDaemonReload,Type,RemainAfterExit,CanReload,NRestarts," +
	"MainPID,WorkingDirectory,InvocationID,InactiveExitTimestamp,StateChangeTimestamp,ReloadResult"

//go:embed unit.sh
var unitPropertiesScript string

//go:embed unitfiles.sh
var unitFilesScript string

func unitScript(questions []UnitQuestion) string {
	all := false
	var names, stamps, watched []string
	for _, q := range questions {
		if !slices.Contains(names, q.Name) { // two answers differ if the unit changes in between
			names, stamps = append(names, q.Name), append(stamps, StampPath(q.Name))
		}
		for _, path := range strings.Split(q.Watch, "\n") {
			if path != "" && !slices.Contains(watched, path) {
				watched = append(watched, path)
			}
		}
		all = all || q.Fingerprints
	}
	return shell.Script(unitPropertiesScript, shell.Vars{
		"units": shell.QuoteAll(names), "properties": unitProperties, "stamp_files": shell.QuoteAll(stamps),
	}) + shell.Script(unitFilesScript, shell.Vars{"all": shell.YesNo(all), "watched": shell.QuoteAll(watched)})
}

func parseUnits(questions []UnitQuestion, reply Reply) map[UnitQuestion]Answer[UnitInfo] {
	var files watchedLines
	section := make(map[string]string)
	byName := make(map[string]Answer[UnitInfo])
	forged := false // a value with a newline looks like another answer
	finish := func() {
		if section["Id"] == "" {
			return
		}
		if state := files.enabled[section["Id"]]; state != "" {
			section["UnitFileState"] = state
		}
		info, err := parseUnit(section)
		info.Linked = files.linked[section["Id"]]
		if info.Restarts > 0 && !files.now.IsZero() {
			info.Restarted = files.now.Sub(info.Started.Truncate(time.Second))
		}
		for _, name := range append(info.Names, info.ID) {
			if other, twice := byName[name]; forged || twice && !reflect.DeepEqual(other.Value, info) {
				err = errors.New("systemctl answered twice, and not the same: a property of a unit has a newline")
			}
			byName[name] = Answer[UnitInfo]{Value: info, Err: err}
		}
		clear(section)
		forged = false
	}
	for line := range bytes.Lines(reply.Stdout) {
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" {
			finish()
			continue
		}
		if files.add(text) {
			continue
		}
		if key, value, ok := strings.Cut(text, "="); ok {
			_, twice := section[key]
			section[key], forged = value, forged || twice
		}
	}
	finish()

	answers := make(map[UnitQuestion]Answer[UnitInfo])
	for _, q := range questions {
		a, ok := byName[q.Name]
		if !ok {
			continue
		}
		a.Value.Stamp = files.stamps[q.Name]
		a.Value.ReplacedProgram = files.processes[process{"replaced", a.Value.MainPID}]
		a.Value.LostProgram = files.processes[process{"removed", a.Value.MainPID}]
		a.Value.Program = files.processes[process{"program", a.Value.MainPID}]
		if a.Value.ownDirectory { // some programs remove the one that they have chosen themselves
			a.Value.LostDirectory = files.processes[process{"lost", a.Value.MainPID}]
			a.Value.Directory = files.processes[process{"directory", a.Value.MainPID}]
		}
		a.Value.Files = make(map[string]WatchedFile)
		for _, path := range append(a.Value.OwnFiles(), strings.Split(q.Watch, "\n")...) {
			if path != "" {
				a.Value.Files[path] = files.file(path, reply)
			}
		}
		for path := range a.Value.Stamp.Files {
			if _, seen := files.files[path]; seen {
				a.Value.Files[path] = files.file(path, reply)
			}
		}
		answers[q] = a
	}
	return answers
}

func parseUnit(section map[string]string) (UnitInfo, error) {
	u := UnitInfo{
		ID: section["Id"], Names: strings.Fields(section["Names"]),
		Load: LoadState(section["LoadState"]), LoadError: loadError(section["LoadError"]),
		Active: ActiveState(section["ActiveState"]), Sub: section["SubState"], Result: section["Result"],
		FileState: UnitFileState(section["UnitFileState"]), FragmentPath: section["FragmentPath"],
		DropInPaths: strings.Fields(section["DropInPaths"]), NeedDaemonReload: section["NeedDaemonReload"] == "yes",
		Type: section["Type"], RemainAfterExit: section["RemainAfterExit"] == "yes", CanReload: section["CanReload"] == "yes",
		InvocationID: section["InvocationID"], ownDirectory: section["WorkingDirectory"] != "",
		ReloadFailed: section["ReloadResult"] != "" && section["ReloadResult"] != "success",
	}
	if u.Load == "" || u.Active == "" {
		return u, fmt.Errorf("systemctl said neither whether it is loaded nor whether it is active")
	}
	for key, to := range map[string]*int{"MainPID": &u.MainPID, "NRestarts": &u.Restarts, "ExecMainStatus": &u.ExitStatus} {
		if section[key] == "" {
			continue
		}
		n, err := strconv.Atoi(section[key])
		if err != nil {
			return u, fmt.Errorf("systemctl answered %s=%q", key, section[key])
		}
		*to = n
	}
	for key, to := range map[string]*time.Time{"InactiveExitTimestamp": &u.Started, "StateChangeTimestamp": &u.StateChanged} {
		if section[key] == "" || section[key] == "n/a" {
			continue
		}
		t, err := time.Parse("Mon 2006-01-02 15:04:05.999999 MST", section[key])
		if err != nil {
			return u, fmt.Errorf("systemctl answered %s=%q", key, section[key])
		}
		*to = t.UTC()
	}
	return u, nil
}

// loadError takes the D-Bus error's name off: `org.freedesktop.systemd1.BadUnitSetting "Unit ..."`.
func loadError(s string) string {
	if _, message, ok := strings.Cut(s, " "); ok {
		return strings.Trim(message, `"`)
	}
	return s
}

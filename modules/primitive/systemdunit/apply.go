package systemdunit

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

const fileMode fs.FileMode = 0o644

// stampMode is that of stamps: a fingerprint says something of a file that only root may read.
const stampMode fs.FileMode = 0o600

// fileRights are those of unit files: systemd warns of unit files that others may write, or that are executable.
var fileRights = rights.Rights{Mode: fileMode, Owner: "root", Group: "root"}

// Apply implements [modules.Step]. After a kill anywhere the next run finds what is left to do: a file that was
// written but not loaded shows as NeedDaemonReload, and one that was loaded shows as changed after the start. The stamp is
// written last, once the unit has started.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w, _ := c.Work.(Work)
	if s.Absent {
		return s.remove(ctx, h, w)
	}
	if w.mask != nil && !*w.mask {
		if err := s.systemctl(ctx, h, "systemctl unmask -q -- \"$1\"\nsystemctl unmask -q --runtime -- \"$1\""); err != nil {
			return err
		}
	}
	written, err := s.write(ctx, h, w)
	if err != nil {
		return err
	}
	if err := s.manage(ctx, h, w, written); err != nil {
		return err
	}
	switch {
	case w.run != nil && w.run.to == stoppedState:
		modules.Progress(ctx, "stopping %s, which is %s", s.Name, w.run.from)
		return s.systemctl(ctx, h, "timeout "+jobLimit+" systemctl stop -- \"$1\"")
	case w.Restart != "":
		return s.run(ctx, h, restart)
	case w.Starts():
		return s.run(ctx, h, "start")
	case w.Reload != "":
		return s.run(ctx, h, reload)
	}
	return nil
}

// write writes the files that differ, once systemd accepts them all.
func (s *Step) write(ctx context.Context, h modules.Host, w Work) (written bool, err error) {
	var changed []File
	for _, f := range w.files {
		switch f.do {
		case writeFile:
			changed = append(changed, f.File)
		case setRights:
			if err := modules.SetRights(ctx, h, f.Path, fileRights.OctalMode(), fileRights.Owner, fileRights.Group); err != nil {
				return false, err
			}
		}
	}
	if len(changed) == 0 {
		return false, nil
	}
	if err := s.verify(ctx, h); err != nil {
		return false, err
	}
	if w.reinstalls() {
		if err := s.systemctl(ctx, h, "systemctl disable -q -- \"$1\""); err != nil {
			return false, err
		}
	}
	for _, f := range changed {
		if f.Field != "content" {
			if _, err := h.Run(ctx, modules.Command{Argv: []string{"mkdir", "-p", "-m", "0755", "--", path.Dir(f.Path)}}); err != nil {
				return false, err
			}
		}
		if err := modules.WriteFile(ctx, h, modules.File{Path: f.Path, Content: []byte(f.Text), Mode: fileMode}); err != nil {
			return false, err
		}
	}
	return true, nil
}

//go:embed verify.sh
var verifyScript string

// verify has systemd check the unit with all of its new texts, before any of them is put in place.
func (s *Step) verify(ctx context.Context, h modules.Host) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range s.Files {
		header := &tar.Header{Name: strings.TrimPrefix(f.Path, unitDir), Mode: int64(fileMode), Size: int64(len(f.Text))}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write([]byte(f.Text)); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	result, err := h.Run(ctx, modules.Command{
		Script: shell.Script(verifyScript, shell.Vars{"unit": s.Name}), Stdin: archive.Bytes(),
	})
	if result.Status == 3 {
		return modules.WithHint(fmt.Errorf("systemd refuses the new %s: %s", s.Name, strings.TrimSpace(string(result.Stderr))),
			"Its files are as they were. Correct the content, then run the same command again.")
	}
	return err
}

// manage makes systemd load the files again, and enables, disables or masks the unit.
func (s *Step) manage(ctx context.Context, h modules.Host, w Work, written bool) error {
	var script strings.Builder
	if w.DaemonReload != "" || written || w.mask != nil {
		script.WriteString("systemctl daemon-reload\n")
	}
	switch {
	case w.enable != nil && w.enable.to == observe.Disabled:
		script.WriteString("systemctl disable -q -- \"$1\"\nsystemctl disable -q --runtime -- \"$1\"\n")
	case w.enable != nil || w.reinstalls():
		script.WriteString("systemctl enable -q -- \"$1\"\n")
	}
	if w.mask != nil && *w.mask {
		script.WriteString("systemctl mask -q -- \"$1\"\n")
	}
	if script.Len() == 0 {
		return nil
	}
	return s.systemctl(ctx, h, script.String())
}

// jobLimit bounds how long systemctl waits for a start, stop or reload, in seconds. systemd's own limit (TimeoutStartSec,
// TimeoutStopSec, mostly 90 s) comes first; but a oneshot has none.
const jobLimit = "900"

// systemctl runs a script, where $1 is the unit.
func (s *Step) systemctl(ctx context.Context, h modules.Host, script string) error {
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", script, "systemctl", s.Name}})
	return s.explain(err, result)
}

// explain adds hints to systemctl's errors.
func (s *Step) explain(err error, result modules.Result) error {
	said := string(result.Stderr)
	switch {
	case err == nil:
		return nil
	case strings.Contains(said, s.Name+" does not exist") || strings.Contains(said, "Unit "+s.Name+" not found"):
		return modules.WithHint(fmt.Errorf("there is no unit %s on the host: %w", s.Name, err),
			"Install its package in an earlier step, or give its `content` here.")
	case strings.Contains(said, "already exists"):
		return modules.WithHint(fmt.Errorf("mask %s: %w", s.Name, err), maskHint, unitDir+s.Name)
	case result.Status == 124:
		return fmt.Errorf("%s: systemd did not finish within %s s and goes on; see `systemctl status %s`", s.Name, jobLimit, s.Name)
	default:
		return err
	}
}

//go:embed run.sh
var runScript string

// run starts, restarts or reloads the unit, and writes the stamp. The files are observed before: if one changes meanwhile,
// the stamp has the older content, and the next run restarts the unit once more.
func (s *Step) run(ctx context.Context, h modules.Host, verb string) error {
	before, err := s.look(ctx, h, true)
	if err != nil {
		return err
	}
	if verb == "start" && (strings.HasPrefix(before.Sub, "auto-restart") || looping(before)) {
		verb = restart // a start would wait for RestartSec= to pass, or do nothing
	}
	modules.Progress(ctx, "%s of %s", verb, s.Name)
	result, err := h.Run(ctx, modules.Command{
		Script: shell.Script(runScript, shell.Vars{"unit": s.Name, "verb": verb, "limit": jobLimit}),
	})
	var exited *modules.CommandError
	if err != nil && !errors.As(err, &exited) {
		return err
	}
	after, lookErr := s.look(ctx, h, false)
	if lookErr != nil {
		return errors.Join(s.explain(err, result), lookErr)
	}
	since, ended, _ := strings.Cut(strings.TrimSpace(string(result.Stdout)), "\n")
	done := after.RemainAfterExit && after.Sub == "exited" && after.Result == "success"
	if err != nil || !after.Running() || ended != "" && !done {
		return s.failed(ctx, h, attempt{verb, since, result}, after, s.explain(err, result))
	}
	if is(s.Running) && after.Type == "oneshot" && !after.RemainAfterExit {
		return neverRuns(s.Name)
	}
	stamp := s.stamp(before, after, verb)
	if len(stamp.Files) == 0 {
		return nil
	}
	target := observe.StampPath(s.Name)
	if _, err := h.Run(ctx, modules.Command{Argv: []string{"mkdir", "-p", "-m", "0755", "--", path.Dir(target)}}); err != nil {
		return err
	}
	return modules.WriteFile(ctx, h, modules.File{Path: target, Content: []byte(stamp.Text(s.Name)), Mode: stampMode})
}

// stamp returns the stamp of the running instance. Files that other steps watch for the same unit stay in it: a new
// instance has read all of them, and a reloaded one runs what is on disk if that has not changed since it started. For all
// other files the times decide.
func (s *Step) stamp(before, after observe.UnitInfo, verb string) observe.Stamp {
	stamp := observe.Stamp{
		InvocationID: after.InvocationID, StateChanged: after.StateChanged, Files: make(map[string]observe.StampedFile),
	}
	for path, f := range before.Files {
		own := slices.Contains(before.OwnFiles(), path)
		reloaded := verb == reload && slices.Contains(s.ReloadOn, path)
		watched := own || slices.Contains(s.RestartOn, path) || slices.Contains(s.ReloadOn, path)
		if !watched && (before.Stamp.Files[path].Own || f.Fingerprint == "absent") {
			continue
		}
		if f.Err != nil || f.Fingerprint == "" || verb == reload && !reloaded && staleSinceStart(before, path) != "" {
			continue
		}
		stamp.Files[path] = observe.StampedFile{Own: own, CTime: f.CTime, Fingerprint: f.Fingerprint}
	}
	return stamp
}

// look asks systemd about the unit as it is now.
func (s *Step) look(ctx context.Context, h modules.Host, fingerprints bool) (observe.UnitInfo, error) {
	q := s.question()
	q.Fingerprints = fingerprints
	script := observe.Unit.Script([]observe.UnitQuestion{q})
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", script}})
	var exited *modules.CommandError // grep and find fail if a file is missing; the parser handles that
	if err != nil && !errors.As(err, &exited) {
		return observe.UnitInfo{}, err
	}
	reply := observe.Reply{Stdout: result.Stdout, Stderr: result.Stderr, Status: result.Status}
	answer, ok := observe.Unit.Parse([]observe.UnitQuestion{q}, reply)[q]
	if !ok {
		return observe.UnitInfo{}, fmt.Errorf("ask systemd about %s: %s", s.Name, modules.LastLine(result.Stderr))
	}
	return answer.Value, answer.Err
}

// journalLines is how many lines of the journal an error shows.
const journalLines = 20

// noise matches empty lines and the stack traces of Node.js and Java, which follow the error and push it out of sight.
var noise = regexp.MustCompile(`^\s*$|^\s+at \S`)

// attempt is a start, restart or reload.
type attempt struct {
	verb   string
	since  string // when it began, in seconds since 1970
	result modules.Result
}

// failed is the error for a unit that did not start or reload. cause is nil if systemctl reported no error.
func (s *Step) failed(ctx context.Context, h modules.Host, a attempt, is observe.UnitInfo, cause error) error {
	var hint *modules.HintError
	if is.Load == observe.NotFound && errors.As(cause, &hint) {
		return cause
	}
	if is.Type == "oneshot" && is.Active == observe.Inactive && is.Result == "success" && cause == nil {
		return neverRuns(s.Name)
	}
	how := is.State()
	if is.Result != "" && is.Result != "success" {
		how += ": " + is.Result
		if is.ExitStatus != 0 {
			how += fmt.Sprintf(", status %d", is.ExitStatus)
		}
	}
	if is.Restarts > 0 {
		how += fmt.Sprintf("; systemd restarted it %s since", modules.Counted(is.Restarts, "time"))
	}
	text := fmt.Sprintf("%s of %s failed; it is now %s", a.verb, s.Name, how)
	if said, _, _ := strings.Cut(strings.TrimSpace(string(a.result.Stderr)), "\n"); said != "" {
		text += " (" + said + ")"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	journal, err := h.Run(ctx, modules.Command{
		Argv: []string{"journalctl", "--since", "@" + a.since, "-u", s.Name, "-n", "100", "-o", "cat", "--no-pager", "-q"},
	})
	if said := modules.LastLines(string(journal.Stdout), journalLines, noise); err == nil && said != "" {
		text += "\n  " + strings.ReplaceAll(said, "\n", "\n  ")
	}
	return modules.WithHint(errors.New(text),
		"Its files are in place. Correct what it complains of, then run the same command again.")
}

// Explain implements [modules.Explainer], for a program that ended after the half second in which its start is watched.
func (s *Step) Explain(ctx context.Context, h modules.Host, left modules.Change) error {
	if w, _ := left.Work.(Work); !w.Starts() {
		return nil
	}
	is, err := s.look(ctx, h, false)
	if err != nil || is.Running() || is.Started.IsZero() {
		return nil //nolint:nilerr // the engine reports the difference anyway
	}
	return s.failed(ctx, h, attempt{verb: "start", since: strconv.FormatInt(is.Started.Unix(), 10)}, is, nil)
}

//go:embed remove.sh
var removeScript string

func (s *Step) remove(ctx context.Context, h modules.Host, w Work) error {
	files := []string{observe.StampPath(s.Name)}
	for _, f := range w.files {
		files = append(files, f.Path)
	}
	modules.Progress(ctx, "stopping and removing %s", s.Name)
	result, err := h.Run(ctx, modules.Command{
		Script: shell.Script(removeScript, shell.Vars{"unit": s.Name, "files": shell.QuoteAll(files), "limit": jobLimit}),
	})
	return s.explain(err, result)
}

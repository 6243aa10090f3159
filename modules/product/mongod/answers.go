package mongod

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/shell"
)

// Service is the step for the unit. With Wait it ends when mongod answers, otherwise when systemd has started it.
type Service struct {
	*systemdunit.Step
	Answers *Answers
	Wait    bool
}

var (
	_ modules.Foreseer  = (*Service)(nil)
	_ modules.Explainer = (*Service)(nil)
)

// Foresee implements [modules.Foreseer]: with Wait, mongod answers when it is started.
func (s *Service) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	s.Step.Foresee(snapshot, c)
	now, err := greeting.Get(snapshot, s.Answers.Server)
	if !s.Wait || err != nil {
		return
	}
	if now.Role == mongodb.Silent {
		now = mongodb.Greeting{Role: mongodb.Standalone}
	}
	greeting.Foresee(snapshot, s.Answers.Server, now)
}

// Apply implements [modules.Step].
func (s *Service) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	err := s.Step.Apply(ctx, h, c)
	switch {
	case err == nil && s.Wait:
		return s.Answers.Apply(ctx, h, c)
	case err == nil:
		return nil
	}
	if ended, stateErr := hasEnded(ctx, h); stateErr != nil || !ended {
		return err
	}
	return s.Answers.explain(ctx, h, errEnded)
}

// Explain implements [modules.Explainer].
func (s *Service) Explain(ctx context.Context, h modules.Host, left modules.Change) error {
	err := s.Step.Explain(ctx, h, left)
	if err == nil {
		return nil
	}
	return s.Answers.explain(ctx, h, errEnded)
}

var errEnded = errors.New("mongod ended soon after its start")

// hasEnded reports whether the unit is not active; false if systemd doesn't know the unit, because mongod runs in another way.
func hasEnded(ctx context.Context, h modules.Host) (bool, error) {
	state, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "show", "-p", "LoadState,ActiveState", unit}})
	lines := strings.Fields(string(state.Stdout))
	ended := slices.Contains(lines, "ActiveState=failed") || slices.Contains(lines, "ActiveState=inactive")
	return ended && !slices.Contains(lines, "LoadState=not-found"), err
}

// patience is how long a server may take to answer after its start; it replays its journal first.
const patience = 5 * time.Minute

// Answers waits until the server answers. An active unit proves little: mongod ends some seconds later if there is something
// wrong with its configuration or its data.
type Answers struct {
	Server mongodb.Server
}

var _ modules.Step = (*Answers)(nil)

// Observe implements [modules.Step].
func (s *Answers) Observe(q *observe.Query) { greeting.Ask(q, s.Server) }

// Diff implements [modules.Step].
func (s *Answers) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	now, err := greeting.Get(snapshot, s.Server)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask mongod: %w", err)
	}
	if now.Role != mongodb.Silent {
		return modules.Change{}, nil
	}
	return modules.NewChange(waiting{now, s.Server.Address}), nil
}

// waiting is a server that does not answer yet.
type waiting struct {
	now     mongodb.Greeting
	address string
}

// Edits implements [modules.Work].
func (w waiting) Edits() []modules.Edit {
	return []modules.Edit{{Action: modules.Run, Subject: "mongod", Field: "wait", From: w.now.String(), To: "answers on " + w.address}}
}

// Apply implements [modules.Step].
func (s *Answers) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	err := wait.Until(ctx, wait.Pace{Every: time.Second / 5, Limit: patience, For: "waiting for mongod"}, func() (missing string, err error) {
		now, err := mongodb.Greet(ctx, h.Dial, s.Server)
		if err != nil || now.Role != mongodb.Silent {
			return "", err
		}
		if ended, err := hasEnded(ctx, h); err != nil {
			return "", err
		} else if ended {
			return "", errEnded
		}
		return now.String(), nil
	})
	late := (*wait.TimeoutError)(nil)
	switch {
	case errors.As(err, &late):
		err = fmt.Errorf("mongod did not answer within %s", modules.Span(patience))
	case err == nil || ctx.Err() == nil && !errors.Is(err, errEnded):
		return err
	}
	return s.explain(context.WithoutCancel(ctx), h, err)
}

//go:embed explain.sh
var explainScript string

// explain adds the last error in the server's log, or else in its journal, and what the host says of its files.
func (s *Answers) explain(ctx context.Context, h modules.Host, err error) error {
	backup := modules.BackupPath(confFile)
	log, logErr := h.Run(ctx, modules.Command{Script: shell.Script(explainScript, shell.Vars{
		"conf": confFile, "log": logFile, "unit": unit, "backup": backup,
	})})
	if logErr != nil {
		return errors.Join(err, logErr)
	}
	var owners, full []string
	owner, replaced := "", false
	var lines []byte
	for line := range bytes.Lines(log.Stdout) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		switch word {
		case "rcprov-owner":
			name, path, _ := strings.Cut(rest, " ")
			owner, owners = cmp.Or(owner, name), append(owners, path)
		case "rcprov-full":
			full = append(full, rest)
		case "rcprov-replaced":
			replaced = true
		default:
			lines = append(lines, line...)
		}
	}
	why := lastError(lines)
	if why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	switch {
	case len(full) > 0:
		return modules.WithHint(fmt.Errorf("%w; there is no room left in %s", err, strings.Join(full, " and ")),
			"See `df -h` and `df -i` on the host, make room, then run the same command again.")
	case len(owners) > 0 && denied.MatchString(why):
		return modules.WithHint(fmt.Errorf("%w; %s belongs to %s", err, strings.Join(owners, ", "), owner),
			"The user of mongod must own its files: `chown -R mongodb: %s` on the host, then run the same command again.", path.Dir(owners[0]))
	case strings.Contains(why, "Failed to open ") && strings.Contains(why, logFile):
		return modules.WithHint(err, "If the directory of its log is missing, make it again on the host: `install -d -o mongodb -g mongodb %s`; if it is there, "+
			"the user mongodb must own it and the file in it. Then run the same command again.", path.Dir(logFile))
	}
	more := ""
	if replaced {
		more = "; the previous configuration is " + backup
	}
	return modules.WithHint(err, "`journalctl -u mongod` and `tail %s` on the host say more%s.", logFile, more)
}

// denied matches mongod's words for a file that it may not open.
var denied = regexp.MustCompile(`(?i)permission denied|not permitted|failed to open|errno.?:? ?13\b`)

// lastError returns the last error in a log of mongod, which has a JSON object per line; or else the last line that is no
// such object.
func lastError(log []byte) string {
	problem, other := "", ""
	for line := range bytes.Lines(log) {
		var entry struct {
			Severity  string `json:"s"`
			Component string `json:"c"`
			Message   string `json:"msg"`
			Attr      struct {
				Error  json.RawMessage `json:"error"`
				Reason string          `json:"reason"`
			} `json:"attr"`
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if json.Unmarshal(line, &entry) != nil {
			other = string(line)
			if strings.HasPrefix(other, "Error") { // mongod has no log yet
				problem = other
			}
			continue
		}
		text := cmp.Or(entry.Attr.Reason, errorText(entry.Attr.Error))
		if strings.Contains(entry.Message, "SERVER RESTARTED") {
			problem = "" // earlier errors have nothing to do with this start
		}
		if entry.Component == "ASSERT" && problem != "" {
			continue // it only says that mongod gives up, and where in its source
		}
		if problem != "" && strings.Contains(text, "Unable to acquire security key") {
			continue // an entry above says which file, and why
		}
		if entry.Severity == "E" || entry.Severity == "F" || text != "" && entry.Severity == "I" && strings.Contains(entry.Message, "failed") {
			problem = strings.Trim(entry.Message, ".\n ")
			if text != "" {
				problem += ": " + text
			}
		}
	}
	if problem != "" {
		return problem
	}
	return other
}

// errorText returns the text of an error in a log: a string, or an object with errmsg.
func errorText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Message string `json:"errmsg"`
	}
	_ = json.Unmarshal(raw, &object) // neither: no text
	return object.Message
}

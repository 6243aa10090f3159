package mongod

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// Service is the unit, started only when mongod answers; or, without Wait, when systemd has started it.
type Service struct {
	*systemdunit.Step
	Answers *Answers
	Wait    bool
}

var (
	_ modules.Foreseer  = (*Service)(nil)
	_ modules.Explainer = (*Service)(nil)
)

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

// hasEnded tells whether the unit is not active. One that systemd doesn't know, because mongod runs in another way, never
// ends.
func hasEnded(ctx context.Context, h modules.Host) (bool, error) {
	state, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "show", "-p", "LoadState,ActiveState", unit}})
	lines := strings.Fields(string(state.Stdout))
	ended := slices.Contains(lines, "ActiveState=failed") || slices.Contains(lines, "ActiveState=inactive")
	return ended && !slices.Contains(lines, "LoadState=not-found"), err
}

// patience is how long a server may take to answer after its start: it replays its journal first.
const patience = 5 * time.Minute

// Answers waits for the server to answer. That its unit is active says little: mongod ends some seconds later when it
// doesn't like its configuration or its data.
type Answers struct {
	Server mongodb.Server

	// Started tells that a [Service] before this step waits as well: whenever it starts the server, there is nothing left
	// to wait for.
	Started bool
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
	if _, _, foreseen := snapshot.FutureUnit(unit); foreseen && s.Started {
		return modules.Change{}, nil
	}
	e := modules.Edit{Action: modules.Run, Subject: "mongod", Field: "wait", From: now.String(), To: "answers on " + s.Server.Address}
	return modules.Wait(snapshot, e, now.Role != mongodb.Silent, unit), nil
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
		err = fmt.Errorf("mongod did not answer within %s", patience)
	case err == nil || ctx.Err() == nil && !errors.Is(err, errEnded):
		return err
	}
	return s.explain(context.WithoutCancel(ctx), h, err)
}

// explain adds what the server's log, or else its journal, says last.
func (s *Answers) explain(ctx context.Context, h modules.Host, err error) error {
	const script = `
if [ -r "$1" ]; then tail -n 200 -- "$1"; fi
journalctl -q -b -n 20 -o cat -u "$2" || true
`
	log, logErr := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", script, "mongod", logFile, unit}})
	if logErr != nil {
		return errors.Join(err, logErr)
	}
	if why := lastComplaint(log.Stdout); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
		if strings.Contains(why, "Failed to open ") && strings.Contains(why, logFile) {
			return modules.WithHint(err, "`install -d -o mongodb -g mongodb %s` on the host makes the directory of its log anew; when it is there, the file in it "+
				"must be mongodb's as well. Then run the same command again.", path.Dir(logFile))
		}
	}
	return modules.WithHint(err, "`journalctl -u mongod` and `tail %s` on the host say more; the file that was replaced is under /var/lib/rcprov/backup.", logFile)
}

// lastComplaint returns the last error in a log of mongod, which has a JSON object in each line, and else the last line
// that is no such object.
func lastComplaint(log []byte) string {
	complaint, other := "", ""
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
				complaint = other
			}
			continue
		}
		text := cmp.Or(entry.Attr.Reason, errorText(entry.Attr.Error))
		if strings.Contains(entry.Message, "SERVER RESTARTED") {
			complaint = "" // what was before has nothing to do with this start
		}
		if entry.Component == "ASSERT" && complaint != "" {
			continue // that it gives up now, and in which of its lines
		}
		if entry.Severity == "E" || entry.Severity == "F" || text != "" && entry.Severity == "I" && strings.Contains(entry.Message, "failed") {
			complaint = strings.Trim(entry.Message, ".\n ")
			if text != "" {
				complaint += ": " + text
			}
		}
	}
	if complaint != "" {
		return complaint
	}
	return other
}

// errorText is what an error in a log says: a text, or an object with errmsg.
func errorText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Message string `json:"errmsg"`
	}
	_ = json.Unmarshal(raw, &object) // neither: nothing is said
	return object.Message
}

package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// Outcome is how a run ended on a host.
type Outcome string

// The outcomes, the worst first.
const (
	Failed     Outcome = "failed"
	Unfinished Outcome = "unfinished" // steps were not tried: the run was stopped or killed, or the host's turn didn't come
	Changed    Outcome = "changed"    // of a plan: would change
	Unchanged  Outcome = "unchanged"
)

// HostResult is what a run did on one host.
type HostResult struct {
	Host    string
	Outcome Outcome
	Mode    engine.Mode
	Problem string   // what failed, without the host's name
	Hint    string   // what to do about it
	Steps   []string // that were changed, or would change: PLAY/STEP

	run string
}

// Results are those of one or more runs, read from their JSON lines. Of a host that is in several of them, the latest counts.
type Results struct {
	Runs     int
	Plans    []string // as the command lines named them
	Modes    []engine.Mode
	Hosts    []HostResult // in the order in which their names came up first
	Problems []string     // that are of no host: mistakes in a plan

	index   map[string]int  // of Hosts
	started map[string]bool // by the names of runs
}

// Open returns the names of hosts that failed or are not done.
func (r *Results) Open() []string { return r.Names(Failed, Unfinished) }

// Names returns the names of hosts with one of these outcomes.
func (r *Results) Names(outcomes ...Outcome) []string {
	var names []string
	for _, h := range r.Hosts {
		if slices.Contains(outcomes, h.Outcome) {
			names = append(names, h.Host)
		}
	}
	return names
}

// Read adds the JSON lines of runs, which may follow each other, or alternate. Where a run was killed, its last line may be half of one,
// with the first of the next run behind it. An error begins with the number of the line.
func (r *Results) Read(from io.Reader) error {
	if r.index == nil {
		r.index, r.started = make(map[string]int), make(map[string]bool)
	}
	reader := bufio.NewReader(from)
	var odd error // the last line so far is none
	for number := 1; ; number++ {
		text, err := reader.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(text) != "" {
			if odd != nil {
				return odd
			}
			line, ok := parseLine(text)
			switch {
			case !ok:
				odd = fmt.Errorf("line %d is none of those that rcprov prints with --json", number)
			case line.Version != jsonVersion:
				return fmt.Errorf("line %d is of version %d of these lines, and this rcprov reads version %d", number, line.Version, jsonVersion)
			default:
				r.add(line)
			}
		}
		if err != nil {
			if number == 1 || r.Runs == 0 {
				return odd
			}
			return nil
		}
	}
}

// parseLine reads a line, or the one behind half a line.
func parseLine(text string) (line jsonLine, ok bool) {
	if json.Unmarshal([]byte(text), &line) == nil {
		return line, line.Type != ""
	}
	line = jsonLine{}
	start := max(0, strings.LastIndex(text, `{"version":`))
	err := json.Unmarshal([]byte(text[start:]), &line)
	return line, err == nil && line.Type != ""
}

func (r *Results) add(line jsonLine) {
	switch line.Type {
	case string(engine.RunStarted):
		if r.started[line.Run] {
			return
		}
		r.started[line.Run] = true
		r.Runs++
		if !slices.Contains(r.Plans, line.Plan) {
			r.Plans = append(r.Plans, line.Plan)
		}
		if !slices.Contains(r.Modes, line.Mode) {
			r.Modes = append(r.Modes, line.Mode)
		}
		for _, name := range line.Hosts {
			fresh := HostResult{Host: name, Outcome: Unfinished, Mode: line.Mode, run: line.Run}
			if i, ok := r.index[name]; ok {
				r.Hosts[i] = fresh
				continue
			}
			r.index[name] = len(r.Hosts)
			r.Hosts = append(r.Hosts, fresh)
		}
	case string(engine.HostFailed):
		if h := r.host(line.Run, line.Host); h != nil && line.Error != nil {
			h.Outcome, h.Problem, h.Hint = Failed, line.Error.Summary, line.Error.Hint
			if line.Error.Play != "" {
				h.Problem = line.Error.Play + "/" + h.Problem
			}
		}
	case string(engine.StepChanged), string(engine.StepPlanned), string(engine.StepUnknown):
		if h := r.host(line.Run, line.Host); h != nil {
			h.Steps = append(h.Steps, line.Play+"/"+line.Step)
		}
	case string(engine.RunFinished):
		for _, counted := range line.PerHost {
			h := r.host(line.Run, counted.Host)
			if h == nil || h.Outcome == Failed {
				continue
			}
			switch c := counted.Counts; {
			case c.Failed > 0:
				h.Outcome = Failed
			case c.Left > 0:
				h.Outcome = Unfinished
			case c.Changed+c.Planned+c.Unknown > 0:
				h.Outcome = Changed
			default:
				h.Outcome = Unchanged
			}
		}
	case "diagnostic", "error":
		if line.Error != nil && line.Severity != "warning" {
			text := line.Error.Summary
			if line.Error.File != "" {
				text = fmt.Sprintf("%s:%d: %s", line.Error.File, line.Error.Line, text)
			}
			r.Problems = append(r.Problems, text)
		}
	}
}

// host returns the host of a run; nil if another run of it came later.
func (r *Results) host(run, name string) *HostResult {
	i, ok := r.index[name]
	if !ok || r.Hosts[i].run != run {
		return nil
	}
	return &r.Hosts[i]
}

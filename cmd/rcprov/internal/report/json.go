package report

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

const jsonVersion = 1

// jsonLine is one line of JSON; the package comment explains its fields.
type jsonLine struct {
	Version int       `json:"version"`
	Type    string    `json:"type"`
	Time    time.Time `json:"time"`
	Run     string    `json:"run,omitempty"`

	Mode     engine.Mode `json:"mode,omitempty"`
	Plan     string      `json:"plan,omitempty"`
	Play     string      `json:"play,omitempty"`
	Host     string      `json:"host,omitempty"`
	Hosts    []string    `json:"hosts,omitempty"`
	Step     string      `json:"step,omitempty"`
	Index    int         `json:"index,omitempty"`
	Total    int         `json:"total,omitempty"`
	Text     string      `json:"text,omitempty"`
	Seconds  *float64    `json:"seconds,omitempty"`
	Change   *jsonChange `json:"change,omitempty"`
	Counts   *jsonCounts `json:"counts,omitempty"`
	Stopped  bool        `json:"stopped,omitempty"`
	PerHost  []jsonHost  `json:"per_host,omitempty"`
	Outputs  any         `json:"outputs,omitempty"`
	Severity string      `json:"severity,omitempty"`
	Check    string      `json:"check,omitempty"`
	Error    *problem    `json:"error,omitempty"`
}

type jsonChange struct {
	Edits []modules.Edit `json:"edits"`
	Notes []string       `json:"notes,omitempty"`
}

type jsonCounts struct {
	OK      int `json:"ok"`
	Planned int `json:"planned"`
	Changed int `json:"changed"`
	Skipped int `json:"skipped"`
	Unknown int `json:"unknown"`
	Failed  int `json:"failed"`
	Left    int `json:"left"`
	Asks    int `json:"asks,omitempty"`
}

type jsonHost struct {
	Host   string     `json:"host"`
	Counts jsonCounts `json:"counts"`
}

// jsonLines writes a run as JSON.
type jsonLines struct {
	o      Options
	asking sync.Mutex // one question at a time

	mu  sync.Mutex
	run string
	err error // the first of writing
}

func (j *jsonLines) Report(e engine.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Run != "" {
		j.run = e.Run
	}
	secrets := j.o.Secrets
	line := jsonLine{
		Type: string(e.Type), Time: e.Time, Run: j.run, Mode: e.Mode, Plan: e.Plan, Play: e.Play, Host: e.Host, Hosts: e.Hosts,
		Step: secrets.String(e.Step), Index: e.Index, Total: e.Total, Text: secrets.String(e.Text),
	}
	if e.Change != nil {
		change := hide(*e.Change, secrets)
		line.Change = &jsonChange{Edits: change.Edits, Notes: change.Notes}
		if change.Edits == nil {
			line.Change.Edits = []modules.Edit{}
		}
	}
	if f := e.Finding; f != nil {
		p := explainFinding(f, secrets)
		line.Error, line.Check, line.Severity = &p, string(f.Check), severity(f)
	}
	if e.Failure != nil {
		p := explainFailure(e.Failure, secrets)
		line.Error = &p
	}
	switch e.Type {
	case engine.StepChanged, engine.ConnectionBack:
		line.Seconds = seconds(e.Duration)
	case engine.HostFinished:
		line.Seconds, line.Counts = seconds(e.Duration), counts(e.Counts)
	case engine.RunFinished:
		line.Stopped = e.Stopped
		line.Seconds, line.Counts = seconds(e.Duration), counts(e.Counts)
		for _, h := range e.PerHost {
			line.PerHost = append(line.PerHost, jsonHost{Host: h.Host, Counts: *counts(h.Counts)})
		}
		if len(e.Outputs) > 0 {
			line.Outputs = hideOutputs(e.Outputs, secrets)
		}
	}
	if err := writeJSON(j.o.Out, line); err != nil && j.err == nil {
		j.err = err
	}
}

// Suspend only makes questions wait for each other: lines for machines don't disturb them.
func (j *jsonLines) Suspend(ask func()) {
	j.asking.Lock()
	defer j.asking.Unlock()
	ask()
}

func (j *jsonLines) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// jsonDiagnostics writes mistakes of a plan, one line each.
func jsonDiagnostics(diags hcl.Diagnostics, o Options) error {
	for _, d := range diags {
		p := problem{Summary: o.Secrets.String(d.Summary), Hint: o.Secrets.String(d.Detail)}
		if d.Subject != nil {
			p.File, p.Line, p.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
		}
		severity := "error"
		if d.Severity == hcl.DiagWarning {
			severity = "warning"
		}
		line := jsonLine{Type: "diagnostic", Time: o.Now(), Severity: severity, Error: &p}
		if err := writeJSON(o.Out, line); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, line jsonLine) error {
	line.Version = jsonVersion
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		return err
	}
	_, err := w.Write(visible.JSON(encoded.Bytes()))
	return err
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

func counts(c engine.Counts) *jsonCounts {
	return &jsonCounts{OK: c.OK, Planned: c.Planned, Changed: c.Changed, Skipped: c.Skipped, Unknown: c.Unknown, Failed: c.Failed, Left: c.Left, Asks: c.Asks}
}

// hideOutputs hides secrets in outputs, which become values as encoding/json decodes them.
func hideOutputs(outputs map[string]any, secrets *redact.Redactor) map[string]any {
	hidden := make(map[string]any, len(outputs))
	for name, output := range outputs {
		var decoded any
		encoded, err := json.Marshal(output)
		if err == nil {
			err = json.Unmarshal(encoded, &decoded)
		}
		if err != nil {
			decoded = err.Error()
		}
		hidden[name] = hideValue(decoded, secrets)
	}
	return hidden
}

func hideValue(v any, secrets *redact.Redactor) any {
	switch v := v.(type) {
	case string:
		return secrets.String(v)
	case []any:
		for i, element := range v {
			v[i] = hideValue(element, secrets)
		}
	case map[string]any:
		hidden := make(map[string]any, len(v))
		for key, element := range v {
			hidden[secrets.String(key)] = hideValue(element, secrets)
		}
		return hidden
	}
	return v
}

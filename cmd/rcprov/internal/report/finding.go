package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// severity returns the level of a finding in the words of diagnostics.
func severity(f *engine.PreflightFinding) string {
	if f.Level == modules.LevelWarn {
		return "warning"
	}
	return "error"
}

// explainFinding describes a requirement that a host doesn't meet.
func explainFinding(f *engine.PreflightFinding, secrets *redact.Redactor) problem {
	p := explain(f.Err, secrets)
	p.Play, p.Step = f.Play, secrets.String(f.Step)
	p.place(&f.Range)
	p.includedAt(f.Included)
	return p
}

// explainFailures describes the failures of all hosts, with one problem for each requirement that is not met.
func explainFailures(all []*engine.Failure, secrets *redact.Redactor) []problem {
	var problems []problem
	for _, failure := range all {
		p := explainFailure(failure, secrets)
		var unmet *engine.PreflightError
		if !errors.As(failure.Err, &unmet) {
			problems = append(problems, p)
			continue
		}
		for _, f := range unmet.Findings {
			one := explainFinding(f, secrets)
			one.Summary = one.Step + ": " + one.Summary
			one.Host, one.Address, one.Left, one.early = p.Host, p.Address, p.Left, p.early
			one.Hint = strings.TrimSpace(fmt.Sprintf("%s To make this a warning, add `preflight = { %s = \"warn\" }` to the block.", one.Hint, f.Check))
			problems = append(problems, one)
		}
	}
	return problems
}

// unmet reports whether a host failed because it doesn't meet requirements.
func unmet(f *engine.Failure) bool {
	var found *engine.PreflightError
	return errors.As(f.Err, &found)
}

// finding renders a requirement that a host doesn't meet. In apply, the failure of the host shows errors; a plan continues
// and shows what would change, so it shows them here.
func (t *text) finding(e engine.Event) string {
	f := e.Finding
	if t.mode == engine.Apply && f.Level == modules.LevelError {
		return ""
	}
	p := explainFinding(f, t.secrets)
	color := red
	if f.Level == modules.LevelWarn {
		color = yellow
	}
	head := t.style.paint(color, "! "+p.Step) + ": " + severity(f)
	at := fmt.Sprintf("%s line %d", p.File, p.Line)
	for _, in := range p.Included {
		at += fmt.Sprintf(", included at %s line %d", in.File, in.Line)
	}
	body := fmt.Sprintf("    %s: %s (%s)\n", f.Check, p.Summary, at)
	if f.Level == modules.LevelWarn && p.Hint != "" {
		body += "    " + value(p.Hint) + "\n"
	}
	if t.mode == engine.Plan {
		t.keep(engine.Event{Host: e.Host, Index: e.Index - e.Total - 1}, head, body) // before the play's first step
		return ""
	}
	return t.belowHeader(head + " on " + e.Host + "\n" + body)
}

package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// outputLines is how much of a failed command's output is shown.
const outputLines = 10

// A problem describes one thing that went wrong, to people as a text and to machines as the object "error". Its strings
// contain no secrets.
type problem struct {
	Summary string   `json:"summary"`
	Hint    string   `json:"hint,omitempty"`
	Output  []string `json:"output,omitempty"` // further lines of the error, or the last ones of the failed command

	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`

	Host    string           `json:"host,omitempty"`
	Address string           `json:"address,omitempty"`
	Play    string           `json:"play,omitempty"`
	Step    string           `json:"step,omitempty"`
	Changed []string         `json:"changed,omitempty"`
	After   engine.Aftermath `json:"aftermath,omitempty"`
	Made    []string         `json:"made,omitempty"` // edits of the failed step: "user admin password"
	Left    int              `json:"left,omitempty"`

	early bool // before the first step

	Included []includedAt `json:"included,omitempty"` // the innermost first

	where   *hcl.Range
	through []hcl.Range // as Included
}

// includedAt is a place where something is included in a plan.
type includedAt struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// explain describes err, whichever layer it comes from.
func explain(err error, secrets *redact.Redactor) problem {
	// Colours go first: a secret may have one in its middle.
	summary, more, _ := strings.Cut(secrets.String(withoutColors(strings.TrimSpace(err.Error()))), "\n")
	p := problem{Summary: printable(strings.TrimSuffix(summary, ":")), Output: usefulLines(more)}
	var failed *modules.CommandError
	if len(p.Output) == 0 && errors.As(err, &failed) {
		output := failed.Result.Stderr
		if len(bytes.TrimSpace(output)) == 0 {
			output = failed.Result.Stdout
		}
		p.Output = usefulLines(secrets.String(withoutColors(string(output))))
		if len(p.Output) == 1 { // it is in the summary
			p.Output = nil
		}
	}
	p.Output = p.Output[max(0, len(p.Output)-outputLines):]

	// The hints of all layers, the innermost first: the module knows the cause, the engine how to continue.
	for _, hint := range hints(err) {
		p.Hint = strings.TrimSpace(p.Hint + " " + printable(secrets.String(hint)))
	}
	return p
}

// hints collects the hints in err's tree, the innermost first.
func hints(err error) []string {
	var found []string
	switch wrapped := err.(type) { //nolint:errorlint // the tree is walked here, layer by layer
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			found = hints(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			for _, hint := range hints(inner) {
				if !slices.Contains(found, hint) {
					found = append(found, hint)
				}
			}
		}
	}
	hint := ""
	switch e := err.(type) { //nolint:errorlint // see above
	case *modules.HintError:
		hint = e.Hint
	case *modules.ArgError:
		hint = e.Hint
	}
	if hint != "" && !slices.Contains(found, hint) {
		found = append(found, hint)
	}
	return found
}

// usefulLines returns the lines of a program's output that are not empty, made printable.
func usefulLines(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		// A progress bar draws its line again and again after carriage returns; keep what was shown last.
		line = strings.TrimRight(line, "\r\n\t ")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		if line != "" {
			lines = append(lines, printable(line))
		}
	}
	return lines
}

// explainFailure describes the failure of a host.
func explainFailure(f *engine.Failure, secrets *redact.Redactor) problem {
	p := explain(f.Err, secrets)
	var mistakes hcl.Diagnostics
	if errors.As(f.Err, &mistakes) { // of the plan, found only with the facts of the host
		p = explainMistakes(mistakes, secrets)
	}
	p.Host, p.Address, p.Play, p.Step = f.Host, f.Address, f.Play, secrets.String(f.Step)
	if p.Step != "" {
		p.Summary = p.Step + ": " + p.Summary
	}
	for _, step := range f.Changed {
		p.Changed = append(p.Changed, secrets.String(step))
	}
	p.After, p.Left, p.early = f.Aftermath, f.Left, f.Early
	for _, e := range f.Made {
		p.Made = append(p.Made, strings.TrimSpace(printable(secrets.String(e.Subject+" "+e.Field))))
	}
	p.place(f.Range)
	p.includedAt(f.Included)
	return p
}

// includedAt sets the includes that the problem's step comes from.
func (p *problem) includedAt(at []hcl.Range) {
	p.through = at
	for _, r := range at {
		p.Included = append(p.Included, includedAt{r.Filename, r.Start.Line})
	}
}

// place sets where in the plan the problem is; nil changes nothing.
func (p *problem) place(where *hcl.Range) {
	if where != nil {
		p.where = where
		p.File, p.Line, p.Column = where.Filename, where.Start.Line, where.Start.Column
	}
}

// explainMistakes describes the first of several mistakes with its place in the plan, and lists the others.
func explainMistakes(diags hcl.Diagnostics, secrets *redact.Redactor) problem {
	var p problem
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		if p.Summary == "" {
			p = problem{Summary: printable(secrets.String(d.Summary)), Hint: printable(secrets.String(d.Detail))}
			p.place(d.Subject)
			continue
		}
		where := ""
		if d.Subject != nil {
			where = fmt.Sprintf("%s line %d: ", d.Subject.Filename, d.Subject.Start.Line)
		}
		p.Output = append(p.Output, printable(secrets.String("also "+where+d.Summary)))
	}
	return p
}

// A grouped is a problem of one or more hosts.
type grouped struct {
	problem problem
	state   string   // what was left on each
	hosts   []string // with their addresses
	names   []string
}

// group joins problems that are identical, but for the host.
func group(problems []problem, mode engine.Mode) []*grouped {
	var groups []*grouped
	for _, p := range problems {
		state := ""
		if mode != engine.Plan {
			state = stateLeft(p)
		}
		host := p.Host
		if p.Address != "" && p.Address != p.Host {
			host += " (" + p.Address + ")"
		}
		i := slices.IndexFunc(groups, func(g *grouped) bool {
			return g.problem.Summary == p.Summary && g.problem.Hint == p.Hint && g.state == state &&
				slices.Equal(g.problem.Output, p.Output) && slices.Equal(g.problem.Included, p.Included) && cmp.Or(g.problem.where, &hcl.Range{}).String() == cmp.Or(p.where, &hcl.Range{}).String()
		})
		if i < 0 {
			groups = append(groups, &grouped{problem: p, state: state})
			i = len(groups) - 1
		}
		groups[i].hosts, groups[i].names = append(groups[i].hosts, host), append(groups[i].names, p.Host)
	}
	return groups
}

// failures renders all failures of a run as errors; identical ones once, with the list of their hosts.
func failures(all []*engine.Failure, mode engine.Mode, o Options) string {
	var out strings.Builder
	for _, g := range group(explainFailures(all, o.Secrets), mode) {
		place := "On host "
		if len(g.hosts) > 1 {
			place = fmt.Sprintf("On %d hosts: ", len(g.hosts))
		}
		place += strings.Join(g.hosts, ", ")
		if g.state != "" {
			place += "; " + g.state
		}
		out.WriteString(g.problem.render(place+".", o))
	}
	return strings.TrimSuffix(out.String(), "\n") // the blank line after the last
}

// stateLeft describes what a failed run left on the host.
func stateLeft(p problem) string {
	if p.early && p.Left > 0 {
		return "nothing was changed there, and no step was tried"
	}
	var parts []string
	switch {
	case len(p.Changed) == 0 && p.After == engine.Untouched:
		parts = append(parts, "nothing was changed there")
	case len(p.Changed) == 1:
		parts = append(parts, p.Changed[0]+" was changed before")
	case len(p.Changed) > 1:
		parts = append(parts, fmt.Sprintf("%d steps were changed before (%s)", len(p.Changed), strings.Join(p.Changed, ", ")))
	}
	switch p.After {
	case engine.Untouched:
		if len(p.Changed) > 0 {
			parts = append(parts, "this step changed nothing")
		}
	case engine.Partly:
		made := "this step made only some of its changes"
		if len(p.Made) > 0 {
			made += " (" + strings.Join(p.Made, ", ") + ")"
		}
		parts = append(parts, made)
	case engine.Done:
		parts = append(parts, "this step made all of its changes nevertheless")
	case engine.Unknown:
		parts = append(parts, "it is unknown what this step changed")
	}
	if p.Left > 0 {
		parts = append(parts, plural(p.Left, "later step was", "later steps were")+" not tried")
	}
	return strings.Join(parts, ", ")
}

// render writes the problem as a diagnostic: summary, place in the plan, output, then a paragraph that begins with
// place (which may be empty) and ends with the hint.
func (p problem) render(place string, o Options) string {
	var detail strings.Builder
	for _, line := range p.Output {
		detail.WriteString("  | " + line + "\n")
	}
	if len(p.Output) > 0 {
		detail.WriteString("\n")
	}
	detail.WriteString(wrap(strings.TrimSpace(strings.TrimSpace(plan.Included(p.through)+" "+place)+" "+p.Hint), o.width()))
	diagnostic := &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: p.Summary, Detail: strings.TrimRight(detail.String(), "\n"), Subject: p.where,
	}
	// Width 0: the paragraph is already wrapped, and output keeps its lines.
	text, _ := withLines(hcl.Diagnostics{diagnostic}, 0, o) // a buffer doesn't fail
	return o.Secrets.String(text)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

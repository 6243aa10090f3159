package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

const (
	pageDiffStart = 30        // lines of a longer diff that are seen at once
	pageDiffLines = 2000      // lines of one diff
	pageDiffBytes = 1_500_000 // of all diffs of a page; then each is cut to pageDiffStart lines
	pageOpenLines = 250       // a page whose changes have more lines shows long ones folded ...
	pageOpenShort = 12        // ... that is, those with more lines ...
	pageOpenMany  = 100       // ... and all of them if there are so many changes
	pageNames     = 6         // names of hosts that are seen at once
	pageColumns   = 10        // with more hosts, they are the rows of the matrix
)

// pageView is what the template shows. All of its strings are harmless text, without secrets.
type pageView struct {
	Policy string
	Style  template.CSS
	Script template.JS

	Plan, Made, Headline string
	Verdict              string // class of the headline
	Scope                []string
	Tally                []tallied
	Hosts                string
	Stopped              bool

	Problems []pageProblem
	Findings []pageProblem
	Matrix   *pageMatrix
	Looks    []*pageLook // that are in the matrix
	Plays    []pagePlayView
	Outputs  []pageOutput
}

type pageProblem struct {
	Number   int
	Severity string
	Summary  string
	Where    string // place in the plan
	Source   string // the line there
	Output   string
	Hint     string
	Hosts    pageHosts
}

// pageHosts is a list of hosts: the first ones, and the others.
type pageHosts struct {
	On   string // "on web1, web2" or "on 187 of 200 hosts"
	Rest string // all of their names, if On does not have them
}

type pagePlayView struct {
	Name  string
	Hosts pageHosts
	Steps []pageChange
	Same  string // how many steps there is nothing to say of
}

// pageChange is a pageVariant as it is shown.
type pageChange struct {
	Number              int
	Look                *pageLook
	Address, Verb, Text string
	Hosts               pageHosts
	Edits               []pageEdit
	Notes               []string
	Open                bool // not folded

	lines int
}

type pageEdit struct {
	Look       *pageLook
	Line       string
	Conditions []string
	Say        string // instead of a diff
	Diff, More []pageRun
	MoreLines  int
	Cut        int // lines that are left out
}

// pageRun is lines of a diff of one kind.
type pageRun struct {
	Kind string // "ins", "del", "at" or ""
	Text string
}

type pageOutput struct{ Name, Value string }

// pageMatrix is hosts and steps: the fewer ones are the columns.
type pageMatrix struct {
	Corner  string
	Groups  []pageGroup // above the columns, if they belong together
	Columns []pageHead
	Bodies  []pageBody
	Wide    bool // hosts are the rows
	Words   bool // cells have room for words
	Filter  bool // there are many rows
}

type pageGroup struct {
	Name string
	Span int // columns
	Loud int // those of them that differ
}

type pageHead struct {
	Name  string
	Quiet bool
	Class string
}

type pageBody struct {
	Name  string
	Span  int
	Quiet bool
	Rows  []pageRow
}

type pageRow struct {
	Head  pageHead
	Cells []pageCell
}

type pageCell struct {
	Look  *pageLook
	Link  int // number of a pageVariant, or 0
	Quiet bool
}

// Render returns the page.
func (p *Page) Render() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	v := pageView{
		Policy: "default-src 'none'; style-src 'sha256-" + digest(pageCSS) + "'; script-src 'sha256-" + digest(pageJS) + "'; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS), //nolint:gosec // both are ours, as they are
		Plan: p.text(p.started.Plan), Made: p.made(), Headline: p.headline(), Verdict: p.verdict(),
		Tally: tally(p.finished.Counts, engine.Plan), Hosts: modules.Counted(len(p.started.Hosts), "host"), Stopped: p.finished.Stopped,
	}
	for _, s := range p.scope {
		v.Scope = append(v.Scope, p.text(s))
	}
	p.problems(&v)
	v.Matrix, v.Looks = p.matrix()
	if len(p.started.Hosts) == 1 {
		v.Hosts = p.text(p.started.Hosts[0])
	}
	lines := 0
	budget := pageDiffBytes
	for _, play := range p.plays {
		one := pagePlayView{Name: p.text(play.name), Hosts: p.on(play.hosts, 0)}
		same := 0
		for _, s := range play.steps {
			if len(s.variants) == 0 {
				same++
			}
			for _, variant := range s.variants {
				c := p.change(s, variant, len(play.hosts), &budget)
				lines += c.lines
				one.Steps = append(one.Steps, c)
			}
		}
		if same > 0 {
			one.Same = plural(same, "step has", "steps have") + " nothing to change."
			if len(one.Steps) > 0 {
				one.Same = plural(same, "other step has", "other steps have") + " nothing to change."
			}
		}
		v.Plays = append(v.Plays, one)
	}
	for _, play := range v.Plays {
		for i, c := range play.Steps {
			play.Steps[i].Open = lines <= pageOpenLines || c.lines <= pageOpenShort && p.variants <= pageOpenMany
		}
	}
	outputs := hideOutputs(p.finished.Outputs, p.o.Secrets)
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		encoded, err := json.Marshal(outputs[name])
		if err != nil {
			encoded = []byte(err.Error())
		}
		v.Outputs = append(v.Outputs, pageOutput{p.text(name), printable(string(encoded))})
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// digest is the one of a script or style in a policy: Content Security Policy Level 3, section 2.3.1.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// text returns s as harmless text without secrets.
func (p *Page) text(s string) string { return value(p.o.Secrets.String(s)) }

func (p *Page) verdict() string {
	c := p.finished.Counts
	switch {
	case c.Failed > 0 || c.Left > 0 || p.finished.Type == "":
		return "failed"
	case c.Planned > 0 || c.Unknown > 0:
		return "differs"
	}
	return "same"
}

// problems adds failures of hosts, and requirements that they don't meet.
func (p *Page) problems(v *pageView) {
	all := slices.DeleteFunc(slices.Clone(p.finished.Failures), unmet)
	for _, g := range group(explainFailures(all, p.o.Secrets), engine.Plan) {
		v.Problems = append(v.Problems, p.problem(g, "error", len(v.Problems)+1))
	}
	for _, severity := range []string{"error", "warning"} {
		var found []problem
		for _, f := range p.findings {
			if f.severity != severity {
				continue
			}
			one := f.problem
			one.Summary = fmt.Sprintf("%s: %s: %s", one.Step, f.check, one.Summary)
			if severity == "error" {
				one.Hint = strings.TrimSpace(fmt.Sprintf("%s To make this a warning, add `preflight = { %s = \"warn\" }` to the block.", one.Hint, f.check))
			}
			found = append(found, one)
		}
		for _, g := range group(found, engine.Plan) {
			v.Findings = append(v.Findings, p.problem(g, severity, 0))
		}
	}
}

func (p *Page) problem(g *grouped, severity string, number int) pageProblem {
	out := pageProblem{
		Number: number, Severity: severity, Summary: printable(g.problem.Summary), Output: strings.Join(g.problem.Output, "\n"), Hint: g.problem.Hint,
		Hosts: hostList(g.hosts, 0),
	}
	if at := g.problem.where; at != nil {
		out.Where = p.text(fmt.Sprintf("%s line %d", at.Filename, at.Start.Line))
		if g.problem.Play != "" {
			out.Where += ", in play " + p.text(g.problem.Play)
		}
		if file := p.o.Files[at.Filename]; file != nil {
			lines := strings.Split(string(file.Bytes), "\n")
			if n := at.Start.Line; n > 0 && n <= len(lines) {
				out.Source = fmt.Sprintf("%d: %s", n, printable(p.o.Secrets.String(lines[n-1])))
			}
		}
	}
	for _, in := range g.problem.Included {
		out.Where += p.text(fmt.Sprintf(", included at %s line %d", in.File, in.Line))
	}
	return out
}

// on is [hostList] for a page that has several hosts.
func (p *Page) on(hosts []string, all int) pageHosts {
	if len(p.started.Hosts) == 1 {
		return pageHosts{}
	}
	return hostList(hosts, all)
}

// hostList lists hosts of all that there are; 0 if that is not worth saying.
func hostList(hosts []string, all int) pageHosts {
	shown := make([]string, len(hosts))
	for i, host := range hosts {
		shown[i] = value(host)
	}
	names := strings.Join(shown, ", ")
	switch {
	case len(hosts) <= pageNames:
		return pageHosts{On: names}
	case all == len(hosts):
		return pageHosts{On: fmt.Sprintf("all %d hosts", all)}
	case all > 0:
		return pageHosts{On: fmt.Sprintf("%d of %d hosts", len(hosts), all), Rest: names}
	}
	return pageHosts{On: fmt.Sprintf("%d hosts", len(hosts)), Rest: names}
}

func (p *Page) change(s *pageStep, v *pageVariant, hosts int, budget *int) pageChange {
	c := pageChange{
		Number: v.number, Look: v.look, Address: value(s.address), Verb: v.verb, Text: value(v.text), Hosts: p.on(v.hosts, hosts),
	}
	for _, e := range v.change.Edits {
		edit := pageEdit{Look: pageActions[e.Action], Line: plainLine(e), Conditions: conditions(e)}
		if e.Text != nil {
			edit.diff(*e.Text, budget)
		}
		c.lines += 1 + edit.MoreLines
		for _, run := range edit.Diff {
			c.lines += 1 + strings.Count(run.Text, "\n")
		}
		c.Edits = append(c.Edits, edit)
	}
	for _, note := range v.change.Notes {
		c.Notes = append(c.Notes, value(note))
	}
	return c
}

// diff adds the difference of a text; what is long is cut, sooner when the budget of bytes is used up.
func (e *pageEdit) diff(text modules.Text, budget *int) {
	switch {
	case binary(text.Old) || binary(text.New):
		e.Say = fmt.Sprintf("binary content, %d bytes -> %d bytes", len(text.Old), len(text.New))
		return
	case text.Old == text.New && text.New != "":
		e.Say = "the difference is " + redact.Mark
		return
	case text.Old == text.New:
		return
	}
	lines := unified(text)
	limit := pageDiffLines
	if *budget <= 0 {
		limit = pageDiffStart
	}
	if len(lines) > limit {
		e.Cut, lines = len(lines)-limit, lines[:limit]
	}
	// A fold of a few lines is not worth a click.
	if rest := len(lines) - pageDiffStart; rest > pageDiffStart/3 {
		e.More, e.MoreLines, lines = runs(lines[pageDiffStart:], budget), rest, lines[:pageDiffStart]
	}
	e.Diff = runs(lines, budget)
}

// runs joins lines of a diff that are of one kind.
func runs(lines []string, budget *int) []pageRun {
	var out []pageRun
	for _, line := range lines {
		kind := map[byte]string{'+': "ins", '-': "del", '@': "at"}[line[0]]
		*budget -= len(line) + 1
		if last := len(out) - 1; last >= 0 && out[last].Kind == kind {
			out[last].Text += "\n" + line
			continue
		}
		out = append(out, pageRun{kind, line})
	}
	return out
}

// matrix returns hosts and steps, and the looks that its cells have; nil if no step is known.
func (p *Page) matrix() (*pageMatrix, []*pageLook) {
	total := 0
	for _, play := range p.plays {
		total += len(play.steps)
	}
	hosts := p.started.Hosts
	if total == 0 || len(hosts) == 0 {
		return nil, nil
	}
	ended, failed := p.ended(), make(map[string]bool)
	for _, f := range p.finished.Failures {
		failed[f.Host] = true
	}
	var (
		seen    = make(map[*pageLook]bool)
		columns []pageHead // steps
		groups  []pageGroup
		rows    = make([]pageRow, len(hosts))
	)
	for i, host := range hosts {
		rows[i].Head = pageHead{Name: value(host), Quiet: !failed[host]}
		if failed[host] {
			rows[i].Head.Class = "f"
		}
	}
	for _, play := range p.plays {
		loud := 0
		in := make(map[string]bool, len(play.hosts))
		for _, host := range play.hosts {
			in[host] = true
		}
		for _, s := range play.steps {
			quiet := true
			cells := make([]pageCell, len(hosts))
			for i, host := range hosts {
				r := pageResult{look: pageNone}
				if in[host] {
					r = s.result(play, host, ended[host])
				}
				cells[i].Look = r.look
				if r.variant != nil {
					cells[i].Link = r.variant.number
				}
				seen[r.look] = true
				if r.look.stands() || cells[i].Link > 0 {
					rows[i].Head.Quiet = false
					quiet = quiet && r.look == pageLeft
				}
			}
			for i := range cells {
				cells[i].Quiet = quiet
				rows[i].Cells = append(rows[i].Cells, cells[i])
			}
			columns = append(columns, pageHead{Name: value(s.address), Quiet: quiet})
			if !quiet {
				loud++
			}
		}
		if len(play.steps) > 0 {
			groups = append(groups, pageGroup{p.text(play.name), len(play.steps), loud})
		}
	}
	looks := slices.DeleteFunc(slices.Clone(pageLooks), func(l *pageLook) bool { return !seen[l] })
	m := &pageMatrix{Corner: "host", Groups: groups, Columns: columns, Bodies: []pageBody{{Rows: rows}}, Wide: true}
	if len(hosts) <= pageColumns {
		m = m.turn()
	}
	n := 0
	for _, b := range m.Bodies {
		n += len(b.Rows)
	}
	m.Filter = n > 20
	return m, looks
}

// turn swaps rows and columns.
func (m *pageMatrix) turn() *pageMatrix {
	rows := m.Bodies[0].Rows
	t := &pageMatrix{Corner: "step", Words: len(rows) == 1}
	for _, r := range rows {
		t.Columns = append(t.Columns, r.Head)
	}
	next := 0
	for _, g := range m.Groups {
		body := pageBody{Name: g.Name, Span: len(rows) + 1, Quiet: g.Loud == 0}
		for range g.Span {
			row := pageRow{Head: m.Columns[next]}
			for i, r := range rows {
				cell := r.Cells[next]
				cell.Quiet = rows[i].Head.Quiet
				row.Cells = append(row.Cells, cell)
			}
			body.Rows = append(body.Rows, row)
			next++
		}
		t.Bodies = append(t.Bodies, body)
	}
	return t
}

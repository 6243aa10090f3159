package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	wordwrap "github.com/mitchellh/go-wordwrap"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// Rules of what people read:
//
//   - What was found and done goes to standard output, what went wrong to standard error, in full, at the very end.
//   - One line for each step that matters, which can be read and searched alone: sign, step, verb, hosts. Details are
//     indented below it. Steps that are up to date are only counted.
//   - A plan shows a play as a whole, in the order of the plan, with hosts that have the same change together. Apply
//     shows each change when it is done.
//   - Signs and words say everything; colour only helps to find it.
//   - Text from a host can't control the terminal: it goes through package visible.
//   - Output is short: 20 hosts without a change are 20 short lines and a total.

// text turns events into lines for people.
type text struct {
	style    style
	verbose  bool
	terminal bool // durations are shown
	secrets  *redact.Redactor
	failures func([]*engine.Failure, engine.Mode) string

	mode  engine.Mode
	play  string
	hosts []string
	lines []*planned             // of the play, in plan mode
	same  map[[2]string]*planned // those of lines, by head and body

	header  string // of the play, until something is written below it
	written bool   // anything at all
}

func newText(o Options) *text {
	return &text{
		style: style(o.Color), verbose: o.Verbose, terminal: o.Size != nil, secrets: o.Secrets,
		failures: func(all []*engine.Failure, mode engine.Mode) string { return failures(all, mode, o) },
	}
}

// planned is what a plan shows for one step, on all hosts for which it is the same.
type planned struct {
	index int
	head  string // "+ file.motd will be created"
	body  string
	hosts []string
}

// render returns what to write after e: to standard output, and to standard error.
func (t *text) render(e engine.Event) (done, wrong string) {
	switch e.Type {
	case engine.RunStarted:
		t.mode = e.Mode
	case engine.PlayStarted:
		done = t.endPlay()
		t.play, t.hosts = e.Play, e.Hosts
		t.header = fmt.Sprintf("%s on %s\n", t.style.paint(bold, "Play "+e.Play), strings.Join(e.Hosts, ", "))
	case engine.StepOK, engine.StepSkipped, engine.StepUnknown, engine.StepPlanned, engine.StepChanged:
		done = t.step(e)
	case engine.Found:
		done = t.finding(e)
	case engine.ConnectionLost:
		done = t.belowHeader(t.style.paint(yellow, "! "+e.Host) + ": " + value(t.secrets.String(e.Text)) + "; reconnecting\n")
	case engine.ConnectionBack:
		done = t.belowHeader(t.style.paint(faint, "= "+e.Host) + ": reconnected" + t.took(e.Duration) + "\n")
	case engine.JournalFailed:
		done = t.belowHeader(t.style.paint(yellow, "! "+e.Host) + ": " + value(t.secrets.String(e.Text)) + "\n")
	case engine.HostFailed:
		done = t.hostFailed(e)
	case engine.PlaySkipped:
		return fmt.Sprintf("! play %s was not started on %s: %s\n", t.secrets.String(e.Play), strings.Join(e.Hosts, ", "), value(t.secrets.String(e.Text))), ""
	case engine.RunStopping:
		return "Stopping when the changes in progress are done. Interrupt again to stop at once.\n", ""
	case engine.RunFinished:
		done = t.endPlay() + t.summary(e)
		if len(e.Failures) > 0 {
			wrong = "\n" + t.failures(e.Failures, t.mode)
		}
	}
	return done, wrong
}

// step renders how a step ended; in plan mode it is kept until the end of the play.
func (t *text) step(e engine.Event) string {
	var change modules.Change
	if e.Change != nil {
		change = hide(*e.Change, t.secrets)
	}
	address := t.secrets.String(e.Step)
	head := ""
	switch {
	case e.Type == engine.StepUnknown && !change.Empty():
		head = t.style.paint(faint, "? "+address) + " may change"
	case e.Type == engine.StepUnknown:
		head = t.style.paint(faint, "? "+address) + " is unknown until the steps above are applied"
	case !change.Empty():
		action := overall(change)
		look := actionStyles[action]
		verb := look.did
		if e.Type == engine.StepPlanned {
			verb = look.will
		}
		head = t.style.paint(look.color, look.sign+" "+address) + " " + verb
	case e.Type == engine.StepSkipped && t.verbose:
		head = t.style.paint(faint, ". "+address+" skipped")
	case e.Type == engine.StepOK && (t.verbose || len(change.Notes) > 0):
		head = t.style.paint(faint, "= "+address+" up to date")
	default:
		return ""
	}
	body := t.change(change)
	if (e.Type == engine.StepSkipped || e.Type == engine.StepUnknown) && e.Text != "" {
		body += "    " + value(t.secrets.String(e.Text)) + "\n"
	}
	if t.mode == engine.Plan && t.verbose && slices.ContainsFunc(change.Edits, starts) {
		body += "    note: a start is watched for half a second, and looked at once more at the end of the play\n"
	}
	if t.mode == engine.Plan {
		t.keep(e, head, body)
		return ""
	}
	return t.belowHeader(head + " on " + e.Host + t.took(e.Duration) + "\n" + body)
}

// starts reports whether e is the start of a service.
func starts(e modules.Edit) bool {
	return e.Field == "running" && e.To == "running" || e.Action == modules.Run && e.Field == "restart"
}

// took returns how long something took, for a terminal and from a second on.
func (t *text) took(d time.Duration) string {
	if !t.terminal || d < time.Second {
		return ""
	}
	return t.style.paint(faint, " ("+duration(d)+")")
}

func (t *text) keep(e engine.Event, head, body string) {
	p := t.same[[2]string{head, body}]
	if p == nil {
		p = &planned{index: e.Index, head: head, body: body}
		if t.same == nil {
			t.same = make(map[[2]string]*planned)
		}
		t.same[[2]string{head, body}] = p
		t.lines = append(t.lines, p)
	}
	p.index = min(p.index, e.Index)
	p.hosts = append(p.hosts, e.Host)
}

// endPlay renders the lines that were kept of a play in plan mode.
func (t *text) endPlay() string {
	place := make(map[string]int, len(t.hosts))
	for i, host := range t.hosts {
		place[host] = i
	}
	order := func(host string) int { return place[host] }
	for _, p := range t.lines {
		slices.SortFunc(p.hosts, func(a, b string) int { return order(a) - order(b) })
	}
	slices.SortStableFunc(t.lines, func(a, b *planned) int {
		return cmp.Or(a.index-b.index, order(a.hosts[0])-order(b.hosts[0]), strings.Compare(a.head, b.head))
	})
	var out strings.Builder
	for _, p := range t.lines {
		out.WriteString(p.head + " on " + strings.Join(p.hosts, ", ") + "\n" + p.body)
	}
	t.lines, t.same = nil, nil
	if out.Len() == 0 {
		return ""
	}
	return t.belowHeader(out.String())
}

// belowHeader returns lines, below the play's header if they are its first.
func (t *text) belowHeader(lines string) string {
	if t.header != "" {
		lines = t.header + lines
		if t.written {
			lines = "\n" + lines
		}
	}
	t.header, t.written = "", true
	return lines
}

// hostFailed shows in one line that a host failed; the full error comes at the end.
func (t *text) hostFailed(e engine.Event) string {
	p := explainFailure(e.Failure, t.secrets)
	return t.belowHeader(t.style.paint(red, "! "+e.Host+" failed") + ": " + p.Summary + "\n")
}

// summary renders the counts of each host, if there are several, then those of the run, then the outputs.
func (t *text) summary(e engine.Event) string {
	var out strings.Builder
	if t.written {
		out.WriteString("\n")
	}
	width := 0
	for _, h := range e.PerHost {
		width = max(width, len(h.Host))
	}
	if len(e.PerHost) > 1 {
		for _, h := range e.PerHost {
			fmt.Fprintf(&out, "%-*s  %s\n", width, h.Host, t.sum(h.Counts))
		}
		out.WriteString("\n")
	}
	name := "Plan: "
	if t.mode == engine.Apply {
		name = "Applied: "
	}
	rest := e.Counts
	rest.Planned, rest.Changed = 0, 0
	line := t.style.paint(bold, name) + amount(e, t.mode)
	if sum := t.sum(rest); sum != "" {
		line += ", " + sum
	}
	if t.terminal {
		line += t.style.paint(faint, " ("+duration(e.Duration)+")")
	}
	out.WriteString(line + "\n")
	if e.Stopped {
		out.WriteString("The run was stopped before it was done. Run the same command again to continue.\n")
	}
	out.WriteString(t.outputs(e.Outputs))
	return out.String()
}

// amount says in a few words what a run changed, or would change.
func amount(e engine.Event, mode engine.Mode) string {
	changing, whole := 0, 0 // whole: looked at to the end
	for _, h := range e.PerHost {
		if h.Counts.Planned+h.Counts.Changed > 0 {
			changing++
		}
		if h.Counts.Failed == 0 {
			whole++
		}
	}
	hosts := len(e.PerHost)
	switch {
	case changing > 0 && mode == engine.Apply:
		return fmt.Sprintf("%d changed on %s", e.Counts.Changed, modules.Counted(changing, "host"))
	case changing > 0:
		return fmt.Sprintf("%d to change on %s", e.Counts.Planned, modules.Counted(changing, "host"))
	case e.Stopped:
		return "stopped"
	case mode == engine.Apply && slices.ContainsFunc(e.Failures, touched):
		return "no step completed on " + modules.Counted(hosts, "host")
	case mode == engine.Apply:
		return "nothing changed on " + modules.Counted(hosts, "host")
	case whole == 0 && hosts > 0:
		return "unknown what " + plural(hosts, "host needs", "hosts need")
	}
	return "nothing to change on " + modules.Counted(whole, "host")
}

// touched reports whether the step that failed has changed something, or may have.
func touched(f *engine.Failure) bool { return f.Aftermath != engine.Untouched }

// sum lists the counts that are not zero.
func (t *text) sum(c engine.Counts) string {
	var parts []string
	for _, part := range tally(c, t.mode) {
		count := fmt.Sprintf("%d %s", part.N, part.Name)
		if part.color != "" {
			count = t.style.paint(part.color, count)
		}
		parts = append(parts, count)
	}
	return strings.Join(parts, ", ")
}

// A tallied is one of the counts, with its name and its color.
type tallied struct {
	N           int
	Name, color string
}

// tally lists the counts that are not zero.
func tally(c engine.Counts, mode engine.Mode) []tallied {
	asks := "to approve"
	if mode == engine.Apply {
		asks = "approved"
	}
	all := []tallied{
		{c.Planned, "to change", yellow},
		{c.Changed, "changed", yellow},
		{c.Unknown, "may change", yellow},
		{c.Asks, asks, cyan},
		{c.OK, "up to date", ""},
		{c.Skipped, "skipped", ""},
		{c.Failed, "failed", red},
		{c.Left, "not tried", red},
	}
	return slices.DeleteFunc(all, func(t tallied) bool { return t.N == 0 })
}

func (t *text) outputs(outputs map[string]any) string {
	if len(outputs) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString("\nOutputs:\n")
	hidden := hideOutputs(outputs, t.secrets)
	names := make([]string, 0, len(hidden))
	for name := range hidden {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		encoded, err := json.Marshal(hidden[name])
		if err != nil {
			encoded = []byte(err.Error())
		}
		fmt.Fprintf(&out, "  %s = %s\n", name, printable(string(encoded)))
	}
	return out.String()
}

// duration formats a waiting time: "0.3 s", "42 s", "3 min 5 s".
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	default:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// wrap breaks the paragraphs of s into lines of at most width columns; 0 leaves them as they are.
func wrap(s string, width int) string {
	if width <= 0 {
		return s
	}
	return wordwrap.WrapString(s, uint(width))
}

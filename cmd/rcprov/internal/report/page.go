package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/modules"
)

// PageBegin is how each page begins.
const PageBegin = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"rcprov\">\n"

// A Page collects what a plan shows and renders it as one HTML page, for a review or a fleet. The page loads nothing: its style and
// its few lines of script are in it, and a policy forbids any others. All that comes from hosts goes through package visible, and
// html/template escapes it. Secrets are hidden as in the terminal.
type Page struct {
	o       Options
	version string
	scope   []string

	mu       sync.Mutex
	started  engine.Event
	finished engine.Event // the zero value until the run is finished
	plays    []*pagePlay
	findings []pageFinding
	variants int
}

// NewPage returns an empty page. version is that of the program; scope lists the options that leave hosts or steps out, such as
// "--limit web1".
func NewPage(o Options, version string, scope []string) *Page {
	return &Page{o: o, version: version, scope: scope}
}

// pagePlay is what became of a play.
type pagePlay struct {
	name      string
	hosts     []string
	steps     []*pageStep
	byAddress map[string]*pageStep
}

// pageStep is what became of a step on the hosts of its play.
type pageStep struct {
	address  string
	index    int // the smallest that it has on a host
	on       map[string]pageResult
	variants []*pageVariant
	byKey    map[[sha256.Size]byte]*pageVariant
}

// pageResult is what became of a step on one host.
type pageResult struct {
	look    *pageLook
	variant *pageVariant // nil if there is nothing more to say
}

// pageVariant is a change, or what else there is to say of a step, on all hosts for which it is the same.
type pageVariant struct {
	number int // of the page, from 1
	look   *pageLook
	verb   string
	change modules.Change // without secrets
	text   string         // why it is skipped or unknown
	hosts  []string
}

// pageLook is how a result looks in the matrix: its class, its sign and what it means.
type pageLook struct{ Class, Sign, Means string }

var (
	pageActions = map[modules.Action]*pageLook{
		modules.Create: {"c", "+", "will be created"},
		modules.Update: {"u", "~", "will be changed"},
		modules.Remove: {"r", "−", "will be removed"},
		modules.Ask:    {"x", ">", "will be asked for"},
		modules.Run:    {"x", ">", "will run"},
	}
	pageMay     = &pageLook{"m", "?", "may change, or unknown"}
	pageOK      = &pageLook{"k", "·", "up to date"}
	pageSkipped = &pageLook{"s", "○", "skipped"}
	pageFailed  = &pageLook{"f", "!", "failed"}
	pageLeft    = &pageLook{"l", "…", "not tried"}
	pageNone    = &pageLook{"n", "", "not a step of this host"}

	pageLooks = []*pageLook{
		pageActions[modules.Create], pageActions[modules.Update], pageActions[modules.Remove], pageActions[modules.Run],
		pageMay, pageOK, pageSkipped, pageFailed, pageLeft,
	}
)

// changes reports whether l is about a change, certain or not, or a failure.
func (l *pageLook) stands() bool { return l != pageOK && l != pageSkipped && l != pageNone }

// pageFinding is a requirement that hosts don't meet.
type pageFinding struct {
	problem  problem // of one host
	severity string
	check    string
}

// Report takes note of e. It may be called concurrently.
func (p *Page) Report(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Type {
	case engine.RunStarted:
		p.started = e
	case engine.PlayStarted:
		p.plays = append(p.plays, &pagePlay{name: e.Play, hosts: e.Hosts, byAddress: make(map[string]*pageStep)})
	case engine.Found:
		found := explainFinding(e.Finding, p.o.Secrets)
		found.Host = e.Host
		p.findings = append(p.findings, pageFinding{problem: found, severity: severity(e.Finding), check: string(e.Finding.Check)})
	case engine.StepOK, engine.StepPlanned, engine.StepSkipped, engine.StepUnknown:
		p.step(e)
	case engine.HostFailed:
		if e.Failure.Step != "" && e.Failure.Play != "" {
			p.stepOf(e).on[e.Host] = pageResult{look: pageFailed}
		}
	case engine.RunFinished:
		p.finished = e
	}
}

// play returns the latest play of that name.
func (p *Page) play(name string) *pagePlay {
	for _, play := range slices.Backward(p.plays) {
		if play.name == name {
			return play
		}
	}
	play := &pagePlay{name: name, byAddress: make(map[string]*pageStep)}
	p.plays = append(p.plays, play)
	return play
}

// stepOf returns the step that e is about.
func (p *Page) stepOf(e engine.Event) *pageStep {
	play := p.play(e.Play)
	address := p.o.Secrets.String(e.Step)
	s := play.byAddress[address]
	if s == nil {
		s = &pageStep{address: address, index: e.Index, on: make(map[string]pageResult), byKey: make(map[[sha256.Size]byte]*pageVariant)}
		if s.index == 0 {
			s.index = len(play.steps) + 1
		}
		play.steps, play.byAddress[address] = append(play.steps, s), s
	}
	if e.Index > 0 {
		s.index = min(s.index, e.Index)
	}
	return s
}

func (p *Page) step(e engine.Event) {
	s := p.stepOf(e)
	var v pageVariant
	if e.Change != nil {
		v.change = hide(*e.Change, p.o.Secrets)
	}
	v.text = p.o.Secrets.String(e.Text)
	switch {
	case e.Type == engine.StepUnknown && !v.change.Empty():
		v.look, v.verb = pageMay, "may change"
	case e.Type == engine.StepUnknown:
		v.look, v.verb = pageMay, "is unknown until the steps above are applied"
	case !v.change.Empty():
		v.look = pageActions[overall(v.change)]
		v.verb = v.look.Means
	case e.Type == engine.StepSkipped:
		v.look, v.verb = pageSkipped, "is skipped"
	default:
		v.look, v.verb = pageOK, "is up to date"
	}
	if v.change.Empty() && len(v.change.Notes) == 0 && v.look != pageMay {
		s.on[e.Host] = pageResult{look: v.look}
		return
	}
	key := v.key()
	same := s.byKey[key]
	if same == nil {
		p.variants++
		v.number = p.variants
		same = &v
		s.variants, s.byKey[key] = append(s.variants, same), same
	}
	same.hosts = append(same.hosts, e.Host)
	s.on[e.Host] = pageResult{look: v.look, variant: same}
}

// key is the same for variants that look the same.
func (v *pageVariant) key() [sha256.Size]byte {
	h := sha256.New()
	encoder := json.NewEncoder(h)
	// Nothing in them can't be encoded, and a hash takes all.
	_ = encoder.Encode([]string{v.look.Class, v.verb, v.text})
	_ = encoder.Encode(v.change.Edits)
	_ = encoder.Encode(v.change.Notes)
	return [sha256.Size]byte(h.Sum(nil))
}

// settle puts hosts and steps in the order of the plan.
func (p *Page) settle() {
	for _, play := range p.plays {
		slices.SortStableFunc(play.steps, func(a, b *pageStep) int { return a.index - b.index })
		place := make(map[string]int, len(play.hosts))
		for i, host := range play.hosts {
			place[host] = i
		}
		for _, s := range play.steps {
			for _, v := range s.variants {
				slices.SortFunc(v.hosts, func(a, b string) int { return place[a] - place[b] })
			}
			slices.SortStableFunc(s.variants, func(a, b *pageVariant) int { return len(b.hosts) - len(a.hosts) })
		}
	}
}

// ended returns the hosts that were not looked at to their end: those that failed, or all if the run was stopped.
func (p *Page) ended() map[string]bool {
	ended := make(map[string]bool)
	for _, h := range p.finished.PerHost {
		ended[h.Host] = h.Counts.Failed > 0 || h.Counts.Left > 0
	}
	if p.finished.Type == "" {
		for _, host := range p.started.Hosts {
			ended[host] = true
		}
	}
	return ended
}

// result returns what became of a step on a host of its play.
func (s *pageStep) result(play *pagePlay, host string, ended bool) pageResult {
	if r, ok := s.on[host]; ok {
		return r
	}
	if ended && slices.Contains(play.hosts, host) {
		return pageResult{look: pageLeft}
	}
	return pageResult{look: pageNone}
}

// headline says in one line what the plan would change.
func (p *Page) headline() string {
	if p.finished.Type == "" {
		return "The plan was not finished."
	}
	words := amount(p.finished, engine.Plan)
	if n := len(p.finished.Failures); n > 0 {
		words += "; " + modules.Counted(n, "host") + " failed"
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// made says when and by what the page was made.
func (p *Page) made() string {
	return fmt.Sprintf("%s · rcprov %s · run %s", p.started.Time.UTC().Format(time.DateTime+" UTC"), p.version, p.started.Run)
}

package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// A query is a block among the steps of a play: a program that only reads. What it prints is the answer. The plan is bound without
// answers; a step whose arguments depend on one is bound once it is there ([Step.Needs], [Plan.BindLate]).

// queryRoot is the type of a query's block, and what references to it begin with.
const queryRoot = "query"

// ownAnswer is the attribute of query.NAME with the answer of the host itself.
const ownAnswer = "stdout"

// maxQuery is how long a query may take: all of a host's questions together have two minutes.
const maxQuery = time.Minute

// queryArgs are the arguments of a query.
type queryArgs struct {
	Argv      []string `hcl:"argv" exposed:"Everyone on the host can read a command line: hand it over in stdin."`
	Stdin     string   `hcl:"stdin,optional" secret:"yes"`
	Timeout   string   `hcl:"timeout,optional" default:"30s"`
	Sensitive bool     `hcl:"sensitive,optional"`
}

// queryModule makes queries look like steps to most of this package.
func queryModule() modules.Module { return modules.Primitive(queryRoot, "", newQuery) }

func newQuery(a queryArgs, _ modules.Env) (modules.Step, error) {
	limit, err := time.ParseDuration(a.Timeout)
	var errs []error
	if err != nil || limit < time.Second || limit > maxQuery || limit%time.Second != 0 {
		errs = append(errs, &modules.ArgError{
			Arg: "timeout", Err: fmt.Errorf("must be whole seconds from 1s to 1m, not %q", a.Timeout),
			Hint: "Queries are asked each time that rcprov looks at the host.",
		})
	}
	if len(a.Argv) == 0 || a.Argv[0] == "" {
		errs = append(errs, modules.Argf("argv", "names no program"))
	}
	return &Query{program: observe.Program{Argv: a.Argv, Stdin: a.Stdin, Limit: limit}, Sensitive: a.Sensitive}, errors.Join(errs...)
}

// A Query is a question to one host, and a [modules.Step] that never has anything to do.
type Query struct {
	Name      string // unique among those of the play on the host: "key", "base/key" in an include
	Sensitive bool

	program observe.Program
	block   *stepBlock
	prefix  string
}

// Observe implements [modules.Step].
func (q *Query) Observe(all *observe.Query) { observe.Printed.Ask(all, &q.program) }

// Diff implements [modules.Step]: its error says why there is no answer.
func (q *Query) Diff(s *observe.Snapshot) (modules.Change, error) {
	_, err := q.Answer(s)
	return modules.Change{}, err
}

// Answer returns what the query's program printed.
func (q *Query) Answer(s *observe.Snapshot) (string, error) {
	text, err := observe.Printed.Get(s, &q.program)
	switch {
	case err != nil:
		return "", err
	case text.Failed != "" && q.Sensitive:
		return "", modules.WithHint(fmt.Errorf("could not tell: `%s` failed", q.program.Argv[0]),
			"What it said is not shown, because the query is sensitive. Run it on the host.")
	case text.Failed != "":
		return "", fmt.Errorf("could not tell: %s", text.Failed)
	}
	return text.Stdout, nil
}

// Apply implements [modules.Step].
func (*Query) Apply(context.Context, modules.Host, modules.Change) error { return nil }

// A Need is an answer that a step depends on.
type Need struct {
	Query string
	Host  string // as of the start of the play; empty: of the step's own host, when its turn comes
}

func (n Need) String() string {
	if n.Host == "" {
		return queryRoot + "." + n.Query
	}
	return fmt.Sprintf("%s.%s[%q]", queryRoot, n.Query, n.Host)
}

// AnswerKey says whose answer to which question of which play it is.
type AnswerKey struct{ Play, Host, Query string }

// Answers are what queries printed. An own answer has no host.
type Answers map[AnswerKey]string

// queryUse is a reference to a query.
type queryUse struct {
	query *stepBlock
	own   bool     // the answer of the step's own host
	all   bool     // those of other hosts, and nobody knows which
	hosts []string // of these hosts
	at    hcl.Range
	in    *config
}

// queryUseOf describes a reference to the query b.
func queryUseOf(b *stepBlock, t hcl.Traversal, in *config) queryUse {
	u := queryUse{query: b, at: t.SourceRange(), in: in}
	name := ""
	if len(t) > 2 {
		name = memberName(t[2])
	}
	switch name {
	case "":
		u.all = true // query.key[each.key], or all of it
	case ownAnswer:
		u.own = true
	default:
		u.hosts = []string{name}
	}
	return u
}

// needs returns the answers that uses of a step in the scope need.
func (s *scope) needs(all []queryUse, queries []*Query) []Need {
	var needs []Need
	add := func(n Need) {
		if !slices.Contains(needs, n) {
			needs = append(needs, n)
		}
	}
	for _, u := range all {
		var names []string
		for _, q := range queries {
			if q.block.block == u.query.block && (q.prefix == s.prefix() || !u.sameFiles(s)) {
				names = append(names, q.Name)
			}
		}
		if len(names) == 0 {
			names = []string{s.inPlay() + u.query.label} // it is skipped here, and the engine says so
		}
		hosts := u.hosts
		if u.all {
			hosts = nil
			for _, h := range s.play.Hosts {
				hosts = append(hosts, h.Name)
			}
		}
		for _, name := range names {
			if u.own {
				add(Need{Query: name})
			}
			for _, h := range hosts {
				add(Need{Query: name, Host: h})
			}
		}
	}
	return needs
}

// sameFiles reports whether the query is in the files that the scope sees, not in those of an include.
func (u queryUse) sameFiles(s *scope) bool { return u.query.config == s.config }

// queryReference returns what query.NAME is in expressions.
func (s *scope) queryReference(label string, at hcl.Range) cty.Value {
	var own, elsewhere []*stepBlock
	for _, b := range s.config.steps(queryRoot, label) {
		if s.play != nil && b.play == s.play.block {
			own = append(own, b)
		} else {
			elsewhere = append(elsewhere, b)
		}
	}
	name := stepAddress(queryRoot, label)
	switch {
	case s.kind == staticScope:
		s.report(mistake(at, name+" can't be used here", "A query can only be used in the steps of its play, directly or through a local, and in outputs."))
	case len(own) == 1:
		return s.answersOf(own[0], at)
	case len(elsewhere) == 0:
		s.report(mistake(at, fmt.Sprintf("There is no query %q", label), didYouMean(label, s.config.labels(queryRoot), "The queries are")))
	case s.kind == stepScope:
		s.report(otherPlays(at, elsewhere[0]))
	case len(elsewhere) > 1 && s.kind == outputScope:
		s.report(mistake(at, name+" is ambiguous", fmt.Sprintf("The plays %q and %q have one each. Rename the one that you mean.",
			elsewhere[0].play.name, elsewhere[1].play.name)))
	case s.kind == outputScope:
		if play := elsewhere[0].play.play; play != nil && len(play.Hosts) > 0 {
			return s.scope(stepScope, play, play.Hosts[0]).answersOf(elsewhere[0], at)
		}
	}
	return cty.DynamicVal
}

func otherPlays(at hcl.Range, b *stepBlock) *hcl.Diagnostic {
	return mistake(at, fmt.Sprintf("query %q is one of play %q", b.label, b.play.name),
		fmt.Sprintf("Answers are known in their own play only: repeat the query here. It is at %s.", place(b.block.DefRange())))
}

// answersOf returns the answers to a query of the scope's play: of its host, and by name those of all hosts.
func (s *scope) answersOf(b *stepBlock, at hcl.Range) cty.Value {
	return s.once(b, s.prefix()+b.address(), at, func() cty.Value {
		secret := false
		if attr := b.block.Body.Attributes["sensitive"]; attr != nil {
			v, known := s.boolean(attr, b.String(), cty.NilVal)
			secret = v || !known
		}
		answer := func(host string) cty.Value {
			text, ok := s.answers[AnswerKey{s.play.Name, host, s.inPlay() + b.label}]
			if !ok && host == "" { // after a run
				text, ok = s.answers[AnswerKey{s.play.Name, s.host.Name, s.inPlay() + b.label}]
			}
			v := cty.UnknownVal(cty.String).RefineNotNull()
			if ok {
				v = cty.StringVal(text)
			}
			if !secret || s.guessing {
				return v
			}
			if ok {
				s.noteSecrets(texts(v))
				s.hide(v.Mark(sensitive))
			}
			return v.Mark(sensitive)
		}
		attrs := map[string]cty.Value{}
		for _, h := range s.play.Hosts {
			attrs[h.Name] = cty.ObjectVal(map[string]cty.Value{ownAnswer: answer(h.Name)})
		}
		attrs[ownAnswer] = answer("")
		return cty.ObjectVal(attrs)
	})
}

// checkQueries reports mistakes about the queries of a play that nobody needs a host for, and sets Shares.
func (e *evaluation) checkQueries(play *Play) {
	report := func(in *config, d *hcl.Diagnostic) { e.report(includedAt(hcl.Diagnostics{d}, in)...) }
	never := func(uses []queryUse, what, hint string) {
		for _, u := range uses {
			report(u.in, mistake(u.at, what+" can't depend on the answer to a query", hint))
		}
	}
	b := play.block
	if when := b.block.Body.Attributes["when"]; when != nil {
		u := b.user()
		u.expression(b.config, when.Expr)
		never(u.asks, fmt.Sprintf("when of play %q", b.name), "It is needed before the hosts are asked. Give `when` to the steps.")
	}
	queries := 0
	var walk func(items []item)
	walk = func(items []item) {
		for _, i := range items {
			if i.include != nil {
				for _, name := range stepMeta {
					if attr := i.include.meta(name); attr != nil {
						u := b.user()
						u.expression(i.include.config, attr.Expr)
						never(u.asks, fmt.Sprintf("%s of %s", name, i.include), "It is needed before the hosts are asked. Give `when` to the steps.")
					}
				}
				if i.include.inner != nil {
					walk(i.include.inner.items)
				}
				continue
			}
			if i.step.isQuery() {
				queries++
				u := b.user()
				u.body(i.step.config, i.step.block.Body)
				never(u.asks, i.step.String(), "All queries are asked at once. Make it one program that reads both.")
				continue
			}
			for _, u := range i.step.asks {
				play.Shares = play.Shares || !u.own
				switch {
				case u.query.play != b:
					report(i.step.config, mistake(i.step.block.DefRange(),
						fmt.Sprintf("%s depends on the answer to query %q of play %q", i.step, u.query.label, u.query.play.name),
						fmt.Sprintf("Answers are known in their own play only: repeat here what is made of it. The query is at %s.", place(u.query.block.DefRange()))))
				case u.own && u.query.order > i.step.order:
					report(u.in, mistake(u.at, fmt.Sprintf("%s needs the answer to a query below it", i.step),
						fmt.Sprintf("Move the query, at %s, above this step.", place(u.query.block.DefRange()))))
				}
			}
			for _, name := range []string{"tags", "retries", "timeout", "run_once", "preflight"} {
				if attr := i.step.meta(name); attr != nil {
					u := b.user()
					u.expression(i.step.config, attr.Expr)
					never(u.asks, fmt.Sprintf("%s of %s", name, i.step), "It is needed before the hosts are asked.")
				}
			}
			if attr := i.step.meta("when"); attr != nil && i.step.meta("run_once") != nil {
				u := b.user()
				u.expression(i.step.config, attr.Expr)
				never(u.asks, fmt.Sprintf("when of %s, which has run_once,", i.step), "Which host it runs on must be known before.")
			}
		}
	}
	walk(b.items)
	for _, h := range play.Hosts {
		if queries > 0 && h.Name == ownAnswer {
			e.report(mistake(h.Range, fmt.Sprintf("A host of a play with queries can't be called %q", ownAnswer), "query.NAME.stdout is the answer of the host itself."))
		}
	}
}

func (b *stepBlock) isQuery() bool { return b.module.Name == queryRoot }

// late returns a step in place of one that depends on answers which are not there yet.
func (s *scope) late(b *stepBlock, suffix string, skipped Step) Step {
	step := skipped
	step.Address, step.play = s.inPlay()+b.address()+suffix, s.play.Name
	step.Module, step.Range, step.ArgRange = b.module.Name, b.block.DefRange(), b.argRange
	step.block, step.prefix, step.asks = b, s.prefix(), b.asks
	step.suffix = suffix
	return step
}

// setNeeds says of the late steps which answers they need.
func (e *evaluation) setNeeds(steps []Step, scopes map[string]*scope) {
	var queries []*Query
	for _, s := range steps {
		if s.Query != nil {
			queries = append(queries, s.Query)
		}
	}
	for i, s := range steps {
		if s.block != nil {
			steps[i].Needs = scopes[s.prefix].needs(s.asks, queries)
		}
	}
}

// BindLate returns the steps in place of late, a step of Bind with Needs, by the answers to them.
func (p *Plan) BindLate(play *Play, host *Host, facts *observe.Facts, late Step, answers Answers) ([]Step, hcl.Diagnostics) {
	return p.bindLate(play, host, facts, late, answers, false)
}

// Guess returns the steps in place of late if all answers were text; none if they can't be. What two texts have in common will be so,
// whatever the answers are.
func (p *Plan) Guess(play *Play, host *Host, facts *observe.Facts, late Step, text string) []Step {
	answers := Answers{}
	for _, n := range late.Needs {
		answers[AnswerKey{play.Name, n.Host, n.Query}] = text
	}
	steps, diags := p.bindLate(play, host, facts, late, answers, true)
	if diags.HasErrors() {
		return nil
	}
	return steps
}

func (p *Plan) bindLate(play *Play, host *Host, facts *observe.Facts, late Step, answers Answers, guessing bool) ([]Step, hcl.Diagnostics) {
	e := p.evaluation(map[string]*observe.Facts{host.Name: facts})
	e.answers, e.guessing = answers, guessing
	s := e.scope(stepScope, play, host)
	e.binding = s
	var steps []Step
	s.walk(play.block.items, func(in *scope, b *stepBlock) {
		if b == late.block && in.prefix() == late.prefix {
			steps = append(steps, in.bindStep(b)...)
		}
	})
	if late.suffix != "" {
		steps = slices.DeleteFunc(steps, func(one Step) bool {
			return one.Address != late.Address && !strings.HasPrefix(one.Address, late.Address+"/")
		})
	}
	return steps, e.result()
}

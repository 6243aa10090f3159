package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// Conflicts returns the mistakes of steps on one host that would undo each other's work on every run, by what they claim
// ([modules.Claimer]). Steps that are skipped claim nothing.
func Conflicts(steps []Step) hcl.Diagnostics {
	c := claims{of: map[claimKey][]claimed{}, above: map[string]claimed{}}
	for _, s := range steps {
		c.add(s)
	}
	return tidy(c.diags, nil)
}

// claims are those of the steps of one host.
type claims struct {
	of    map[claimKey][]claimed // those that agree with all before them
	above map[string]claimed     // a claim for something below each directory
	diags hcl.Diagnostics
}

type claimKey struct {
	thing    modules.Thing
	property string
}

// claimed is a claim of a step.
type claimed struct {
	modules.Claim
	step *Step
}

// add adds the claims of a step, and a mistake for each earlier step and thing that they conflict with.
func (c *claims) add(s Step) {
	type pair struct {
		step  *Step
		thing modules.Thing
	}
	var order []pair
	conflicts := map[pair][]string{}
	for _, claim := range s.Claims {
		mine := claimed{claim, &s}
		other, ok := c.conflict(mine)
		if !ok {
			c.note(mine)
			continue
		}
		p := pair{other.step, claim.Thing}
		if conflicts[p] == nil {
			order = append(order, p)
		}
		conflicts[p] = append(conflicts[p], difference(mine, other))
	}
	for _, p := range order {
		c.diags = append(c.diags, mistake(s.Range,
			fmt.Sprintf("%s and %s disagree about %s: %s", s.beside(p.step), p.step.beside(&s), p.thing, strings.Join(conflicts[p], "; ")),
			fmt.Sprintf("The other step is at %s. Each run would undo what one of them did and report a change again. "+
				"Keep one of them, or give both the same values.", p.step.where())))
		if len(s.Included) > 0 {
			c.diags[len(c.diags)-1].Extra = origin{trail: s.Included}
		}
	}
}

// same reports whether s and other are of one step: a late one, and what is in its place.
func (s *Step) same(other *Step) bool { return s.Address == other.Address && s.play == other.play }

// beside is what s is called where other is named, too: its address, with its play where both have the same.
func (s *Step) beside(other *Step) string {
	if s.Address == other.Address && s.play != other.play {
		return s.play + "/" + s.Address
	}
	return s.Address
}

// where is the place of a step, with the includes that it comes from.
func (s *Step) where() string {
	at := place(s.Range)
	for _, r := range s.Included {
		at += ", included at " + place(r)
	}
	return at
}

// conflict returns an earlier claim of another step that mine conflicts with.
func (c *claims) conflict(mine claimed) (claimed, bool) {
	for _, other := range c.of[claimKey{mine.Thing, mine.Property}] {
		if !other.step.same(mine.step) && mine.Conflicts(other.Claim) {
			return other, true
		}
	}
	if mine.Property != "" || mine.Thing.Kind != modules.KindPath {
		return claimed{}, false
	}
	if other, ok := c.above[mine.Thing.Name]; ok && !other.step.same(mine.step) && mine.Conflicts(other.Claim) {
		return other, true
	}
	for p := mine.Thing.Name; p != "/"; {
		p = path.Dir(p)
		for _, other := range c.of[claimKey{modules.Thing{Kind: modules.KindPath, Name: p}, ""}] {
			if !other.step.same(mine.step) && mine.Conflicts(other.Claim) {
				return other, true
			}
		}
	}
	return claimed{}, false
}

// note keeps a claim for the steps after it.
func (c *claims) note(mine claimed) {
	key := claimKey{mine.Thing, mine.Property}
	c.of[key] = append(c.of[key], mine)
	if mine.Property != "" || mine.Thing.Kind != modules.KindPath || mine.Value == modules.Absent {
		return
	}
	for p := mine.Thing.Name; p != "/"; {
		p = path.Dir(p)
		if _, ok := c.above[p]; ok {
			return
		}
		c.above[p] = mine
	}
}

// difference says in what two claims differ: "mode 0600 here, 0644 there".
func difference(here, there claimed) string {
	property := here.Property
	switch {
	case modules.IsBelow(here.Thing.Name, there.Thing.Name):
		return fmt.Sprintf("%s here, but %s is to be %s there", here.Text, there.Thing, there.Text)
	case modules.IsBelow(there.Thing.Name, here.Thing.Name):
		return fmt.Sprintf("%s here, but %s is to be %s there", here.Text, there.Thing, there.Text)
	case here.Text == "" || there.Text == "":
		return "other " + property
	case property != "":
		property += " "
	}
	return fmt.Sprintf("%s%s here, %s there", property, here.Text, there.Text)
}

// conflicts reports the conflicts on some hosts that are sure without the facts of these.
func (e *evaluation) conflicts(of func(*Host) bool) {
	checked := map[string]bool{} // hosts with the same steps are checked once
	for _, host := range e.Hosts {
		if !of(host) {
			continue
		}
		id := e.sameSteps(host)
		if id != "" && checked[id] {
			continue
		}
		checked[id] = true
		var steps []Step
		for _, play := range e.Plays {
			if i := slices.Index(play.Hosts, host); i >= 0 {
				steps = append(steps, e.surely(play, i)...)
			}
		}
		e.report(Conflicts(steps)...)
	}
}

// sameSteps returns what is equal for hosts whose steps are equal; empty if only this host may have these.
func (e *evaluation) sameSteps(host *Host) string {
	var id strings.Builder
	for i, play := range e.Plays {
		switch at := slices.Index(play.Hosts, host); {
		case at < 0:
		case play.block.uses.self:
			return ""
		case at == 0:
			fmt.Fprintf(&id, "first of %d,", i) // run_once
		default:
			fmt.Fprintf(&id, "%d,", i)
		}
	}
	return id.String()
}

// surely returns the steps that a play certainly has on its host number i, as far as they are known.
func (e *evaluation) surely(play *Play, i int) []Step {
	var steps []Step
	first, own := e.scope(stepScope, play, play.Hosts[0]), e.scope(stepScope, play, play.Hosts[i])
	for _, at := range evaluated(play.block.items, first, own) {
		s, b := at.scope, at.block
		x := s.steps[b]
		if x == nil || !x.known || !s.applies() || !s.ofPlay().alwaysTrue(play.block.block.Body.Attributes["when"], cty.NilVal) {
			continue
		}
		for _, in := range x.instances {
			if in.built == nil || !s.alwaysTrue(b.meta("when"), in.each) || i > 0 && (b.meta("run_once") != nil || s.inherited().RunOnce) {
				continue
			}
			for _, part := range in.built.Parts {
				one := Step{
					Address: s.inPlay() + b.address() + in.suffix(), play: s.play.Name, Claims: modules.ClaimsOf(part.Step), Range: b.block.DefRange(),
					Included: s.inherited().Included,
				}
				if part.Name != "" {
					one.Address += "/" + part.Name
				}
				steps = append(steps, one)
			}
		}
	}
	return steps
}

type evaluatedStep struct {
	scope *scope
	block *stepBlock
}

// evaluated returns the step blocks in items, also in includes, each with the scope that [scope.checkItems] evaluated it in: that of
// the play's first host, or the host's own.
func evaluated(items []item, first, own *scope) []evaluatedStep {
	var all []evaluatedStep
	for _, i := range items {
		if i.step != nil {
			at := evaluatedStep{first, i.step}
			if i.step.uses.self {
				at.scope = own
			}
			all = append(all, at)
			continue
		}
		x := first.include(i.include)
		if i.include.uses.self {
			x = own.include(i.include)
		}
		if !x.known {
			continue
		}
		for _, child := range x.scopes {
			all = append(all, evaluated(child.config.items, first.child(child.config, child.key, child.each), child)...)
		}
	}
	return all
}

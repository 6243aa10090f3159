package plan

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// uses describes what the values of a block depend on, directly, through locals, through other steps, and through the inputs and
// outputs of includes.
type uses struct {
	facts bool
	self  bool // they may differ between the hosts of the play
}

func (u uses) and(other uses) uses { return uses{u.facts || other.facts, u.self || other.self} }

// NeedsFacts reports whether [Plan.Bind] needs the facts of a host for the steps of a play.
func (p *Plan) NeedsFacts(play *Play) bool { return play.block.uses.facts }

// setUses sets the uses of the play, and of all steps and includes in it.
func (b *playBlock) setUses() {
	u := b.user()
	if when := b.block.Body.Attributes["when"]; when != nil {
		u.expression(b.config, when.Expr)
	}
	u.around(b.config)
	order := 0
	b.uses = u.and(b.usesOf(b.items, &order))
}

func (b *playBlock) usesOf(items []item, order *int) uses {
	var all uses
	for _, i := range items {
		u := b.user()
		switch {
		case i.step != nil:
			u.step(i.step)
			*order++
			i.step.uses, i.step.asks, i.step.order = u.uses, u.asks, *order
		case i.include.inner != nil:
			u.body(i.include.config, i.include.block.Body)
			u.uses = u.and(b.usesOf(i.include.inner.items, order))
			i.include.uses = u.uses
		}
		all = all.and(u.uses)
	}
	return all
}

func (b *playBlock) user() *userOf { return &userOf{play: b, in: b, seen: map[any]bool{}} }

// usesOwnFacts reports whether an argument of b depends on the facts of the scope's host: directly, through locals or through
// steps of plays that run on that host. Steps of other plays don't depend on them.
func (s *scope) usesOwnFacts(b *stepBlock, expr hcl.Expression) bool {
	u := &userOf{play: b.play, in: b.play, host: s.host, seen: map[any]bool{}}
	u.expression(b.config, expr)
	if attr := b.meta("for_each"); attr != nil {
		u.expression(b.config, attr.Expr) // each depends on it
	}
	return u.facts
}

// userOf collects the uses of an expression or step in play.
type userOf struct {
	uses
	play *playBlock
	in   *playBlock // whose steps expressions refer to
	host *Host      // not nil: ignore steps of plays that don't run on this host
	asks []queryUse
	seen map[any]bool
}

// again reports whether what was visited in c before, and notes that it is.
func (u *userOf) again(c *config, what any) bool {
	id := struct {
		config *config
		what   any
	}{c, what}
	before := u.seen[id]
	u.seen[id] = true
	return before
}

func (u *userOf) step(b *stepBlock) {
	if u.host != nil && !slices.Contains(b.play.play.Hosts, u.host) || u.again(b.config, b) {
		return
	}
	u.facts = u.facts || b.module.NeedsFacts
	u.self = u.self || b.play != u.play // the current host may be in that play, or not
	defer u.inside(b.play)()
	u.body(b.config, b.block.Body)
	u.around(b.config)
}

// inside says that the expressions that follow are in a play, until the function that it returns is called.
func (u *userOf) inside(b *playBlock) (end func()) {
	before := u.in
	if b != nil {
		u.in = b
	}
	return func() { u.in = before }
}

// around collects the uses of the meta-arguments of the includes that c is read for.
func (u *userOf) around(c *config) {
	for ; c.in != nil; c = c.in.config {
		for _, name := range stepMeta {
			if attr := c.in.meta(name); attr != nil && !u.again(c.in.config, attr) {
				u.expression(c.in.config, attr.Expr)
			}
		}
	}
}

func (u *userOf) body(c *config, body *hclsyntax.Body) {
	for _, attr := range body.Attributes {
		u.expression(c, attr.Expr)
	}
	for _, b := range body.Blocks {
		u.body(c, b.Body)
	}
}

func (u *userOf) expression(c *config, expr hcl.Expression) {
	for _, t := range expr.Variables() {
		member := ""
		if len(t) > 1 {
			member = memberName(t[1])
		}
		switch root := t.RootName(); root {
		case "facts":
			u.facts = true
		case "self":
			u.self = true
		case "local":
			for name, attr := range c.locals {
				if (member == "" || member == name) && !u.again(c, attr) {
					u.expression(c, attr.Expr)
				}
			}
		case "var":
			u.inputs(c, member)
		case "include":
			for _, b := range c.includes {
				if (member == "" || member == b.label) && !u.again(c, b) {
					u.outputs(b)
				}
			}
		case queryRoot:
			for _, b := range c.blocks {
				if b.isQuery() && b.play == u.in && (member == "" || member == b.label) {
					u.asks = append(u.asks, queryUseOf(b, t, c))
					u.step(b)
				}
			}
		default:
			for _, b := range c.blocks {
				if b.module.Name == root && (member == "" || member == b.label) {
					u.step(b)
				}
			}
		}
	}
}

// inputs collects the uses of a library's variable, or of all: those of the include's arguments.
func (u *userOf) inputs(c *config, member string) {
	if c.in == nil {
		return
	}
	for name, attr := range c.in.block.Body.Attributes {
		if (member == "" || member == name || name == "for_each") && !u.again(c.in.config, attr) {
			u.expression(c.in.config, attr.Expr)
		}
	}
}

func (u *userOf) outputs(b *includeBlock) {
	if b.inner == nil {
		return
	}
	u.self = u.self || b.play != u.play
	defer u.inside(b.play)()
	if attr := b.meta("for_each"); attr != nil {
		u.expression(b.config, attr.Expr)
	}
	for _, o := range b.inner.outputs {
		u.body(b.inner, o.block.Body)
	}
}

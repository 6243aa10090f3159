package plan

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// uses describes what the values of a block depend on, directly, through locals and through other steps.
type uses struct {
	facts bool
	self  bool // they may differ between the hosts of the play
}

func (u uses) and(other uses) uses { return uses{u.facts || other.facts, u.self || other.self} }

// NeedsFacts reports whether [Plan.Bind] needs the facts of a host for the steps of a play.
func (p *Plan) NeedsFacts(play *Play) bool { return play.block.uses.facts }

func (c *config) stepUses(b *stepBlock) uses {
	u := &userOf{config: c, play: b.play, seen: map[any]bool{}}
	u.step(b)
	return u.uses
}

func (c *config) usesOf(expr hcl.Expression, play *playBlock) uses {
	u := &userOf{config: c, play: play, seen: map[any]bool{}}
	u.expression(expr)
	return u.uses
}

// usesOwnFacts reports whether an argument of b depends on the facts of the scope's host: directly, through locals or through
// steps of plays that run on that host. Steps of other plays don't depend on them.
func (s *scope) usesOwnFacts(b *stepBlock, expr hcl.Expression) bool {
	u := &userOf{config: s.config, play: b.play, host: s.host, seen: map[any]bool{}}
	u.expression(expr)
	if attr := b.meta("for_each"); attr != nil {
		u.expression(attr.Expr) // each depends on it
	}
	return u.facts
}

// userOf collects the uses of an expression or step in play.
type userOf struct {
	*config
	uses
	play *playBlock
	host *Host // not nil: ignore steps of plays that don't run on this host
	seen map[any]bool
}

func (u *userOf) step(b *stepBlock) {
	if u.seen[b] || u.host != nil && !slices.Contains(b.play.play.Hosts, u.host) {
		return
	}
	u.seen[b] = true
	u.facts = u.facts || b.module.NeedsFacts
	u.self = u.self || b.play != u.play // the current host may be in that play, or not
	u.body(b.block.Body)
}

func (u *userOf) body(body *hclsyntax.Body) {
	for _, attr := range body.Attributes {
		u.expression(attr.Expr)
	}
	for _, b := range body.Blocks {
		u.body(b.Body)
	}
}

func (u *userOf) expression(expr hcl.Expression) {
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
			for name, attr := range u.locals {
				if (member == "" || member == name) && !u.seen[attr] {
					u.seen[attr] = true
					u.expression(attr.Expr)
				}
			}
		default:
			if _, ok := u.modules[root]; !ok {
				continue
			}
			for _, label := range u.labels(root) {
				if member == "" || member == label {
					for _, b := range u.config.steps(root, label) {
						u.step(b)
					}
				}
			}
		}
	}
}

package plan

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// HostIsKnown returns a mistake for each variable without a value on which the block of a host depends: with [UnsetAny] such a host
// must not be connected to.
func (p *Plan) HostIsKnown(h *Host) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if len(p.Unset) == 0 {
		return diags
	}
	seen := map[string]bool{}
	var follow func(hcl.Expression)
	all := func(body *hclsyntax.Body) {
		for _, attr := range sortedAttributes(body) {
			follow(attr.Expr)
		}
	}
	hosts := func(name string) { // an empty name: all of them
		for _, b := range p.hostOrder {
			if name == "" || b.name == name {
				all(b.block.Body)
			}
		}
	}
	follow = func(expr hcl.Expression) {
		for _, t := range expr.Variables() {
			root, name := t.RootName(), ""
			if len(t) > 1 {
				name = memberName(t[1])
			}
			id := root + "." + name
			if seen[id] {
				continue
			}
			seen[id] = true
			switch root {
			case "var":
				for _, x := range p.config.variables {
					if (name == "" || x.name == name) && slices.Contains(p.Unset, x.name) {
						diags = append(diags, x.withoutValue())
					}
				}
			case "local":
				for local, attr := range p.config.locals {
					if name == "" || local == name {
						follow(attr.Expr)
					}
				}
			case "include":
				for _, b := range p.config.includes {
					if name == "" || b.label == name {
						all(b.block.Body)
					}
				}
			case "host":
				hosts(name)
			case "group":
				hosts("")
			}
		}
	}
	hosts(h.Name)
	return tidy(diags, p.Secrets)
}

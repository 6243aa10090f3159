package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// makePlays reads the attributes of the play blocks and returns the plays in the order in which they run: that of the
// plan, except that each comes after those that it depends on.
func (s *scope) makePlays(hosts []*Host) []*Play {
	var plays []*Play
	blocks := s.expandPlays(s.config)
	byName := map[string]*Host{}
	for _, h := range hosts {
		byName[h.Name] = h
	}
	for _, b := range blocks {
		b.play = s.inside(b.config).makePlay(b, byName)
		plays = append(plays, b.play)
	}
	for _, b := range blocks {
		b.setUses()
	}
	return s.order(plays)
}

func (s *scope) makePlay(b *playBlock, hosts map[string]*Host) *Play {
	p := &Play{Name: b.fullName(), Range: b.block.DefRange(), block: b}
	what := fmt.Sprintf("play %q", b.name)
	attrs := b.block.Body.Attributes
	if attr := attrs["hosts"]; attr == nil {
		s.report(mistake(b.block.DefRange(), what+" has no hosts",
			"Say on which hosts it runs: `hosts = group.NAME`, `hosts = group.all` or `hosts = [host.NAME, ...]`."))
	} else if names, ok := s.hostList(attr, what, cty.NilVal); ok {
		for _, name := range names {
			h := hosts[name]
			p.Hosts, p.peers = append(p.Hosts, h), append(p.peers, modules.Peer{Name: h.Name, Address: h.Address})
		}
		if len(names) == 0 && !s.missingHosts {
			s.report(s.emptyHosts(attr, what))
		}
	}
	if attr := attrs["serial"]; attr != nil {
		p.Serial = s.count(attr, what, cty.NilVal, 1, 0)
	}
	if attr := attrs["max_fail"]; attr != nil {
		p.MaxFail = s.count(attr, what, cty.NilVal, 0, 0)
		if attrs["serial"] == nil {
			s.report(mistake(attr.NameRange, what+": max_fail has no effect without serial", "All hosts of a play are worked on at the same time, unless serial says how many."))
		}
	}
	if attr := attrs["tags"]; attr != nil {
		v, _ := s.typed(attr, what, cty.List(cty.String), cty.NilVal)
		s.shown(attr, what, v)
		p.Tags = stringList(v)
		s.Tags = append(s.Tags, p.Tags...)
	}
	if attr := attrs["preflight"]; attr != nil {
		p.Preflight = s.preflight(attr, what, cty.NilVal)
	}
	return p
}

func (s *scope) emptyHosts(attr *hclsyntax.Attribute, what string) *hcl.Diagnostic {
	detail := "Name at least one host, or remove the play."
	if t, diags := hcl.AbsTraversalForExpr(attr.Expr); !diags.HasErrors() && t.RootName() == "group" && len(t) == 2 {
		name := memberName(t[1])
		detail = fmt.Sprintf("The group %q is empty: add `groups = [%q]` to a host, or the hosts to its group block.", name, name)
		if name == allHosts {
			detail = "The plan has no hosts: add a block `host \"NAME\" { address = ... }`."
		}
	}
	return mistake(attr.Expr.Range(), what+" has no hosts", detail)
}

// order sorts plays so that each comes after those that it depends on, and otherwise as in the plan.
func (s *scope) order(plays []*Play) []*Play {
	refs := map[[2]*Play]hcl.Range{}
	for _, p := range plays {
		attr := p.block.block.Body.Attributes["depends_on"]
		if attr == nil {
			continue
		}
		for _, d := range s.inside(p.block.config).dependencies(attr, p, plays) {
			p.DependsOn = append(p.DependsOn, d.play)
			refs[[2]*Play{p, d.play}] = d.at
		}
	}
	var ordered, path []*Play
	var visit func(p *Play)
	visit = func(p *Play) {
		if slices.Contains(ordered, p) {
			return
		}
		if i := slices.Index(path, p); i >= 0 {
			var names []string
			for _, q := range append(path[i:], p) {
				names = append(names, fmt.Sprintf("%q", q.Name))
			}
			s.report(mistake(refs[[2]*Play{path[len(path)-1], p}], fmt.Sprintf("play %q depends on itself", p.Name),
				fmt.Sprintf("The cycle is %s. Remove one of these depends_on.", strings.Join(names, " -> "))))
			return
		}
		path = append(path, p)
		for _, need := range p.DependsOn {
			visit(need)
		}
		path = path[:len(path)-1]
		ordered = append(ordered, p)
	}
	for _, p := range plays {
		visit(p)
	}
	return ordered
}

type dependency struct {
	play *Play
	at   hcl.Range
}

// dependencies reads depends_on: a list of play.NAME or of names.
func (s *scope) dependencies(attr *hclsyntax.Attribute, p *Play, plays []*Play) []dependency {
	exprs, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("play %q: depends_on must be a list of plays", p.Name),
			"Write `depends_on = [play.NAME]`, or [\"NAME\"] for a name with spaces."))
		return nil
	}
	byName := map[string]*Play{} // those of the same files by their names, all by their full ones
	for _, play := range plays {
		byName[play.Name] = play
	}
	for _, b := range s.config.plays {
		byName[b.name] = b.play
	}
	var found []dependency
	for _, expr := range exprs {
		var name string
		if t, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() && t.RootName() == "play" && len(t) == 2 {
			name = memberName(t[1])
		} else if v, ok := s.eval(expr, cty.NilVal); ok && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && !v.IsMarked() {
			name = v.AsString()
		} else {
			if ok {
				s.report(mistake(expr.Range(), fmt.Sprintf("play %q: depends_on may only name plays", p.Name),
					"Write play.NAME. Steps run in the order of the file and need no depends_on."))
			}
			continue
		}
		if play := byName[name]; play != nil {
			found = append(found, dependency{play, expr.Range()})
		} else {
			s.report(mistake(expr.Range(), fmt.Sprintf("There is no play %q", name), didYouMean(name, sortedKeys(byName), "The plays are")))
		}
	}
	return found
}

// fullName is the name of the play in reports: with the includes that it comes from.
func (b *playBlock) fullName() string { return b.config.prefix() + b.name }

// prefix is that of the scopes of a library at the top level.
func (c *config) prefix() string {
	if c.in == nil {
		return ""
	}
	suffix := ""
	if c.each != cty.NilVal {
		suffix = fmt.Sprintf("[%q]", c.key)
	}
	return c.in.config.prefix() + c.in.label + suffix + "/"
}

// playApplies evaluates the play's `when` for the current host.
func (s *scope) playApplies() (applies, known bool) {
	attr := s.play.block.block.Body.Attributes["when"]
	if attr == nil {
		return true, true
	}
	return s.boolean(attr, fmt.Sprintf("play %q", s.play.Name), cty.NilVal)
}

package plan

import (
	"iter"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Outlined is a step of a play as far as the plan alone shows it.
type Outlined struct {
	Play    string
	Address string // as Step.Address; if Open, that of the block or include around what is unknown
	Plain   string // Address without the keys of for_each
	Module  string // empty if only the include is known
	Tags    []string

	// Open is whether what is below Address depends on facts or answers, or on a for_each that is empty, perhaps only today; OpenTags
	// whether there may be other tags.
	Open, OpenTags bool
}

// Outline returns the steps of the plan on the hosts that limit names, all if it is empty. A step comes once for each host on which
// it may differ.
func (p *Plan) Outline(limit []string) iter.Seq[Outlined] {
	return func(yield func(Outlined) bool) {
		for _, play := range p.Plays {
			hosts := slices.DeleteFunc(slices.Clone(play.Hosts), func(h *Host) bool { return len(limit) > 0 && !slices.Contains(limit, h.Name) })
			if !play.block.uses.self {
				hosts = hosts[:min(1, len(hosts))]
			}
			for _, h := range hosts {
				s := p.evaluation(nil).scope(stepScope, play, h)
				if !s.outline(play.block.items, false, yield) {
					return
				}
			}
		}
	}
}

// outline yields the steps in items until yield returns false; openTags is whether the includes around them have tags that are
// unknown.
func (s *scope) outline(items []item, openTags bool, yield func(Outlined) bool) bool {
	for _, i := range items {
		if i.step != nil {
			if !s.outlineStep(i.step, openTags, yield) {
				return false
			}
			continue
		}
		if i.include.inner == nil {
			continue
		}
		x := s.include(i.include)
		if !x.known || len(x.scopes) == 0 {
			if !yield(Outlined{Play: s.play.Name, Address: s.inPlay() + i.include.label, Plain: s.plainInPlay() + i.include.label, Open: true, OpenTags: true}) {
				return false
			}
			continue
		}
		for _, child := range x.scopes {
			if !child.outline(child.config.items, openTags || !s.tagsKnown(i.include.meta, child.each), yield) {
				return false
			}
		}
	}
	return true
}

func (s *scope) outlineStep(b *stepBlock, openTags bool, yield func(Outlined) bool) bool {
	o := Outlined{Play: s.play.Name, Address: s.inPlay() + b.address(), Plain: s.plainInPlay() + b.address(), Module: b.module.Name, Open: true, OpenTags: true}
	x := s.expand(b)
	if !x.known || len(x.instances) == 0 {
		return yield(o)
	}
	for _, i := range x.instances {
		o.Address = s.inPlay() + b.address() + i.suffix()
		o.Tags, o.OpenTags = s.metaArguments(i).Tags, openTags || !s.tagsKnown(b.meta, i.each)
		s.decode(i)
		s.build(i)
		if o.Open = i.built == nil; o.Open {
			if !yield(o) {
				return false
			}
			continue
		}
		for _, part := range i.built.Parts {
			one := o
			if part.Name != "" {
				one.Address, one.Plain = one.Address+"/"+part.Name, one.Plain+"/"+part.Name
			}
			if !yield(one) {
				return false
			}
		}
	}
	return true
}

// plainInPlay is inPlay without keys.
func (s *scope) plainInPlay() string {
	if s.up == nil || s.config == s.play.block.config {
		return ""
	}
	return s.up.plainInPlay() + s.config.in.label + "/"
}

// tagsKnown reports whether the tags of a block are known without facts.
func (s *scope) tagsKnown(meta func(string) *hclsyntax.Attribute, each cty.Value) bool {
	attr := meta("tags")
	if attr == nil {
		return true
	}
	v, ok := s.eval(attr.Expr, each)
	return ok && v.IsWhollyKnown()
}

// Selects reports whether chosen, an address of steps as reports show it, means the step with an address: the step itself, one of its
// parts, an element of its for_each, or a step of the include. The keys of for_each may be left out of chosen.
func Selects(chosen, address string) bool {
	c, a := segments(chosen), segments(address)
	return len(c) <= len(a) && alike(c, a)
}

// MaySelect reports whether chosen may mean a step at address, or one of what is in its place but not known yet.
func MaySelect(chosen, address string) bool {
	c, a := segments(chosen), segments(address)
	if len(c) < len(a) {
		return alike(c, a)
	}
	last := len(a) - 1
	return alike(c[:last], a[:last]) && (alike(c[last:last+1], a[last:]) || strings.HasPrefix(c[last], a[last]+"["))
}

// MayHave reports whether chosen may be the address of a step of the play, or a part of one or an include: by the blocks alone, whatever
// keys and parts there are.
func (p *Play) MayHave(chosen string) bool {
	c := segments(chosen)
	return slices.ContainsFunc(p.Addresses(), func(address string) bool {
		for i, a := range segments(address) {
			if i < len(c) && a != c[i] && !strings.HasPrefix(c[i], a+"[") {
				return false
			}
		}
		return true
	})
}

// alike reports whether the segments of a chosen address mean those of a step's.
func alike(chosen, address []string) bool {
	for i, c := range chosen {
		if rest, ok := strings.CutPrefix(address[i], c); ok && (rest == "" || rest[0] == '[') {
			continue
		}
		return false
	}
	return true
}

// segments splits an address at each / that is not in quotes.
func segments(address string) []string {
	var all []string
	quoted, start := false, 0
	for i := 0; i < len(address); i++ {
		switch {
		case address[i] == '\\' && quoted:
			i++
		case address[i] == '"':
			quoted = !quoted
		case address[i] == '/' && !quoted:
			all, start = append(all, address[start:i]), i+1
		}
	}
	return append(all, address[start:])
}

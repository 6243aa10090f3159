package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// origin is where a mistake comes from, beside its place in a file: the Extra of a diagnostic until [tidy] has put it in words.
type origin struct {
	trail includes
	subject
}

// includes are the places of the includes that a mistake is in, from the innermost to that in the plan.
type includes []hcl.Range

// subject is for which of several things a block was evaluated when a mistake was found.
type subject struct {
	host string // of the play; empty: the mistake does not depend on the host
	of   int    // how many hosts the play has
	self bool   // the mistake's expression refers to self
	made string // a host or group that for_each made
	kind string // of made: "host" or "group"
	keys string // of for_each, of the step and its includes, as in its address
}

func originOf(d *hcl.Diagnostic) origin {
	o, _ := d.Extra.(origin)
	return o
}

func (o origin) empty() bool { return len(o.trail) == 0 && o.subject == subject{} }

// alikes are the diagnostics of one mistake: of one place, found for several instances.
type alikes struct {
	first    *hcl.Diagnostic
	subjects []subject
	has      map[subject]bool
	differ   bool // their texts differ
	trails   []includes
}

// specifics are what differs between instances of one mistake: names, values and numbers, and what there is instead.
var specifics = regexp.MustCompile(`Did you mean [^?]*\?|(It has|The keys are|There are) [^.]*\.|"(\\.|[^"\\])*"|[0-9]+`)

// group returns diagnostics of which each stands for all of one mistake.
func group(diags hcl.Diagnostics) []*alikes {
	type key struct{ shape, at string }
	groups := map[key][]*alikes{}
	var all []*alikes
	for _, d := range diags {
		o := originOf(d)
		k := key{shape: specifics.ReplaceAllString(d.Summary+"\n"+d.Detail, "")}
		if d.Subject != nil {
			k.at = d.Subject.String()
		}
		same := func(g *alikes) bool { return g.first.Summary == d.Summary && g.first.Detail == d.Detail }
		i := slices.IndexFunc(groups[k], func(g *alikes) bool {
			return same(g) || o.subject != subject{} && !g.has[o.subject] && slices.Equal(originOf(g.first).trail, o.trail)
		})
		if i < 0 {
			g := &alikes{first: d, has: map[subject]bool{}}
			groups[k], all, i = append(groups[k], g), append(all, g), len(groups[k])
		}
		g := groups[k][i]
		g.differ = g.differ || !same(g)
		if !slices.ContainsFunc(g.trails, func(t includes) bool { return slices.Equal(t, o.trail) }) {
			g.trails = append(g.trails, o.trail)
		}
		if !g.has[o.subject] {
			g.has[o.subject] = true
			g.subjects = append(g.subjects, o.subject)
		}
	}
	return all
}

// included says where the files that have the mistake are included.
func (g *alikes) included() string {
	text := Included(g.trails[0])
	switch more := len(g.trails) - 1; {
	case more == 0 || text == "":
		return text
	case more == 1:
		return strings.TrimSuffix(text, ".") + ", and in one more place."
	default:
		return fmt.Sprintf("%s, and in %d more places.", strings.TrimSuffix(text, "."), more)
	}
}

// someKey stands in addresses for those of a for_each whose elements are unknown.
const someKey = `["..."]`

// where says for which hosts and elements of for_each a mistake was found, as far as it does not say so itself.
func (g *alikes) where() string {
	var hosts, made, keys []string
	add := func(to *[]string, name string) {
		if name != "" && !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, i := range g.subjects {
		add(&hosts, i.host)
		add(&made, i.made)
		if !strings.Contains(i.keys, someKey) {
			add(&keys, i.keys)
		}
	}
	first := g.subjects[0]
	var text []string
	switch {
	case len(made) > 0 && !strings.Contains(g.first.Summary, fmt.Sprintf("%q", made[0])):
		text = append(text, fmt.Sprintf("For %s.", few(first.kind, made)))
	case len(made) > 1:
		text = append(text, fmt.Sprintf("The same holds for %s.", few(first.kind, made[1:])))
	}
	switch {
	case len(keys) > 0 && !g.differ && strings.HasPrefix(g.first.Summary, "each"):
		text = append(text, fmt.Sprintf("For %s.", fewOf(keys)))
	case len(keys) > 1 && g.differ:
		text = append(text, fmt.Sprintf("The same holds for %s.", fewOf(keys[1:])))
	}
	named := len(hosts) > 0 && strings.Contains(g.first.Summary, fmt.Sprintf("%q", hosts[0]))
	everywhere := len(hosts) == first.of
	switch {
	case len(hosts) == 0 || len(hosts) == 1 && named:
	case everywhere && !g.differ && !(first.self && strings.Contains(g.first.Summary, "self")): // it is no matter of the host
	case len(hosts) == 1:
		text = append(text, fmt.Sprintf("On %s.", few("host", hosts)))
	case everywhere:
		text = append(text, fmt.Sprintf("On all %d hosts of the play.", len(hosts)))
	default:
		text = append(text, fmt.Sprintf("On %s.", few("host", hosts)))
	}
	return strings.Join(text, " ")
}

// fewOf lists names, the first of many.
func fewOf(names []string) string {
	const few = 3
	if len(names) > few+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}

// few is fewOf with the noun: "host a", "the hosts a and b".
func few(noun string, names []string) string {
	if len(names) == 1 {
		return noun + " " + names[0]
	}
	return fmt.Sprintf("the %ss %s", noun, fewOf(names))
}

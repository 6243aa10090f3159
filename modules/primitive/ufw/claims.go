package ufw

import (
	"slices"
	"strconv"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.Claimer = (*Step)(nil)

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.Claim{Thing: modules.Thing{Kind: "the firewall"}}
	all := []modules.Claim{is.With("enabled", strconv.FormatBool(s.Enabled)), is.Hidden("rules", ruleSet{s.Rules, s.Gone, s.Exclusive})}
	for _, property := range []struct{ name, value string }{
		{"default_incoming", s.Incoming}, {"default_outgoing", s.Outgoing}, {"default_routed", s.Routed}, {"logging", s.Logging},
	} {
		if property.value != "" {
			all = append(all, is.With(property.name, property.value))
		}
	}
	return all
}

// ruleSet are the rules that a firewall has, and perhaps no others.
type ruleSet struct {
	rules     []desiredRule
	gone      []desiredRule
	exclusive bool
}

// Agrees implements [modules.Agreer].
func (r ruleSet) Agrees(with any) bool {
	other, ok := with.(ruleSet)
	return ok && r.allows(other) && other.allows(r)
}

// allows reports whether r does nothing against the rules of other.
func (r ruleSet) allows(other ruleSet) bool {
	for _, w := range other.rules {
		i := slices.IndexFunc(r.rules, w.overlaps)
		if slices.ContainsFunc(r.gone, w.overlaps) {
			return false
		}
		if i < 0 && r.exclusive || i >= 0 && r.rules[i].rule != w.rule {
			return false
		}
	}
	return true
}

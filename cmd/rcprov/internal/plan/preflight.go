package plan

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// preflight reads `preflight = { memory = "warn" }`.
func (s *scope) preflight(attr *hclsyntax.Attribute, what string, each cty.Value) map[modules.Topic]modules.Level {
	v, ok := s.typed(attr, what, cty.Map(cty.String), each)
	s.shown(attr, what, v)
	v, _ = v.UnmarkDeep()
	if !ok || !v.IsWhollyKnown() || v.IsNull() {
		return nil
	}
	levels := map[modules.Topic]modules.Level{}
	values := v.AsValueMap()
	for _, key := range sortedKeys(values) {
		value := values[key]
		check := modules.Topic(key)
		if !slices.Contains(modules.Topics, check) {
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: preflight has no check %q", what, key),
				didYouMean(key, words(modules.Topics), "The checks are")))
			continue
		}
		level := modules.Level("")
		if !value.IsNull() {
			level = modules.Level(value.AsString())
		}
		if !slices.Contains(modules.Levels, level) {
			detail := ""
			if near := nearest(string(level), words(modules.Levels)); near != "" {
				detail = fmt.Sprintf("Did you mean %q?", near)
			}
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: preflight.%s must be %s, not %s", what, key, oneOf(words(modules.Levels)), describe(value)), detail))
			continue
		}
		levels[check] = level
	}
	return levels
}

func words[W ~string](list []W) []string {
	texts := make([]string, len(list))
	for i, word := range list {
		texts[i] = string(word)
	}
	return texts
}

// required returns the requirements that the plan doesn't turn off.
func required(all []modules.Requirement, levels map[modules.Topic]modules.Level) []modules.Requirement {
	var kept []modules.Requirement
	for _, r := range all {
		if levels[r.Topic()] != modules.LevelOff {
			kept = append(kept, r)
		}
	}
	return kept
}

package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// selection is what the flags say about the steps of a run.
type selection struct {
	tags, skipTags, only, approve []string
}

// chosen is a selection as the engine takes it.
type chosen struct{ only, approved []engine.Only }

// choose checks the selection: each of its names must mean a step on the hosts that limit names, and together they must leave one.
func (s selection) choose(p *plan.Plan, limit []string) (chosen, error) {
	if err := checkTags(p, "--tags", s.tags); err != nil {
		return chosen{}, err
	}
	if err := checkTags(p, "--skip-tags", s.skipTags); err != nil {
		return chosen{}, err
	}
	only, err := namedSteps(p, "--only", s.only, limit, isStep)
	if err != nil {
		return chosen{}, err
	}
	approved, err := namedSteps(p, "--approve", s.approve, limit, isApproval)
	if err != nil {
		return chosen{}, err
	}
	if len(s.tags)+len(s.skipTags)+len(only) == 0 {
		return chosen{nil, approved}, nil
	}
	for o := range p.Outline(limit) {
		if s.leaves(o, only) {
			return chosen{only, approved}, nil
		}
	}
	return chosen{}, s.leavesNothing(p, limit)
}

// leaves reports whether a run does a step, or perhaps one in its place.
func (s selection) leaves(o plan.Outlined, only []engine.Only) bool {
	has := func(tags []string) bool {
		return slices.ContainsFunc(o.Tags, func(tag string) bool { return slices.Contains(tags, tag) })
	}
	return isStep(o) && !has(s.skipTags) && (len(s.tags) == 0 || o.OpenTags || has(s.tags)) &&
		(len(only) == 0 || slices.ContainsFunc(only, func(one engine.Only) bool { return means(one, o) }))
}

func (s selection) leavesNothing(p *plan.Plan, limit []string) error {
	var flags []string
	for _, flag := range []struct {
		name   string
		values []string
	}{{"--tags", s.tags}, {"--skip-tags", s.skipTags}, {"--only", s.only}} {
		if len(flag.values) > 0 {
			flags = append(flags, flag.name+" "+strings.Join(flag.values, ","))
		}
	}
	hint := "Name other ones, or fewer."
	if len(limit) > 0 && len(limit) < len(p.Hosts) {
		hint = fmt.Sprintf("The hosts of this run are %s.", someOf(limit))
	}
	return modules.WithHint(fmt.Errorf("%s: no step is left", strings.Join(flags, " ")), "%s", hint)
}

// checkTags returns an error unless all tags, the value of a flag, are in the plan.
func checkTags(p *plan.Plan, flag string, tags []string) error {
	for _, tag := range tags {
		if p.OpenTags || slices.Contains(p.Tags, tag) {
			continue
		}
		return fmt.Errorf("%s: %w", flag, unknownName("tag", tag, p.Tags))
	}
	return nil
}

// keys are those of for_each in addresses.
var keys = regexp.MustCompile(`\["(\\.|[^"\\])*"\]`)

// namedSteps returns the steps that names, the values of a flag, mean: each is PLAY/STEP, as reports show it, or the beginning of one;
// keys of for_each may be left out. Each must mean a step on the hosts that limit names, of those that suit.
func namedSteps(p *plan.Plan, flag string, names, limit []string, suits func(plan.Outlined) bool) ([]engine.Only, error) {
	var all []engine.Only
	for _, name := range names {
		candidates := split(p, name)
		if !meant(p, limit, candidates, suits) {
			return nil, notMeant(p, flag, name, limit, candidates, suits)
		}
		all = append(all, candidates...)
	}
	return all, nil
}

// meant reports whether a step that suits, on the hosts that limit names, is one of candidates.
func meant(p *plan.Plan, limit []string, candidates []engine.Only, suits func(plan.Outlined) bool) bool {
	if len(candidates) == 0 {
		return false
	}
	for o := range p.Outline(limit) {
		if suits(o) && slices.ContainsFunc(candidates, func(one engine.Only) bool { return means(one, o) }) {
			return true
		}
	}
	return false
}

// notMeant says why name, the value of a flag, means no step.
func notMeant(p *plan.Plan, flag, name string, limit []string, candidates []engine.Only, suits func(plan.Outlined) bool) error {
	plain := !strings.Contains(name, "[") // keys may be left out
	known := blocks(p, plain)
	if len(candidates) > 0 || strings.HasPrefix(flag, "--approve") {
		var elsewhere, query, other bool
		seen := map[string]bool{}
		known = nil
		for o := range p.Outline(nil) {
			found := slices.ContainsFunc(candidates, func(one engine.Only) bool { return means(one, o) })
			elsewhere = elsewhere || found && suits(o)
			query = query || found && isQuery(o)
			other = other || found
			address := o.Play + "/" + o.Address
			if plain {
				address = keys.ReplaceAllString(o.Play, "") + "/" + o.Plain
			}
			if !seen[address] && o.Module != "" && suits(o) {
				seen[address] = true
				known = append(known, address)
			}
		}
		switch {
		case elsewhere:
			return modules.WithHint(fmt.Errorf("%s: %s is a step of other hosts", flag, name), "The hosts of this run are %s.", someOf(limit))
		case query:
			return modules.WithHint(fmt.Errorf("%s: %s is a query", flag, name), "It is asked in each run. Name the steps that need its answer.")
		case other:
			return modules.WithHint(fmt.Errorf("%s: %s is not an approval", flag, name), "The plan has %s.", cmp.Or(someOf(known), "none"))
		}
	}
	if slices.ContainsFunc(p.Plays, func(play *plan.Play) bool { return play.Name == name }) || !strings.Contains(name, "/") {
		return modules.WithHint(fmt.Errorf("%s: %q is not PLAY/STEP", flag, name), "The steps are %s.", cmp.Or(someOf(known), "none"))
	}
	return fmt.Errorf("%s: %w", flag, unknownName("step", name, known))
}

// means reports whether a chosen address means a step, or may mean one in its place.
func means(one engine.Only, o plan.Outlined) bool {
	return one.Includes(o.Play, o.Address) || o.Open && one.Play == o.Play && plan.MaySelect(one.Step, o.Address)
}

// split returns the ways to read name as PLAY/STEP that lead to a step's block: both may contain a /, and the keys of a play's includes
// may be left out.
func split(p *plan.Plan, name string) []engine.Only {
	var all []engine.Only
	for _, play := range p.Plays {
		for _, called := range slices.Compact([]string{play.Name, keys.ReplaceAllString(play.Name, "")}) {
			if step, ok := strings.CutPrefix(name, called+"/"); ok && play.MayHave(step) {
				all = append(all, engine.Only{Play: play.Name, Step: step})
				break
			}
		}
	}
	return all
}

func isQuery(o plan.Outlined) bool { return o.Module == "query" }

func isStep(o plan.Outlined) bool { return !isQuery(o) }

// isApproval reports whether a step is an approval, or may be one.
func isApproval(o plan.Outlined) bool { return o.Module == "approval" || o.Module == "" }

// blocks are the addresses of the plan's steps without the keys of for_each and the parts of products, as PLAY/STEP, each once; those of
// plays have no keys only if plain.
func blocks(p *plan.Plan, plain bool) []string {
	var all []string
	seen := map[string]bool{}
	for _, play := range p.Plays {
		name := play.Name
		if plain {
			name = keys.ReplaceAllString(name, "")
		}
		for _, address := range play.Addresses() {
			if one := name + "/" + address; !seen[one] {
				seen[one] = true
				all = append(all, one)
			}
		}
	}
	return all
}

package cli

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/pflag"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// hostOf returns the host of p with this name.
func hostOf(p *plan.Plan, name string) (*plan.Host, error) {
	for _, h := range p.Hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, unknownName("host", name, hostNames(p))
}

func hostNames(p *plan.Plan) []string {
	names := make([]string, len(p.Hosts))
	for i, h := range p.Hosts {
		names[i] = h.Name
	}
	return names
}

// limited returns the names of the hosts that limit, the value of --limit, chooses; nil for all. Each of its terms is the name of a
// host or a group, a pattern of names (path.Match), or @ and a file with the --json lines of a run: the hosts that it has not done. Several joined by & must all hold; with ! in front, it must not. A host is
// chosen if a term without ! does so, or if there is none, and no term with ! takes it away. Names and patterns that match nothing are an
// error, and so is a choice of no host.
func limited(p *plan.Plan, limit []string) ([]string, error) { return limitedBy(p, "--limit: ", limit) }

// limitedBy is limited for terms that stand elsewhere; errors begin with prefix.
func limitedBy(p *plan.Plan, prefix string, limit []string) ([]string, error) {
	if len(limit) == 0 {
		return nil, nil
	}
	known := append(hostNames(p), allGroup)
	for _, h := range p.Hosts {
		known = append(known, h.Groups...)
	}
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	var chosen, excluded []func(*plan.Host) bool
	for _, term := range limit {
		if commas := withCommas(term, known); commas != "" {
			return nil, modules.WithHint(fmt.Errorf("%s%q is no name of a host or group", prefix, term), "Terms are separated by commas: %q.", commas)
		}
		var all []func(*plan.Host) bool
		factors := strings.Split(term, "&")
		for _, factor := range factors {
			name, not := strings.CutPrefix(strings.TrimSpace(factor), "!")
			matches, err := named(name, known, p)
			if err != nil {
				return nil, fmt.Errorf("%s%w", prefix, err)
			}
			if not && len(factors) > 1 {
				all = append(all, func(h *plan.Host) bool { return !matches(h) })
				continue
			}
			all = append(all, matches)
			if not {
				excluded = append(excluded, matches)
			}
		}
		if len(factors) > 1 || !strings.HasPrefix(strings.TrimSpace(term), "!") {
			chosen = append(chosen, func(h *plan.Host) bool {
				return !slices.ContainsFunc(all, func(holds func(*plan.Host) bool) bool { return !holds(h) })
			})
		}
	}
	names := []string{}
	for _, h := range p.Hosts {
		applies := func(rule func(*plan.Host) bool) bool { return rule(h) }
		if (len(chosen) == 0 || slices.ContainsFunc(chosen, applies)) && !slices.ContainsFunc(excluded, applies) {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 && len(limit) == 1 && strings.HasPrefix(limit[0], "@") {
		return nil, fmt.Errorf("%sno host is left to do by %s", prefix, limit[0][1:])
	}
	if len(names) == 0 {
		return nil, modules.WithHint(fmt.Errorf("%sno host is left by %q", prefix, strings.Join(limit, ",")), "The hosts are %s.", someOf(hostNames(p)))
	}
	return names, nil
}

// withCommas returns a term that is divided by Ansible's colons, or by semicolons, as it is written here; empty: it isn't.
func withCommas(term string, known []string) string {
	i := strings.IndexAny(term, ":;")
	if i < 0 || strings.HasPrefix(term, "@") || slices.Contains(known, term) {
		return ""
	}
	first := strings.TrimPrefix(term[:i], "!")
	if !slices.ContainsFunc(known, func(k string) bool { matched, _ := path.Match(first, k); return matched || k == first }) {
		return ""
	}
	return strings.NewReplacer(":&", "&", ";&", "&", ":", ",", ";", ",").Replace(term)
}

// allGroup is the group of all hosts.
const allGroup = "all"

// named returns what tells the hosts that name, or a pattern, means: by their own names or those of their groups.
func named(name string, known []string, p *plan.Plan) (func(*plan.Host) bool, error) {
	if file, ok := strings.CutPrefix(name, "@"); ok {
		open, err := openHosts(file)
		if err != nil {
			return nil, err
		}
		for _, host := range open {
			if _, err := hostOf(p, host); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		return func(h *plan.Host) bool { return slices.Contains(open, h.Name) }, nil
	}
	found := map[string]bool{}
	for _, k := range known {
		matched, err := path.Match(name, k)
		if err != nil {
			return nil, modules.WithHint(fmt.Errorf("%q is not a pattern", name), "A pattern has * for any text, ? for one character, [a-c] for one of several.")
		}
		found[k] = matched || k == name
	}
	isPattern := strings.ContainsAny(name, "*?[")
	if !slices.ContainsFunc(known, func(k string) bool { return found[k] }) {
		if isPattern {
			return nil, modules.WithHint(fmt.Errorf("no host or group of the plan matches %q", name), "It has %s.", someOf(known))
		}
		return nil, unknownName("host or group", name, known)
	}
	return func(h *plan.Host) bool {
		return found[h.Name] || found[allGroup] && !isPattern || slices.ContainsFunc(h.Groups, func(group string) bool { return found[group] })
	}, nil
}

// someOf lists names, the first of many.
func someOf(names []string) string {
	const readable = 20
	if len(names) > readable {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:readable], ", "), len(names)-readable)
	}
	return strings.Join(names, ", ")
}

// notEmpty rejects flags that were given without a name in them: `--limit "$HOSTS"` must not mean all hosts when HOSTS is
// not set.
func notEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if flag := flags.Lookup(name); flag.Changed && flag.Value.String() == "[]" {
			return modules.WithHint(fmt.Errorf("--%s is empty", name), "Name something, or leave the flag out to mean all.")
		}
	}
	return nil
}

// unknownName is the error for a name that is not in the plan. Its hint is the most similar name, or all of them.
func unknownName(what, name string, known []string) error {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	err := fmt.Errorf("the plan has no %s %s", what, quoted(name))
	if len(known) == 0 {
		return modules.WithHint(err, "The plan has none at all.")
	}
	near := slices.MinFunc(known, func(x, y string) int {
		return cmp.Compare(levenshtein.Distance(name, x, nil), levenshtein.Distance(name, y, nil))
	})
	if levenshtein.Distance(name, near, nil) <= max(1, len(name)/3) {
		return modules.WithHint(err, "Did you mean %s?", quoted(near))
	}
	return modules.WithHint(err, "It has %s.", someOf(known))
}

// quoted quotes a name as it may be typed in a shell.
func quoted(name string) string {
	if strings.Contains(name, `"`) && !strings.Contains(name, "'") {
		return "'" + name + "'"
	}
	return fmt.Sprintf("%q", name)
}

// runner names the person who runs rcprov, for locks and journals: "alice@laptop".
func runner() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	machine, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + machine
}

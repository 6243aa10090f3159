package cli

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
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

// checkLimit returns an error unless all names in limit, the value of --limit, are hosts or groups of the plan.
func checkLimit(p *plan.Plan, limit []string) error {
	known := hostNames(p)
	for _, h := range p.Hosts {
		known = append(known, h.Groups...)
	}
	for _, name := range limit {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--limit: %w", unknownName("host or group", name, known))
		}
	}
	return nil
}

// checkTags returns an error unless all tags, the value of --tags, are in the plan.
func checkTags(p *plan.Plan, tags []string) error {
	for _, tag := range tags {
		if p.OpenTags || slices.Contains(p.Tags, tag) {
			continue
		}
		return fmt.Errorf("--tags: %w", unknownName("tag", tag, p.Tags))
	}
	return nil
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
	err := fmt.Errorf("the plan has no %s %q", what, name)
	if len(known) == 0 {
		return modules.WithHint(err, "The plan has none at all.")
	}
	near := slices.MinFunc(known, func(x, y string) int {
		return cmp.Compare(levenshtein.Distance(name, x, nil), levenshtein.Distance(name, y, nil))
	})
	if levenshtein.Distance(name, near, nil) <= max(1, len(name)/3) {
		return modules.WithHint(err, "Did you mean %q?", near)
	}
	return modules.WithHint(err, "It has %s.", strings.Join(known, ", "))
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

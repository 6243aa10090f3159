package nginx

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed unfit.sh
var unfitScript string

// unfitSite is a site that rcprov wrote, with which nginx doesn't start.
type unfitSite struct{ Path, Certificate, Key, Why string }

// unfit lists what unfit.sh prints. What an earlier step does to a certificate or key mends it.
var unfit = &observe.Kind[struct{}, []unfitSite]{
	Name: "certificates of nginx's sites",
	Script: func([]struct{}) string {
		return shell.Script(unfitScript, shell.Vars{"header": Header, "etc": strings.TrimSuffix(etc, "/"), "run": "/run"})
	},
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[[]unfitSite] {
		if reply.Status != 0 {
			return nil
		}
		return map[struct{}]observe.Answer[[]unfitSite]{{}: {Value: parseUnfit(reply.Lines())}}
	},
	Future: func(f *observe.Forecast, _ struct{}, seen []unfitSite) (o observe.Outlook[[]unfitSite]) {
		o.Value = slices.DeleteFunc(slices.Clone(seen), func(s unfitSite) bool { return f.Changes(s.Certificate) || f.Changes(s.Key) || f.Changes(s.Path) })
		return o
	},
}

// parseUnfit reads what unfit.sh prints. Lines that it does not know are left out.
func parseUnfit(lines []string) (all []unfitSite) {
	for _, line := range lines {
		if words := strings.Split(line, "\t"); len(words) == 4 && strings.HasPrefix(words[0], "/") {
			all = append(all, unfitSite{words[0], words[1], words[2], words[3]})
		}
	}
	return all
}

// Aside moves the sites out of nginx's way with which it, being down, would not start. Their blocks, which come after those of their
// certificates, put them back; and other sites, the challenges of a CA, and nginx's package, don't wait for that.
type Aside struct{}

var _ modules.Step = (*Aside)(nil)

// Observe implements [modules.Step].
func (*Aside) Observe(q *observe.Query) { unfit.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (*Aside) Diff(s *observe.Snapshot) (modules.Change, error) {
	sites, err := unfit.Get(s, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at the certificates of nginx's sites: %w", err)
	}
	var w work
	var notes []string
	for _, site := range sites {
		f, err := removal(site.Path)
		if err != nil {
			return modules.Change{}, err
		}
		w = append(w, f)
		notes = append(notes, fmt.Sprintf("nginx is down and doesn't start with %s: %s (%s, %s). The file is kept below /var/lib/rcprov/backup; its `nginx_site` block, if the plan has one, makes it again",
			site.Path, site.Why, site.Certificate, site.Key))
	}
	return modules.NewChange(w, notes...), nil
}

// Apply implements [modules.Step].
func (*Aside) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	for _, f := range change.Work.(work) {
		if err := f.File.Apply(ctx, h, f.Change); err != nil {
			return err
		}
	}
	return nil
}

// Foresee implements [modules.Foreseer].
func (*Aside) Foresee(s *observe.Snapshot, change modules.Change) {
	for _, f := range change.Work.(work) {
		f.File.Foresee(s, f.Change)
	}
}

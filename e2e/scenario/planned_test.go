package scenario

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// planned is a plan of plans/ with its variables, on a laptop that knows the hosts.
type planned struct {
	t       *testing.T
	laptop  *rcprov.Laptop
	plan    string // path
	vars    map[string]string
	secrets []string // variables that no output may show
	look    *lookout // keeps what rcprov prints; nil: nobody looks
	waits   []string // steps that only wait, if there is still something to wait for when their turn comes
}

// args are those of a command with the plan and all variables.
func (p *planned) args(command string) []string {
	p.t.Helper()
	vars, sources, err := mirror.Split(p.vars)
	if err != nil {
		p.t.Fatal(err)
	}
	file, err := p.laptop.WriteFile("sources.json", string(sources))
	if err != nil {
		p.t.Fatal(err)
	}
	p.laptop.Setenv(mirror.SourcesEnv, file)
	args := []string{command, p.plan, "--json"}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "--var", name+"="+vars[name])
	}
	return args
}

// run runs a command with the plan, and wants an exit status; no output may show a secret.
func (p *planned) run(exit int, command string) rcprov.Run {
	p.t.Helper()
	r, err := p.laptop.Run(p.t.Context(), p.args(command)...)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Args = []string{command, filepath.Base(p.plan)}
	if p.look != nil {
		p.look.keep(r)
	}
	for _, name := range p.secrets {
		if secret := p.vars[name]; secret != "" && strings.Contains(r.Stdout+r.Stderr, secret) {
			p.t.Errorf("the output shows %s:\n%v", name, r)
		}
	}
	if r.Exit != exit {
		p.t.Fatalf("exit status %d, not %d\n%v", r.Exit, exit, r)
	}
	return r
}

// apply applies the plan and wants exactly these steps to change, beside those that wait; nil: any. Unless any may, it also
// wants plan to have announced it all.
func (p *planned) apply(what string, want []string) {
	p.t.Helper()
	var announced rcprov.Run
	if want != nil {
		var err error
		if announced, err = p.laptop.Run(p.t.Context(), p.args("plan")...); err != nil {
			p.t.Fatal(err)
		}
	}
	r := p.run(0, "apply")
	if lies, err := rcprov.Lies(announced, r); want != nil && (err != nil || lies != nil) {
		p.t.Errorf("%s: %v, plan and apply differ:\n%s", what, err, strings.Join(lies, "\n"))
	}
	steps := slices.DeleteFunc(changed(p.t, r), func(step string) bool { return len(want) > 0 && slices.Contains(p.waits, step) })
	p.t.Logf("%s: %d steps changed in %s", what, len(steps), r.Duration.Round(time.Millisecond))
	if want != nil && !slices.Equal(steps, want) {
		p.t.Errorf("%s: changed %q, want %q", what, steps, want)
	}
}

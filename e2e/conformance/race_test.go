//go:build linux

package conformance

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/modules/all"
)

// TestRaces proves law 7 for each race of races.hcl, with 20 rounds on one of the images, in turn. With RCPROV_RACES it is so
// many rounds on each. RCPROV_SEED varies what the racer does when (1), RCPROV_ATTACK restricts it to one of her attacks.
func TestRaces(t *testing.T) {
	if labtest.Require(t).Name() != "nspawn" {
		labtest.Skip(t, "what is written on a virtual machine is not seen")
	}
	races, _, err := readRaces("races.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rcprov.Binary(); err != nil {
		t.Fatal(err)
	}
	ran := labtest.Counts(t)
	rounds, seed := number(t, "RCPROV_RACES", 20), number(t, "RCPROV_SEED", 1)
	for _, image := range labtest.Images(t) {
		t.Run(image, func(t *testing.T) {
			free := make(chan *lab.Host, 2) // a race wants a processor for root and one for alice
			for _, h := range labtest.LaunchAll(t, slices.Repeat([]string{image}, cap(free))...) {
				if err := furnish(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				free <- h
			}
			for i, r := range races {
				if os.Getenv("RCPROV_RACES") == "" && labtest.Images(t)[i%len(labtest.Images(t))] != image {
					continue
				}
				if r.Gap != "" && os.Getenv("RCPROV_RACES") == "" {
					t.Logf("NOT PROVED: %s, %s: %s", r.Module, r.Name, r.Gap)
					continue
				}
				t.Run(r.Module+"/"+r.Name, func(t *testing.T) {
					ran()
					t.Parallel()
					h := <-free
					defer func() { free <- h }()
					locals := ""
					if r.Mirror {
						m, err := theMirror()
						if err == nil {
							locals, err = m.Locals()
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					c, err := newContest(t.Context(), h, r, locals, t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					defer c.close()
					rounds := rounds
					if r.Rounds > 0 && os.Getenv("RCPROV_RACES") == "" {
						rounds = r.Rounds
					}
					res, err := c.race(t.Context(), rounds, random(seed, t.Name()).Uint64()/2)
					t.Logf("%d rounds: %d succeeded, %d failed with an error; %d swaps; some of root's names that she saw: %q",
						res.Rounds, res.Made, res.Refused, res.Swaps, res.seen())
					if err != nil {
						t.Error(err)
						if err := errors.Join(h.Kill(t.Context()), h.Start(t.Context())); err != nil { // what hangs must not disturb the next race
							t.Error(err)
						}
					}
				})
			}
		})
	}
}

// TestRacesOfAllModules fails if a module has neither a race nor a reason for having none, and if an argument whose name is
// that of a path is in no race of its module.
func TestRacesOfAllModules(t *testing.T) {
	races, exempt, err := readRaces("races.hcl")
	if err != nil {
		t.Fatal(err)
	}
	plans := map[string]string{}
	for _, r := range races {
		plans[r.Module] += r.Plan
	}
	unused := map[string]bool{}
	for _, e := range exempt {
		for _, name := range e.Names {
			unused[name] = true
		}
	}
	paths := regexp.MustCompile(`(^|_)(path|file|dir|directory|home|webroot|creates|removes|certificate|bin|on|links)$`)
	for _, m := range all.Modules() {
		plan, raced := plans[m.Name]
		if !raced && !unused[m.Name] {
			t.Errorf("%s: no race in races.hcl, and no reason for having none", m.Name)
		}
		delete(unused, m.Name)
		for _, arg := range arguments(reflect.TypeOf(m.NewArgs()).Elem()) {
			name := m.Name + "." + arg
			used := regexp.MustCompile(`\b` + arg + ` *=`).MatchString(plan)
			if paths.MatchString(arg) && !used && !unused[name] {
				t.Errorf("%s: in no race of races.hcl, and no reason for that", name)
			}
			if used == unused[name] && used {
				t.Errorf("%s: is in a race, and there is a reason for being in none", name)
			}
			if !used {
				delete(unused, name)
			}
		}
	}
	for name := range unused {
		t.Errorf("%s: a reason in races.hcl for what there is not", name)
	}
}

// arguments returns the names of a module's arguments, also those in blocks.
func arguments(t reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		name, kind, _ := strings.Cut(t.Field(i).Tag.Get("hcl"), ",")
		switch {
		case kind == "block":
			names = append(names, arguments(t.Field(i).Type)...)
		case name != "" && kind != "label":
			names = append(names, name)
		}
	}
	return names
}

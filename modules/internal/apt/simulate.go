package apt

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Simulation is what apt-get says that it would do. Names have an architecture ("libc6:i386") where it is not the
// host's own.
type Simulation struct {
	Install []string // new packages and new versions
	Remove  []string
	Held    []string // all packages on hold on the host
}

//go:embed held.sh
var heldFunction string

//go:embed simulate.sh
var simulateScript string

// Simulate asks apt-get what it would do with args; nothing on the host is changed. The error of an apt-get that sees
// no way is an [*Error]. What args do about held packages is not looked at: the caller finds them in the result.
func Simulate(ctx context.Context, h modules.Host, args ...string) (Simulation, error) {
	command := slices.Concat(aptGet, []string{"--simulate", "--allow-change-held-packages"}, args)
	script := shell.Script(heldFunction+simulateScript, shell.Vars{"apt_get": shell.QuoteAll(command)})
	r, err := h.Run(ctx, modules.Command{Script: script, Env: environment})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return Simulation{}, newError(failed)
	}
	if err != nil {
		return Simulation{}, fmt.Errorf("simulate apt-get: %w", err)
	}
	return parseSimulation(string(r.Stdout)), nil
}

//go:embed known.sh
var knownScript string

// Plain reports whether no package is on hold on the host, and all names are those of real packages that its lists know. It
// costs a twentieth of a simulation.
func Plain(ctx context.Context, h modules.Host, names []string) (bool, error) {
	r, err := h.Run(ctx, modules.Command{Script: shell.Script(heldFunction+knownScript, shell.Vars{"names": shell.QuoteAll(names)})})
	if err != nil {
		return false, fmt.Errorf("look into apt's package lists: %w", err)
	}
	found := parseKnown(string(r.Stdout))
	for _, name := range names {
		if !found[name] {
			return false, nil
		}
	}
	return true, nil
}

// parseKnown returns the packages of lines such as "     nginx | 1.22.1-9 | http://deb.debian.org/debian bookworm/main amd64 Packages".
func parseKnown(output string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(output) {
		if name, _, ok := strings.Cut(line, " | "); ok && strings.HasSuffix(strings.TrimSpace(line), " Packages") {
			found[strings.TrimSpace(name)] = true
		}
	}
	return found
}

// parseSimulation reads lines such as "Inst hello (2.10-3 Debian:12.15/oldstable [amd64])", "Remv tst [1.0]" and
// "Purg tst [1.0]".
func parseSimulation(output string) Simulation {
	var s Simulation
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "Inst":
			s.Install = append(s.Install, fields[1])
		case "Remv", "Purg":
			s.Remove = append(s.Remove, fields[1])
		case "Held":
			s.Held = append(s.Held, fields[1])
		}
	}
	slices.Sort(s.Remove)
	s.Remove = slices.Compact(s.Remove) // a purge is "Remv" and "Purg" on some releases
	return s
}

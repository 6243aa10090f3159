//go:build linux

package conformance

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsimple"
)

// A Case is one use of a module, as a block of cases/MODULE.hcl: a plan, what it must bring about, and what may
// happen to the host afterwards. All scripts but Laptop are run by the host's /bin/sh as root.
type Case struct {
	Name string `hcl:"name,label"`

	// Image is the only one that the case is for; empty: all that the tests run on.
	Image string `hcl:"image,optional"`
	// Machine says that the case needs a kernel of its own. Where hosts are containers, the tests say that it is left out.
	Machine bool `hcl:"machine,optional"`
	// Mirror says that the plan refers to the lab's mirror: local.mirror is what mirror.Mirror.Locals says.
	Mirror bool `hcl:"mirror,optional"`
	// Alive are paths that the software which the plan brings writes all the time by itself, as package writes names them.
	Alive []string `hcl:"alive,optional"`
	// Installed is a package that hosts have from the start, where the lab has an image with it (RELEASE-PACKAGE). Setup
	// installs it elsewhere.
	Installed string `hcl:"installed,optional"`
	// Waits are steps that only wait. Whether a repair reports them as changed depends on how fast the host is: when their
	// turn comes, there may be nothing left to wait for.
	Waits []string `hcl:"waits,optional"`
	// Reads are files that the case's modules read. At the end, on Debian 12, all of them are emptied, and then all given
	// to somebody else: apply must succeed both times. Not those without which nothing can be told, where apply must fail. Each
	// module has a case with Reads, or a reason in readsNothing.
	Reads []string `hcl:"reads,optional"`
	// Setup is run on the fresh host first.
	Setup string `hcl:"setup,optional"`
	// Laptop is run in the plan's directory, by the shell of this machine: it makes files that the plan names.
	Laptop string `hcl:"laptop,optional"`
	// Plan is the body of a play: steps.
	Plan string `hcl:"plan"`
	// Approve are approvals that apply is given, as PLAY/STEP; the play is called case.
	Approve []string `hcl:"approve,optional"`
	// Check uses the host's own tools: it must fail before apply and exit with 0 after it.
	Check string `hcl:"check"`
	// Drifts happen one after another, each after the repair of the one before.
	Drifts []Drift `hcl:"drift,block"`
}

// A Drift is something that happens to a host that was in order.
type Drift struct {
	Name string `hcl:"name,label"`
	Run  string `hcl:"run"`
	// Changes are the steps that the repair reports as changed, exactly; empty: any.
	Changes []string `hcl:"changes,optional"`
}

// readCases returns the cases of all files in dir, by the file's name without ".hcl".
func readCases(dir string) (map[string][]Case, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return nil, err
	}
	cases := map[string][]Case{}
	for _, name := range names {
		var file struct {
			Cases []Case `hcl:"case,block"`
		}
		if err := hclsimple.DecodeFile(name, nil, &file); err != nil {
			return nil, err
		}
		if len(file.Cases) == 0 {
			return nil, fmt.Errorf("%s: no case", name)
		}
		cases[strings.TrimSuffix(filepath.Base(name), ".hcl")] = file.Cases
	}
	return cases, nil
}

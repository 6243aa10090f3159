package plan_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

func Example() {
	dir, err := os.MkdirTemp("", "plan")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "motd.hcl")
	text := `
host "web1" { address = "203.0.113.10" }
play "greeting" {
  hosts = group.all
  file "motd" {
    path    = "/etc/motd"
    content = "Welcome to ${facts.hostname}.\n"
  }
}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}

	p, diags := plan.Load(path, plan.Options{Modules: []modules.Module{file.Module()}, Environ: os.Environ()})
	if diags.HasErrors() {
		_ = hcl.NewDiagnosticTextWriter(os.Stderr, p.Files, 100, false).WriteDiagnostics(diags)
		return
	}
	for _, play := range p.Plays {
		for _, host := range play.Hosts {
			steps, _ := p.Bind(play, host, &observe.Facts{Hostname: "web1.example.com"}) // the facts that the engine got
			for _, step := range steps {
				fmt.Printf("%s: %s: %s", host.Name, step.Address, step.Step.(*file.Step).Content)
			}
		}
	}
	// Output: web1: file.motd: Welcome to web1.example.com.
}

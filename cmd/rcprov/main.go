// Rcprov brings hosts to the state a plan describes, over SSH.
package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/cli"
	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/plans"
	"github.com/rcprov/rcprov/templates"
)

func main() {
	debug.SetGCPercent(400) // a run is short, so spend memory rather than time on the collector
	os.Exit(cli.Main(cli.Deps{
		Modules:   all.Modules(),
		Templates: templates.FS,
		Plans:     plans.FS,
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Environ:   os.Environ(),
		Now:       time.Now,
	}, os.Args[1:]))
}

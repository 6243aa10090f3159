// Rcprov brings hosts to the state a plan describes, over SSH.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/cli"
	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/templates"
)

func main() {
	debug.SetGCPercent(400) // a run is short, so spend memory rather than time on the collector
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first Ctrl-C asks to stop, a second one kills
	os.Exit(cli.Run(ctx, cli.Deps{
		Modules:   all.Modules(),
		Templates: templates.FS,
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Environ:   os.Environ(),
		Now:       time.Now,
	}, os.Args[1:]))
}

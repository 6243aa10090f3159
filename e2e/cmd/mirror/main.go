// Command mirror serves to the hosts of `make lab-up` what tests get from package mirror, until Ctrl-C.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rcprov/rcprov/e2e/mirror"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mirror:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var options mirror.Options
	flag.StringVar(&options.Listen, "listen", "", "IP address and port to listen on (default: the lab's bridge, any port)")
	flag.StringVar(&options.Cache, "cache", "", "directory for what is built (default: mirror in the lab's directory)")
	flag.Parse()
	m, err := mirror.Start(ctx, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "mirror: serving until Ctrl-C")
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	<-ctx.Done()
	return m.Close()
}

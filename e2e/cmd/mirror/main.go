// Command mirror serves to the hosts of `make lab-up` what tests get from package mirror, until Ctrl-C.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
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
	names := map[string][]netip.Addr{}
	flag.Func("resolve", "NAME=ADDRESS: what a name means to the ACME server; may be repeated", func(text string) error {
		name, address, _ := strings.Cut(text, "=")
		parsed, err := netip.ParseAddr(address)
		names[name] = append(names[name], parsed)
		return err
	})
	flag.StringVar(&options.Listen, "listen", "", "IP address and port to listen on (default: the lab's bridge, any port)")
	flag.StringVar(&options.Cache, "cache", "", "directory for what is built (default: mirror in the lab's directory)")
	flag.Parse()
	m, err := mirror.Start(ctx, options)
	if err != nil {
		return err
	}
	for name, addresses := range names {
		m.ACME.Resolve(name, addresses...)
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

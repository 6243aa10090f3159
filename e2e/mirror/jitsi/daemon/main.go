// Command daemon takes the place of Jitsi's two Java services on lab hosts: `daemon jicofo FILE` and `daemon videobridge
// FILE`, with the HOCON file that the packages write. Both log in to the XMPP server with account, domain and secret from
// that file, join the brewery room, in which the focus finds its bridges, and report their health over HTTP as the originals
// do. They hold no conferences.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// exitConfiguration is the videobridge's exit status for an invalid configuration. Its unit doesn't restart it then.
const exitConfiguration = 78

func main() {
	log.SetFlags(log.LstdFlags | log.Lmicroseconds)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Printf("SEVERE: %v", err)
		if errors.As(err, new(configurationError)) {
			os.Exit(exitConfiguration)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: daemon jicofo|videobridge FILE")
	}
	store, err := loadTrust("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	services := map[string]func(context.Context, configuration, *trust) error{"jicofo": runJicofo, "videobridge": runVideobridge}
	service := services[args[0]]
	if service == nil {
		return fmt.Errorf("no such service: %s", args[0])
	}
	config, err := readConfiguration(args[1], args[0])
	if err != nil {
		return err
	}
	select {
	case <-time.After(startTime):
		return service(ctx, config, store)
	case <-ctx.Done():
		return nil
	}
}

// startTime is the time until a service answers; with Java it takes some seconds.
const startTime = time.Second

// serve serves HTTP until ctx ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveVersion answers /about/version for both services.
func serveVersion(name, version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"name":%q,"version":%q,"os":"Linux"}`, name, version)
	}
}

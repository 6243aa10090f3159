// Command mirror serves to the hosts of `make lab-up` what tests get from package mirror, until Ctrl-C, and writes down
// the variables with which plans/prod.hcl takes it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rcprov/rcprov/e2e/lab"
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
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return err
	}
	options, err := mirror.OptionsFromEnv()
	if err != nil {
		return err
	}
	names := map[string][]netip.Addr{}
	flag.Func("resolve", "NAME=ADDRESS: what a name means to the ACME server; may be repeated (default: chat.lab.test and meet.lab.test are lab1)",
		func(text string) error {
			name, address, _ := strings.Cut(text, "=")
			parsed, err := netip.ParseAddr(address)
			names[name] = append(names[name], parsed)
			return err
		})
	flag.StringVar(&options.Listen, "listen", options.Listen, "IP address and port to listen on (default: the lab's bridge, any port)")
	flag.StringVar(&options.Cache, "cache", options.Cache, "directory for what is built (default: mirror in the lab's directory)")
	build := flag.Bool("build", false, "build what is not there yet, and serve nothing")
	flag.Parse()
	if *build {
		options.Listen = "127.0.0.1:0"
		m, err := mirror.Start(ctx, options)
		if err != nil {
			return err
		}
		return m.Close()
	}
	if len(names) == 0 {
		address, err := firstHost(filepath.Join(config.Dir, "ssh_config"))
		if err != nil {
			return err
		}
		names["chat.lab.test"], names["meet.lab.test"] = []netip.Addr{address}, []netip.Addr{address}
	}
	fmt.Fprintln(os.Stderr, "mirror: building what is not there yet ...")
	m, err := mirror.Start(ctx, options)
	if err != nil {
		return err
	}
	for name, addresses := range names {
		m.ACME.Resolve(name, addresses...)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return errors.Join(err, m.Close())
	}
	fmt.Println(string(text))
	all := m.Variables()
	maps.Copy(all, m.JitsiVariables())
	vars, sources, err := mirror.Split(all)
	if err != nil {
		return errors.Join(err, m.Close())
	}
	file, named := filepath.Join(config.Dir, "mirror.env"), filepath.Join(config.Dir, "sources.json")
	text = fmt.Appendf(nil, "%sexport %s='%s'\n", exports(vars), mirror.SourcesEnv, strings.ReplaceAll(named, "'", `'\''`))
	if err := errors.Join(os.WriteFile(named, sources, 0o644), os.WriteFile(file, text, 0o644)); err != nil {
		return errors.Join(err, m.Close())
	}
	fmt.Fprintf(os.Stderr, "mirror: serving until Ctrl-C; in another shell `. %s` has plans take everything from here\n", file)
	<-ctx.Done()
	return m.Close()
}

// exports are shell commands that give a plan's variables.
func exports(vars map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "export RCPROV_VAR_%s='%s'\n", name, strings.ReplaceAll(vars[name], "'", `'\''`))
	}
	return b.String()
}

// firstHost is the address of the first host that `lab up` wrote into an ssh_config.
func firstHost(path string) (netip.Addr, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return netip.Addr{}, errors.New("there is no host yet: `make lab-up` boots one")
	}
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = file.Close() }() // read only
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "HostName" {
			return netip.ParseAddr(fields[1])
		}
	}
	return netip.Addr{}, fmt.Errorf("%s names no host", path)
}

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/mirror"
)

//go:embed prod-facts.sh
var prodFacts string

//go:embed prod-facts-calls.sh
var callsFacts string

//go:embed prod-by-hand.sh
var byHand string

const (
	chatRelease = "9.0.0"
	chatNode    = "22.22.3"
	chatImage   = "debian-12-wine" // the lab's MongoDB needs it
)

// chatSecrets need no quotes, anywhere.
var chatSecrets = map[string]string{
	"admin_password": "bench-first", "mongo_key": "abcdefghijklmnopqrstuvwxyz0123456789",
	"mongo_admin_password": "bench-admin", "mongo_password": "bench-chat",
	"meet_bridge_secret": "bench-bridge-1", "meet_focus_secret": "bench-focus-01",
}

// A chat is a bare host for plans/prod.hcl, and a laptop that knows it.
type chat struct {
	host   *lab.Host
	laptop *rcprov.Laptop
	domain string
	meet   string // domain of the video calls; empty: without
	mirror *mirror.Mirror
}

// benchProd compares the first apply of plans/prod.hcl on bare hosts with a script, and a second one with gathering facts.
func benchProd(ctx context.Context, bare, runs int) (err error) {
	backend, err := lab.Detect()
	if err != nil {
		return err
	}
	if backend.Name() != "nspawn" {
		fmt.Println("plans/prod.hcl is left out: only nspawn has the image " + chatImage)
		return nil
	}
	m, err := mirror.Start(ctx, mirror.Options{Log: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	home, err := os.MkdirTemp("", "rcprov-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()

	var last *chat // what the plan was applied to last
	closeLast := func() error {
		if last == nil {
			return nil
		}
		return last.host.Close(context.WithoutCancel(ctx))
	}
	defer func() { err = errors.Join(err, closeLast()) }()
	number := 0
	next := func() (*chat, error) {
		number++
		return launchChat(ctx, backend, m, filepath.Join(home, fmt.Sprint(number)))
	}
	fmt.Printf("\n%-52s %8s %8s %7s\n", "plans/prod.hcl, compared with scripts", "script", "rcprov", "ratio")
	err = pairs("first apply on a bare host, work by hand (limit 1.2)", bare,
		func() (float64, error) {
			c, err := next()
			if err != nil {
				return 0, err
			}
			took, err := c.byHand(ctx)
			return took, errors.Join(err, c.host.Close(context.WithoutCancel(ctx)))
		},
		func() (float64, error) {
			if err := closeLast(); err != nil {
				return 0, err
			}
			last = nil
			c, err := next()
			if err != nil {
				return 0, err
			}
			last = c
			return c.apply(ctx)
		})
	if err != nil {
		return err
	}
	again := func(what string) error {
		return pairs(what, runs,
			func() (float64, error) { return last.facts(ctx) },
			func() (float64, error) { return last.apply(ctx) })
	}
	if err := again("second apply, new connection (limit 2)"); err != nil {
		return err
	}
	last.meet = "meet-" + last.domain
	if err := last.resolve(last.meet); err != nil {
		return err
	}
	if _, err := last.apply(ctx); err != nil {
		return err
	}
	return again("the same, with video calls (limit 2)")
}

// resolve has a name lead to the host.
func (c *chat) resolve(name string) error {
	address, err := netip.ParseAddr(c.host.Address)
	if err != nil {
		return err
	}
	c.mirror.ACME.Resolve(name, address)
	return nil
}

func launchChat(ctx context.Context, backend lab.Backend, m *mirror.Mirror, home string) (*chat, error) {
	h, err := backend.Launch(ctx, lab.Spec{Name: fmt.Sprintf("bench-%d-%s", os.Getpid(), filepath.Base(home)), Image: chatImage})
	if err != nil {
		return nil, err
	}
	c := &chat{host: h, domain: h.Name + ".lab.test", mirror: m}
	err = c.resolve(c.domain)
	if err == nil {
		err = os.Mkdir(home, 0o700)
	}
	if err == nil {
		c.laptop, err = rcprov.NewLaptop(home, h)
	}
	if err == nil {
		err = os.WriteFile(c.laptop.SSHConfig(), []byte(h.SSHConfig()), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// apply applies plans/prod.hcl.
func (c *chat) apply(ctx context.Context) (milliseconds float64, err error) {
	plan, err := filepath.Abs("plans/prod.hcl")
	if err != nil {
		return 0, err
	}
	vars := c.mirror.Variables()
	vars["address"], vars["domain"], vars["email"], vars["node_version"] = c.host.Name, c.domain, "admin@lab.test", chatNode
	vars["rocketchat_version"], vars["meet_domain"] = chatRelease, c.meet
	maps.Copy(vars, c.mirror.JitsiVariables())
	vars, sources, err := mirror.Split(vars)
	if err != nil {
		return 0, err
	}
	named, err := c.laptop.WriteFile("sources.json", string(sources))
	if err != nil {
		return 0, err
	}
	c.laptop.Setenv(mirror.SourcesEnv, named)
	args := []string{"apply", plan}
	for _, set := range []map[string]string{vars, chatSecrets} {
		for name, value := range set {
			args = append(args, "--var", name+"="+value)
		}
	}
	return runTime(c.laptop.Command(ctx, args...))
}

// byHand runs the script that does the same work.
func (c *chat) byHand(ctx context.Context) (milliseconds float64, err error) {
	sum, err := c.mirror.RocketChat.SHA256(chatRelease)
	if err != nil {
		return 0, err
	}
	ca, err := os.ReadFile(c.mirror.ACME.CAFile)
	if err != nil {
		return 0, err
	}
	root, err := os.ReadFile(c.mirror.ACME.RootFile)
	if err != nil {
		return 0, err
	}
	var script strings.Builder
	for name, value := range map[string]string{
		"DOMAIN": c.domain, "MONGO_URI": c.mirror.MongoDB.URI, "MONGO_KEY_URL": c.mirror.MongoDB.KeyURL, "MONGO_SUITE": c.mirror.MongoDB.Suite,
		"NODE_DIST": c.mirror.Node.DistURL, "NODE_VERSION": chatNode, "NPM_REGISTRY": c.mirror.NPMRegistry,
		"ROCKETCHAT_URL": c.mirror.RocketChat.URL, "ROCKETCHAT_VERSION": chatRelease, "ROCKETCHAT_SHA256": sum,
		"ACME_DIRECTORY": c.mirror.ACME.Directory, "ACME_CA": string(ca), "SITE_CA": string(root),
	} {
		fmt.Fprintf(&script, "%s='%s'\n", name, value)
	}
	for name, value := range chatSecrets {
		fmt.Fprintf(&script, "%s='%s'\n", strings.ToUpper(name), value)
	}
	return c.ssh(ctx, "by-hand.sh", script.String()+byHand)
}

// facts runs the script that gathers what the plan needs to know.
func (c *chat) facts(ctx context.Context) (milliseconds float64, err error) {
	script := prodFacts
	if c.meet != "" {
		script += callsFacts
	}
	return c.ssh(ctx, "facts.sh", strings.NewReplacer("@DOMAIN@", c.domain, "@MEET@", c.meet, "@RELEASE@", chatRelease, "@NODE@", chatNode).Replace(script))
}

// ssh runs a script on the host as root.
func (c *chat) ssh(ctx context.Context, name, script string) (milliseconds float64, err error) {
	path, err := c.laptop.WriteFile(name, script)
	if err != nil {
		return 0, err
	}
	return runTime(c.laptop.Shell(ctx, fmt.Sprintf("ssh -F %s %s 'sudo -n sh -s' <%s >%s.out", c.laptop.SSHConfig(), c.host.Name, path, path)))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

// healthInterval is jicofo.health.interval, which is 10 s in the original.
const healthInterval = time.Second

// A focus is jicofo.
type focus struct {
	me         jid.JID // the focus in the brewery
	xmppDomain string

	mu      sync.Mutex
	bridges map[string]bool // occupants of the brewery that are bridges
	health  error           // result of the last check
}

// runJicofo runs the focus until ctx ends.
func runJicofo(ctx context.Context, config configuration, t *trust) error {
	const xmpp = "xmpp.client."
	user := config.text(xmpp+"username", "focus")
	a := account{
		address:  net.JoinHostPort(config.text(xmpp+"hostname", "localhost"), config.text(xmpp+"port", "5222")),
		domain:   config.text(xmpp+"domain", ""),
		user:     user,
		secret:   config.text(xmpp+"password", ""),
		resource: user,
	}
	room, err := jid.Parse(config.text("bridge.brewery-jid", ""))
	if err != nil {
		return configurationError{err}
	}
	me, err := room.WithResource(user)
	if err != nil {
		return configurationError{err}
	}
	f := &focus{me: me, xmppDomain: config.text(xmpp+"xmpp-domain", ""), bridges: map[string]bool{}, health: errNoBridge}
	go keepLoggedIn(ctx, a, t, f.see, f.work)
	routes := http.NewServeMux()
	routes.HandleFunc("GET /about/version", serveVersion("jicofo", version))
	if config.text("health.enabled", "false") == "true" {
		routes.HandleFunc("GET /about/health", f.serveHealth)
	}
	return serve(ctx, net.JoinHostPort(config.text("rest.host", "127.0.0.1"), config.text("rest.port", "8888")), routes)
}

var errNoBridge = errors.New("no operational bridges available")

// see updates the list of bridges.
func (f *focus) see(o occupant) {
	if o.jid.Bare().Equal(f.me.Bare()) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if o.available && o.isBridge {
			log.Printf("INFO: added bridge %s", o.jid.Resourcepart())
			f.bridges[o.jid.String()] = true
		} else {
			delete(f.bridges, o.jid.String())
		}
	}
}

// work joins the brewery and checks the health until the session ends.
func (f *focus) work(ctx context.Context, c *client) error {
	defer f.set(errNoBridge)
	defer f.forget()
	if err := c.join(ctx, f.me, nil); err != nil {
		return err
	}
	log.Printf("INFO: joined %s", f.me)
	for ctx.Err() == nil {
		f.set(f.check(ctx, c))
		select {
		case <-ctx.Done():
		case <-time.After(healthInterval):
		}
	}
	return nil
}

// check is the original's health check: there is a bridge, and the server lets the focus create a conference.
func (f *focus) check(ctx context.Context, c *client) error {
	f.mu.Lock()
	bridges := len(f.bridges)
	f.mu.Unlock()
	if bridges == 0 {
		return errNoBridge
	}
	me, err := jid.New(fmt.Sprintf("__jicofo-health-check-%d", rand.Uint64()), "conference."+f.xmppDomain, "focus")
	if err != nil {
		return err
	}
	if err := c.join(ctx, me, nil); err != nil {
		return fmt.Errorf("test conference: %w", err)
	}
	return c.leave(ctx, me)
}

func (f *focus) set(health error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.health = health
}

func (f *focus) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.bridges)
}

func (f *focus) serveHealth(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.health != nil {
		http.Error(w, f.health.Error(), http.StatusInternalServerError)
	}
}

package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// exitInterrupted is the exit status after a second Ctrl-C, as shells report a program that SIGINT has ended.
const exitInterrupted = 128 + int(syscall.SIGINT)

// interrupts returns a context that ends with the first Ctrl-C, or SIGTERM. The second calls leave, which ends the process; the first
// does so if nothing is under way yet. Both are noticed also where they were ignored at the start, as in a script's background job.
func interrupts(leave func(), underWay func() bool) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		if underWay() {
			<-signals
		}
		leave()
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// underway is a Reporter that knows on which hosts a change is being made.
type underway struct {
	engine.Reporter
	mu    sync.Mutex
	hosts []string
	steps map[string]string // by host
}

func (u *underway) Report(e engine.Event) {
	u.Reporter.Report(e)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case e.Type == engine.Doing && e.Change != nil:
		if u.steps == nil {
			u.steps = map[string]string{}
		}
		if u.steps[e.Host] == "" {
			u.hosts = append(u.hosts, e.Host)
		}
		u.steps[e.Host] = e.Step
	case e.Type == engine.StepChanged, e.Type == engine.HostFailed:
		delete(u.steps, e.Host)
		u.hosts = slices.DeleteFunc(u.hosts, func(h string) bool { return h == e.Host })
	}
}

// farewell is what a person reads who stops a run at once.
func (u *underway) farewell() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var doing []string
	for _, host := range u.hosts {
		doing = append(doing, fmt.Sprintf("%s on %s", u.steps[host], host))
	}
	text := "Stopped at once."
	switch len(doing) {
	case 0:
	case 1:
		text += " " + doing[0] + " was being changed: what was started there goes on, and the next run waits for its end."
	default:
		text += " " + strings.Join(doing, ", ") + " were being changed: what was started there goes on, and the next run waits for its end."
	}
	return text + " Run the same command again to continue.\n"
}

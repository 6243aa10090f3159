package nginxsite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/modules/shell"
)

// Answering checks that nginx answers for the names of a site without TLS, with this site: another one may have taken a name, and a
// running nginx that can't open the port only logs that.
type Answering struct {
	Names    []string // that clients ask for
	Port     int
	Greeting string // what the site answers to a look; empty: anything will do
}

var _ modules.Bystander = (*Answering)(nil)

// httpPlace is what one look at a site without TLS asks, at the loopback address.
type httpPlace struct {
	names string // with spaces between them
	port  int
}

// httpProbe returns what a site answers to each name: the first line of a page, or what it is instead.
var httpProbe = &observe.Probe[httpPlace, []answer]{Name: "http", Run: askHTTP, Future: func(f *observe.Forecast, p httpPlace, seen []answer) observe.Outlook[[]answer] {
	return future(f, place{}, seen)
}}

func askHTTP(ctx context.Context, dial observe.Dial, p httpPlace) ([]answer, error) {
	var all []answer
	for _, name := range strings.Fields(p.names) {
		all = append(all, answer{Name: name, Address: loopback, Port: p.port})
	}
	var group errgroup.Group // never fails
	group.SetLimit(atOnce)
	for i := range all {
		a := &all[i]
		group.Go(func() error {
			greeting, err := greet(ctx, dial, a.Name, a.at())
			if a.Plain = greeting; err != nil {
				a.Failure = err.Error()
			}
			return nil
		})
	}
	_ = group.Wait()
	return all, ctx.Err()
}

// greet returns the first line of what a site answers to a look, or its status if that is not 200.
func greet(ctx context.Context, dial observe.Dial, name, at string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := dial(ctx, "tcp", at)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, port, _ := net.SplitHostPort(at)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: rcprov\r\nConnection: close\r\n\r\n", plainPath, name, port); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(conn, 8*firstBytes), firstBytes), nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.Status, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, firstBytes))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(body), "\n")
	return line, nil
}

func (s *Answering) place() httpPlace {
	return httpPlace{names: strings.Join(s.Names, " "), port: s.Port}
}

// Observe implements [modules.Step].
func (s *Answering) Observe(q *observe.Query) { httpProbe.Ask(q, s.place()) }

// Toward implements [modules.Bystander].
func (*Answering) Toward(effect string) modules.Standing {
	if effect == nginx.Reloading {
		return modules.FollowsEffect
	}
	return modules.NeedsEffect
}

// Diff implements [modules.Step].
func (s *Answering) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	got, err := httpProbe.Get(snapshot, s.place())
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask for %s: %w", strings.Join(s.Names, ", "), err)
	}
	return modules.NewChange(unanswered{s, s.others(got)}), nil
}

// others returns the answers that are not this site's. What is the same failure for several names is in the first one's.
func (s *Answering) others(got []answer) (others []answer) {
	for _, a := range got {
		known := a.Failure != "" && slices.ContainsFunc(others, func(o answer) bool { return o.Failure == a.Failure })
		if !known && (a.Failure != "" || s.Greeting != "" && a.Plain != s.Greeting) {
			others = append(others, a)
		}
	}
	return others
}

// unanswered is a site that does not answer yet.
type unanswered struct {
	wanted *Answering
	others []answer
}

// Edits implements [modules.Work].
func (w unanswered) Edits() (all []modules.Edit) {
	for _, a := range w.others {
		all = append(all, modules.Edit{
			Action: modules.Run, Subject: fmt.Sprintf("http://%s:%d", a.Name, a.Port), Field: "answer", From: a.instead(), To: "this site",
		})
	}
	return all
}

// instead is what a client gets in place of the site, for people.
func (a answer) instead() string {
	if a.Failure != "" {
		return "nothing: " + a.Failure
	}
	return "another site"
}

// Apply implements [modules.Step]. Steps before this one have reloaded nginx when a file changed; the workers may just not have
// changed yet.
func (s *Answering) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	modules.Progress(ctx, "waiting until %s answers", s.Names[0])
	others, bytes, err := settle(ctx, h, "the site", func() ([]answer, error) {
		got, err := askHTTP(ctx, h.Dial, s.place())
		return s.others(got), err
	})
	if err != nil || len(others) == 0 {
		return err
	}
	var lines []string
	silent := false
	for _, a := range others {
		silent = silent || a.Failure != ""
		lines = append(lines, fmt.Sprintf("http://%s at %s: %s", a.Name, a.at(), a.instead()))
	}
	return withEvidence(ctx, h, lines, s.Names, s.Port, silent, bytes)
}

// settle waits until ask finds no other answers than the wanted ones. If that takes long, it has nginx reloaded once more. It returns the
// others that are left, and how long nginx's log was before that reload, in bytes.
func settle(ctx context.Context, h modules.Host, what string, ask func() ([]answer, error)) (others []answer, bytes string, err error) {
	until := func(limit time.Duration) error {
		err := wait.Until(ctx, wait.Pace{Every: 100 * time.Millisecond, Limit: limit}, func() (missing string, err error) {
			got, err := ask()
			if err != nil {
				return "", err
			}
			if others = got; len(others) == 0 {
				return "", nil
			}
			return what, nil
		})
		if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
			return nil
		}
		return err
	}
	if err := until(2 * time.Second); err != nil || len(others) == 0 {
		return nil, "", err
	}
	if bytes, err = nginx.LogSize(ctx, h); err != nil {
		return nil, "", err
	}
	if _, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "reload", nginx.Unit}}); err != nil {
		return nil, "", err
	}
	err = until(switchTimeout)
	return others, bytes, err
}

// withEvidence returns the error for a site that nginx accepted and doesn't serve, as lines say: who has the port, what nginx warns
// of, and what it logged behind the first bytes of its log.
func withEvidence(ctx context.Context, h modules.Host, lines, names []string, port int, silent bool, bytes string) error {
	result, err := h.Run(ctx, modules.Command{Script: shell.Script(evidenceScript, shell.Vars{
		"names": strings.Join(names, " "), "header": nginx.Header, "silent": shell.YesNo(silent), "port": strconv.Itoa(port), "log": nginx.Log,
		"bytes": bytes,
	})})
	if said := strings.TrimSpace(string(result.Stdout)); err == nil && said != "" {
		lines = append(lines, strings.Split(said, "\n")...)
	}
	return modules.WithHint(errors.New(strings.Join(lines, "\n  ")), "nginx accepted the configuration. If another program has port %d, stop it; "+
		"if another site of nginx has the same name, or listens on one address alone, remove one of them (`nginx -T | grep -E 'server_name|listen'`).", port)
}

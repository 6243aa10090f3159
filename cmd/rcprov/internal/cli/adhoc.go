package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/remote"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

// adHoc is one run of a command on hosts of a plan.
type adHoc struct {
	app        *app
	vars       varFlags
	connecting connecting
	parallel   int

	mu       sync.Mutex // guards output, and what follows
	statuses map[int]int
	failed   int // hosts that were not reached, or on which nobody knows how the command ended
}

func (a *app) runOnHosts() *cobra.Command {
	r := &adHoc{app: a, statuses: map[int]int{}}
	command := &cobra.Command{
		Use:     "run PLAN HOSTS -- COMMAND [ARGUMENT...]",
		GroupID: groupHosts,
		Short:   "Run a command on hosts of a plan",
		Long: "Run a command on hosts of a plan, as root, on all of them at the same time, and show what each printed. HOSTS is as for\n" +
			"`--limit` of apply. No shell interprets the command: give `sh -c` one. Nothing of it is in the hosts' journals. Only\n" +
			"variables that the hosts' blocks refer to need a value.\n\n" +
			"Exit status: 0 if the command succeeded on each host, otherwise 1.",
		Example: "  rcprov run plans/prod.hcl all -- uptime\n  rcprov run plans/prod.hcl 'web*,!web3' -- systemctl restart nginx",
		Args: func(cmd *cobra.Command, args []string) error {
			switch dash := cmd.ArgsLenAtDash(); {
			case dash < 0 && len(args) > 2:
				return errors.New("put -- in front of the command")
			case dash != 2 && dash >= 0 || len(args) < 2:
				return errors.New("name a plan and its hosts, then -- and a command")
			case len(args) == 2:
				return errors.New("there is no command after --")
			}
			return nil
		},
		ValidArgsFunction: completePlan,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], args[1], args[2:]) },
	}
	r.vars.add(command)
	r.connecting.addFlags(command.Flags())
	command.Flags().IntVar(&r.parallel, "parallel", 32, "how many hosts at a time")
	return command
}

func (r *adHoc) run(ctx context.Context, path, hosts string, argv []string) error {
	p, err := r.app.loadFor(path, r.vars, plan.UnsetAny, func(p *plan.Plan) []string {
		names, _ := limitedBy(p, "", strings.Split(hosts, ",")) // what is wrong with them is said below
		return names
	})
	if err != nil {
		return err
	}
	if r.parallel < 1 {
		return errors.New("--parallel must be 1 or more")
	}
	names, err := limitedBy(p, "", strings.Split(hosts, ","))
	if err != nil {
		return err
	}
	var chosen []*plan.Host
	for _, name := range names {
		host, err := hostOf(p, name)
		if err != nil {
			return err
		}
		if err := r.app.showMistakes(p, p.HostIsKnown(host)); err != nil {
			return err
		}
		chosen = append(chosen, host)
	}
	dialer := r.app.dialer(r.connecting, func(ask func()) { ask() })
	var group errgroup.Group
	group.SetLimit(r.parallel)
	for _, h := range chosen {
		group.Go(func() error { return r.onHost(ctx, dialer, h, argv) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.finish(len(chosen))
}

// onHost runs argv on one host. The error is about the output.
func (r *adHoc) onHost(ctx context.Context, dialer *remote.Dialer, h *plan.Host, argv []string) error {
	var result modules.Result
	conn, err := connect(dialer)(ctx, h)
	if err == nil {
		result, err = conn.Run(ctx, modules.Command{Argv: argv})
		_ = conn.Close() // everything has been read
	}
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		result, err = failed.Result, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		return r.app.showError(&engine.Failure{Host: h.Name, Address: h.Address, Err: err})
	}
	r.statuses[result.Status]++
	return r.show(h.Name, result)
}

// show prints what a host printed.
func (r *adHoc) show(host string, result modules.Result) error {
	hide := r.app.secrets.String
	if r.app.json {
		text, err := json.Marshal(struct {
			Version int    `json:"version"`
			Type    string `json:"type"`
			Host    string `json:"host"`
			Exit    int    `json:"exit"`
			Stdout  string `json:"stdout"`
			Stderr  string `json:"stderr"`
		}{1, "ran", host, result.Status, hide(string(result.Stdout)), hide(string(result.Stderr))})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(r.app.Stdout, "%s\n", visible.JSON(text))
		return err
	}
	sign, status := "=", ""
	if result.Status != 0 {
		sign, status = "!", fmt.Sprintf(": exit status %d", result.Status)
	}
	if _, err := fmt.Fprintf(r.app.Stdout, "%s %s%s\n", sign, visible.Line(host), status); err != nil {
		return err
	}
	for _, output := range [][]byte{result.Stdout, result.Stderr} {
		for line := range strings.Lines(hide(string(output))) {
			if _, err := fmt.Fprintf(r.app.Stdout, "    %s\n", visible.Line(strings.TrimRight(line, "\r\n"))); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish says how the command ended on several hosts.
func (r *adHoc) finish(hosts int) error {
	ok := r.statuses[0]
	if hosts > 1 && !r.app.json {
		text := fmt.Sprintf("%s: %d succeeded", modules.Counted(hosts, "host"), ok)
		if other := hosts - ok - r.failed; other > 0 {
			text += fmt.Sprintf(", %d exited with another status than 0", other)
		}
		if r.failed > 0 {
			text += fmt.Sprintf(", %d failed", r.failed)
		}
		if _, err := fmt.Fprintf(r.app.Stdout, "\n%s\n", text); err != nil {
			return err
		}
	}
	if ok < hosts {
		return exit(exitError)
	}
	return nil
}

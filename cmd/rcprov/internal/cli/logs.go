package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

// logs holds the flags of the command logs.
type logs struct {
	lines    int
	noFollow bool
}

func (a *app) logsCommand() *cobra.Command {
	o, l := &oneHost{app: a}, &logs{}
	command := &cobra.Command{
		Use:     "logs PLAN HOST UNIT",
		GroupID: groupHosts,
		Short:   "Follow the journal of a systemd unit on a host",
		Long: "Show the latest lines in the journal of a systemd unit, and what is added to it, until Ctrl-C. Secrets of the plan are\n" +
			"hidden. Only variables that the host's block refers to need a value." + exitHelp,
		Example: "  rcprov logs plans/prod.hcl chat nginx\n  rcprov logs plans/prod.hcl chat rocketchat --lines 500 --no-follow",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 3 {
				return errors.New("name a plan, one of its hosts and a unit")
			}
			return nil
		},
		ValidArgsFunction: completePlan,
		RunE: func(cmd *cobra.Command, args []string) error {
			if l.lines < 0 {
				return errors.New("--lines must be 0 or more")
			}
			return o.run(cmd.Context(), args[0], args[1], func(a *app, ctx context.Context, conn engine.Conn) error {
				return l.show(ctx, a, conn, args[2])
			})
		},
	}
	o.vars.add(command)
	o.connecting.addFlags(command.Flags())
	command.Flags().IntVar(&l.lines, "lines", 50, "how many lines to begin with")
	command.Flags().BoolVar(&l.noFollow, "no-follow", false, "end after these lines")
	return command
}

func (l *logs) show(ctx context.Context, a *app, conn engine.Conn, unit string) error {
	loaded, err := conn.Run(ctx, modules.Command{Argv: []string{"systemctl", "show", "-P", "LoadState", "--", unit}})
	var failed *modules.CommandError
	switch {
	case errors.As(err, &failed):
		return fmt.Errorf("%q is not the name of a unit: %s", unit, modules.LastLine(failed.Result.Stderr))
	case err != nil:
		return err
	case strings.TrimSpace(string(loaded.Stdout)) == "not-found":
		return modules.WithHint(fmt.Errorf("there is no unit %q", unit), "`rcprov run PLAN %s -- systemctl list-units` lists them.", conn.Name())
	}
	argv := []string{"journalctl", "--no-pager", "-q", "-o", "short-iso", "-n", strconv.Itoa(l.lines), "-u", unit}
	if !l.noFollow {
		argv = append(argv, "-f")
	}
	var writing error
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	_, err = conn.Run(ctx, modules.Command{Argv: argv, Lines: func(line string) {
		if writing == nil {
			writing = a.logLine(conn.Name(), line)
		}
		if writing != nil {
			stop() // nobody reads any more
		}
	}})
	if ctx.Err() != nil {
		return writing // the person has seen enough
	}
	return err
}

func (a *app) logLine(host, line string) error {
	line = a.secrets.String(line)
	if !a.json {
		_, err := fmt.Fprintln(a.Stdout, visible.Line(line))
		return err
	}
	text, err := json.Marshal(struct {
		Version int    `json:"version"`
		Type    string `json:"type"`
		Host    string `json:"host"`
		Line    string `json:"line"`
	}{1, "log", host, line})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s\n", visible.JSON(text))
	return err
}

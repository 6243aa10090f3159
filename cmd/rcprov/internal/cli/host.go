package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty/gocty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules/observe"
)

// oneHost holds the flags of the commands that look at one host of a plan.
type oneHost struct {
	app        *app
	vars       varFlags
	connecting connecting
}

func (a *app) factsCommand() *cobra.Command {
	return a.hostCommand((*app).showFacts, &cobra.Command{
		Use:   "facts PLAN HOST",
		Short: "Show the facts of a host",
		Long: "Show the facts of a host in the plan, as expressions see them. Only variables that its block host refers to need a\n" +
			"value." + exitHelp,
		Example: "  rcprov facts plans/prod.hcl chat\n  rcprov facts plans/prod.hcl chat --json",
	})
}

func (a *app) historyCommand() *cobra.Command {
	return a.hostCommand((*app).showHistory, &cobra.Command{
		Use:   "history PLAN HOST",
		Short: "Show who changed what on a host, and when",
		Long: "Show the journal of a host in the plan: every change that rcprov made there, whoever ran it. Only variables that its\n" +
			"block host refers to need a value." + exitHelp,
		Example: "  rcprov history plans/prod.hcl chat",
	})
}

func (a *app) hostCommand(show func(*app, context.Context, engine.Conn) error, command *cobra.Command) *cobra.Command {
	o := &oneHost{app: a}
	command.GroupID = groupHosts
	command.ValidArgsFunction = completePlan
	command.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 2 {
			return errors.New("name a plan and one of its hosts")
		}
		return nil
	}
	command.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0], args[1], show) }
	o.vars.add(command)
	o.connecting.addFlags(command.Flags())
	return command
}

func (o *oneHost) run(ctx context.Context, path, name string, show func(*app, context.Context, engine.Conn) error) error {
	p, err := o.app.loadFor(path, o.vars, plan.UnsetAny, func(*plan.Plan) []string { return []string{name} })
	if err != nil {
		return err
	}
	host, err := hostOf(p, name)
	if err != nil {
		return err
	}
	if err := o.app.showMistakes(p, p.HostIsKnown(host)); err != nil {
		return err
	}
	dialer := o.app.dialer(o.connecting, func(ask func()) { ask() })
	conn, err := connect(dialer)(ctx, host)
	if err == nil {
		err = show(o.app, ctx, conn)
		_ = conn.Close() // everything has been read
	}
	if err != nil {
		return &engine.Failure{Host: host.Name, Address: host.Address, Err: err}
	}
	return nil
}

func (a *app) showFacts(ctx context.Context, conn engine.Conn) error {
	facts, err := engine.Facts(ctx, conn)
	if err != nil {
		return err
	}
	kind, err := gocty.ImpliedType(observe.Facts{})
	if err != nil {
		return err
	}
	value, err := gocty.ToCtyValue(*facts, kind)
	if err != nil {
		return err
	}
	text, err := ctyjson.Marshal(value, kind)
	if err != nil {
		return err
	}
	if a.json {
		_, err = fmt.Fprintf(a.Stdout, `{"version":1,"type":"facts","host":%q,"facts":%s}`+"\n", conn.Name(), visible.JSON(text))
		return err
	}
	var byName map[string]any
	if err := json.Unmarshal(text, &byName); err != nil {
		return err
	}
	return a.printFacts("facts", byName)
}

// printFacts prints one fact a line, by the name that plans use.
func (a *app) printFacts(prefix string, facts map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if inner, ok := facts[name].(map[string]any); ok {
			if err := a.printFacts(prefix+"."+name, inner); err != nil {
				return err
			}
			continue
		}
		text, err := json.Marshal(facts[name])
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.Stdout, "%s.%s = %s\n", prefix, name, visible.JSON(text)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showHistory(ctx context.Context, conn engine.Conn) error {
	entries, err := engine.History(ctx, conn)
	if err != nil {
		return err
	}
	if a.json {
		for _, e := range entries {
			line := struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				engine.Entry
			}{1, "history", e}
			text, err := json.Marshal(line)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(a.Stdout, "%s\n", visible.JSON([]byte(a.secrets.String(string(text))))); err != nil {
				return err
			}
		}
		return nil
	}
	if len(entries) == 0 {
		_, err := fmt.Fprintf(a.Stdout, "rcprov has never changed %s.\n", conn.Name())
		return err
	}
	table := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for i, e := range entries {
		if e.What == engine.Begun && endsLater(entries[i+1:], e) {
			continue // the entry of its end says the same
		}
		when := e.Time.Local().Format("2006-01-02 15:04:05")
		fields := []string{when, e.By, e.What, e.Step, summary(e)}
		for i, field := range fields {
			fields[i] = visible.Line(a.secrets.String(field)) // the host may be broken into
		}
		if _, err := fmt.Fprintln(table, strings.Join(fields, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// endsLater reports whether the end of the change that began with e is among the entries after it.
func endsLater(after []engine.Entry, e engine.Entry) bool {
	for _, other := range after {
		if other.Run == e.Run && other.Step == e.Step && other.What != engine.Begun {
			return true
		}
	}
	return false
}

// summary describes what an entry changed, in one line.
func summary(e engine.Entry) string {
	if e.Error != "" {
		first, _, _ := strings.Cut(e.Error, "\n")
		if len(e.Made) == 0 {
			return first
		}
		return first + "; done before: " + edits(e.Made)
	}
	return edits(e.Edits)
}

func edits(all []engine.JournalEdit) string {
	var parts []string
	for _, edit := range all {
		part := string(edit.Action) + " " + edit.Subject
		if edit.Field != "" {
			part += " " + edit.Field
		}
		if edit.From != "" && edit.To != "" {
			part += fmt.Sprintf(" (%s -> %s)", edit.From, edit.To)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

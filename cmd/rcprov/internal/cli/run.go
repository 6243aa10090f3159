package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// run holds the flags that apply and plan share.
type run struct {
	app        *app
	mode       engine.Mode
	vars       varFlags
	connecting connecting
	limit      []string
	shard      shard
	tags       []string
	skipTags   []string
	only       []string
	approved   []string
	out        string // file to save the plan in
	html       string // file to show the plan in
	parallel   int
}

// lockWait is long enough for a host to notice that a killed run is gone, and short enough for a person to wait for.
const lockWait = 20 * time.Second

func (a *app) applyCommand() *cobra.Command {
	return a.runCommand(engine.Apply, &cobra.Command{
		Use:   "apply PLAN|FILE",
		Short: "Bring hosts to the state a plan describes",
		Long: `Compare all hosts of a plan with it, and change what differs. A second apply changes nothing.

If a connection breaks, rcprov tries to reconnect for two minutes and continues where it was. Ctrl-C finishes the change
in progress, then stops and shows what is left to do; a second Ctrl-C stops at once. Either way, run the same command
again to continue.

Instead of a plan, name a FILE that rcprov plan --out FILE made: then exactly what it showed is done. A host that has changed
since is refused before anything is changed there, and so is the file if the plan or a value of its variables has changed.
Variables are given again; they are not in the file.` + exitHelp,
		Example: "  rcprov apply plans/prod.hcl\n  rcprov apply plans/prod.hcl --limit web1,mongo --tags deploy",
	})
}

func (a *app) planCommand() *cobra.Command {
	return a.runCommand(engine.Plan, &cobra.Command{
		Use:   "plan PLAN",
		Short: "Show what apply would change",
		Long: `Compare all hosts of a plan with it, and show what apply would change. Nothing is written on any host.

With --html FILE, the same is in one page for a browser: a table of hosts and steps, and each change with its hosts, once. It
needs no other file and no network; secrets are hidden, and only you can read it. It is written when hosts have failed, too.` + exitHelpChanges,
		Example: "  rcprov plan plans/prod.hcl --var-file prod.vars.hcl\n  rcprov plan site/   # a directory whose *.hcl files are one plan",
	})
}

func (a *app) runCommand(mode engine.Mode, command *cobra.Command) *cobra.Command {
	r := &run{app: a, mode: mode}
	command.GroupID = groupPlans
	command.Args = planArg
	command.ValidArgsFunction = completePlan
	command.RunE = func(cmd *cobra.Command, args []string) error {
		if err := notEmpty(cmd.Flags(), "limit", "tags", "skip-tags", "only"); err != nil {
			return err
		}
		return r.run(cmd.Context(), args[0])
	}
	flags := command.Flags()
	r.vars.add(command)
	r.connecting.addFlags(flags)
	flags.StringSliceVar(&r.limit, "limit", nil, "work only on these `HOSTS` and groups: 'web*,!web3', 'web&berlin', @last.json")
	flags.Var(&r.shard, "shard", "work only on a part of the hosts, such as 3/16; 0/16 to 15/16 are all")
	flags.StringSliceVar(&r.tags, "tags", nil, "run only steps with one of these `TAGS`")
	flags.StringSliceVar(&r.skipTags, "skip-tags", nil, "leave out steps with one of these `TAGS`")
	flags.StringArrayVar(&r.only, "only", nil, "run only this `PLAY/STEP`, such as web/file.motd; may be repeated")
	if mode == engine.Apply {
		flags.StringArrayVar(&r.approved, "approve", nil, "approve this `PLAY/STEP`, such as web/approval.go, without a question; may be repeated")
	}
	if mode == engine.Plan {
		flags.StringVar(&r.out, "out", "", "save the plan in `FILE`, for rcprov apply FILE")
		flags.StringVar(&r.html, "html", "", "write the plan as a page for a browser to `FILE`, too")
	}
	flags.IntVar(&r.parallel, "parallel", 32, "how many hosts to work on at a time")
	return command
}

func (r *run) run(ctx context.Context, path string) error {
	saved, path, err := r.saved(path)
	if err != nil {
		return err
	}
	p, err := r.app.loadFor(path, r.vars, plan.UnsetNone, func(p *plan.Plan) []string {
		limit, err := limited(p, r.limit)
		if err != nil {
			return nil // that is said below
		}
		return r.shard.of(p, limit)
	})
	if err != nil {
		return err
	}
	if saved != nil {
		changed := append(plan.Differing(saved.Source, p.Digests(saved.Salt)), p.Changed(saved.Reads, saved.Salt)...)
		if len(changed) > 0 {
			return modules.WithHint(fmt.Errorf("since the plan was saved, these have changed: %s", someOf(changed)),
				"Give the same variables, or look at it again: `rcprov plan %s --out FILE`.", path)
		}
	}
	limit, err := limited(p, r.limit)
	if err != nil {
		return err
	}
	steps, err := selection{r.tags, r.skipTags, r.only, r.approved}.choose(p, limit)
	if err != nil {
		return err
	}
	only := steps.only
	if limit = r.shard.of(p, limit); limit != nil && len(limit) == 0 {
		if r.app.json { // lines of all shards follow each other
			return nil
		}
		_, err := fmt.Fprintf(r.app.Stdout, "No host is in shard %s: there is nothing to do.\n", &r.shard)
		return err
	}
	made := saved
	if r.out != "" {
		if made, err = r.newSaved(path, p); err != nil {
			return err
		}
		made.Only, made.Limit = only, limit
	}
	if saved != nil {
		only = saved.Only
	}
	if r.parallel < 1 {
		return errors.New("--parallel must be 1 or more")
	}
	if err := r.checkFiles(path); err != nil {
		return err
	}
	o := r.app.reportOptions()
	o.Files = p.Files
	reporter := report.New(o)
	defer func() { _ = reporter.Close() }() // also when a module panics
	doing := &underway{Reporter: reporter}
	r.app.onLeave(func() {
		_ = reporter.Close() // so that the display is not below what follows
		_, _ = fmt.Fprint(r.app.Stderr, doing.farewell())
	})
	dialer := r.app.dialer(r.connecting, reporter.Suspend)
	page := report.NewPage(o, thisVersion().Rcprov, r.scope())
	kept := &recorder{Reporter: doing, app: r.app}
	options := engine.Options{
		Mode: r.mode, Plan: p, Connect: connect(dialer), Reporter: r.paged(kept, page), Redact: r.app.secrets.String,
		By: runner(), LockWait: lockWait, Parallel: r.parallel, Limit: limit, Tags: r.tags, SkipTags: r.skipTags, Only: only, Now: r.app.Now,
	}
	options.Approve = r.app.approve(steps.approved, reporter.Suspend)
	if made != nil {
		options.Salt = made.Salt
	}
	if saved != nil {
		options.Saved = saved.Seen
	}
	summary, err := engine.Run(ctx, options)
	if closeErr := reporter.Close(); closeErr != nil {
		return closeErr
	}
	if r.html != "" {
		if err := r.writePage(page); err != nil {
			return err
		}
	}
	if r.out != "" {
		if err != nil {
			return modules.WithHint(fmt.Errorf("%s was not written, because the plan failed", r.out), "What failed is said above.")
		}
		made.Seen, made.Steps, made.Reads = summary.Seen, kept.steps, p.Reads(made.Salt)
		if err := made.write(r.out); err != nil {
			return err
		}
		if !r.app.json {
			if _, err := fmt.Fprintf(r.app.Stdout, "Saved: `rcprov apply %s` does exactly this.\n", r.out); err != nil {
				return err
			}
		}
	}
	switch {
	case err != nil:
		return exit(exitError) // the reporter has shown why
	case len(only) > 0 && summary.Counts == (engine.Counts{}): // which depended on facts
		return modules.WithHint(errors.New("--only: no host has such a step"), "Which steps there are depends on facts of the hosts: run plan without --only.")
	case r.mode == engine.Plan && summary.Counts.Planned > 0:
		return exit(exitChanges)
	}
	return nil
}

// saved returns the saved plan that apply was given instead of a plan, and the path of its plan; nil and path for a plan.
func (r *run) saved(path string) (*savedPlan, string, error) {
	if r.mode != engine.Apply {
		return nil, path, nil
	}
	s, err := readSaved(path)
	if s == nil || err != nil {
		return nil, path, err
	}
	if len(r.limit)+len(r.tags)+len(r.skipTags)+len(r.only)+r.shard.count > 0 {
		return nil, path, modules.WithHint(fmt.Errorf("%s says which hosts and steps it is about", path),
			"Give --limit, --shard, --tags, --skip-tags and --only to `rcprov plan PLAN --out FILE`.")
	}
	r.limit, r.tags, r.skipTags = s.Limit, s.Tags, s.SkipTags
	return s, s.Plan, nil
}

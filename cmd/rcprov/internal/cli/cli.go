// Package cli holds the commands of rcprov and their flags. Each command has a file of its own: it reads its flags, calls
// the package that does the work, and hands the result to package report.
package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// Deps is everything the commands depend on: what the process was started with, and what the binary contains.
type Deps struct {
	Modules   []modules.Module
	Templates fs.FS // the binary's own templates
	Plans     fs.FS // the binary's own plans

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string // as of os.Environ
	Now            func() time.Time
}

// app is one run of the program.
type app struct {
	Deps
	secrets *redact.Redactor

	json, verbose, noColor bool // flags of every command

	leaving  sync.Mutex
	reading  atomic.Bool // whether a plan is being read, and nothing else under way
	leavings []func()    // see onLeave
}

const rootHelp = `rcprov brings hosts to the state a plan describes. Plans are written in HCL. The hosts run Debian or Ubuntu and are
reached over SSH; nothing needs to be installed on them.

  rcprov init               write a first plan, plan.hcl, from the answers to three questions
  rcprov plan plan.hcl      show what would change, and change nothing
  rcprov apply plan.hcl     make the changes; a second run changes nothing
  rcprov doc                list what a plan can contain; the manual of one module: rcprov doc file

From Ansible: a playbook with its inventory is a plan, --check is plan, a role is a library, ad-hoc commands are run, ansible-doc is
doc, Vault is secrets. From Terraform: plan, apply, validate and fmt are the same; there is no state file and no destroy.`

// Groups of commands in the help.
const (
	groupPlans = "plans"
	groupHosts = "hosts"
	groupOther = "other"
)

// New returns the command rcprov with all of its commands.
func New(deps Deps) *cobra.Command {
	root, _ := newApp(deps)
	return root
}

func newApp(deps Deps) (*cobra.Command, *app) {
	a := &app{Deps: deps, secrets: redact.New()}
	askedVersion := false
	root := &cobra.Command{
		Use:   "rcprov",
		Short: "Bring hosts to the state a plan describes",
		Long:  rootHelp,
		Args:  knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if askedVersion {
				return a.showVersion()
			}
			return cmd.Help()
		},
		SilenceErrors:      true, // Run shows them
		SilenceUsage:       true,
		DisableSuggestions: true, // knownCommand has its own
	}
	root.SetIn(deps.Stdin)
	root.SetOut(deps.Stdout)
	root.SetErr(deps.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError(cmd, err) })

	root.Flags().BoolVar(&askedVersion, "version", false, "show the version")
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print one JSON object per line")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "also show steps that are up to date, and long texts in full")
	flags.BoolVar(&a.noColor, "no-color", false, "use no colours (the same as NO_COLOR in the environment)")

	root.AddGroup(
		&cobra.Group{ID: groupPlans, Title: "Plans:"},
		&cobra.Group{ID: groupHosts, Title: "Hosts:"},
		&cobra.Group{ID: groupOther, Title: "More:"},
	)
	root.AddCommand(
		a.initCommand(),
		a.validateCommand(),
		a.formatCommand(),
		a.planCommand(),
		a.applyCommand(),
		a.summaryCommand(),
		a.secretsCommand(),
		a.docCommand(),
		a.factsCommand(),
		a.historyCommand(),
		a.runOnHosts(),
		a.logsCommand(),
		a.versionCommand(),
	)
	for _, command := range root.Commands() {
		explainArgs(command)
	}
	addCobraCommands(root)
	return root, a
}

// addCobraCommands adds the commands that cobra provides, with descriptions of our own.
func addCobraCommands(root *cobra.Command) {
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.InitDefaultHelpCmd()
	knownTopic(root)
	root.InitDefaultCompletionCmd()
	for name, short := range map[string]string{
		"help":       "Show the help of a command",
		"completion": "Print a completion script for a shell",
	} {
		if command, _, err := root.Find([]string{name}); err == nil {
			command.Short = short
		}
	}
	addCompletion(root)
}

// Main runs the command named by args and returns the exit status; see exit.go. The first Ctrl-C asks the command to stop, a
// second one ends the process, as the first does while a plan is read.
func Main(deps Deps, args []string) int {
	root, a := newApp(deps)
	root.SetArgs(longFlags(args))
	ctx, stop := interrupts(func() {
		a.leave()
		os.Exit(exitInterrupted)
	}, func() bool { return !a.reading.Load() })
	defer stop()
	return a.exitStatus(root.ExecuteContext(ctx))
}

// onLeave sets what is done before a second Ctrl-C ends the process.
func (a *app) onLeave(do func()) {
	a.leaving.Lock()
	defer a.leaving.Unlock()
	a.leavings = append(a.leavings, do)
}

func (a *app) leave() {
	a.leaving.Lock()
	defer a.leaving.Unlock()
	for _, do := range a.leavings {
		do()
	}
}

// longFlags turns -var into --var, for people used to Go's tools and Terraform. No command has short flags that could be
// combined: -v and -h stand alone.
func longFlags(args []string) []string {
	long := make([]string, len(args))
	for i, arg := range args {
		if arg == "--" {
			copy(long[i:], args[i:])
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' && arg[1] >= 'a' {
			arg = "-" + arg
		}
		long[i] = arg
	}
	return long
}

// explainArgs adds the usage to errors about arguments, as flag errors have it.
func explainArgs(command *cobra.Command) {
	check := command.Args
	if check == nil {
		return
	}
	command.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if hint := new(modules.HintError); err == nil || errors.As(err, &hint) {
			return err
		}
		return usageError(cmd, err)
	}
}

func usageError(cmd *cobra.Command, err error) error {
	if hint, ok := otherFlag(cmd, err); ok {
		return modules.WithHint(err, "%s", hint)
	}
	return modules.WithHint(err, "Usage: `%s`. More with `%s --help`.", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
}

// otherFlag says what was probably meant by a flag that doesn't exist.
func otherFlag(cmd *cobra.Command, err error) (hint string, ok bool) {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return "", false
	}
	name := unknown.GetSpecifiedName()
	if ours, ok := wordElsewhere(flagsElsewhere, name); ok {
		return ours, true
	}
	if strings.Trim(name, "v") == "" {
		return "`-v` is enough: there is one level, `--verbose`.", true
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("Did you mean `--%s`? All flags: `%s --help`.", near, cmd.CommandPath()), true
	}
	return "", false
}

// noArgs checks the arguments of commands that take none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("`%s` takes no arguments, but got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// planArg checks the arguments of commands that take one plan.
func planArg(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("no plan given: name a file, or a directory (. is this one)")
	case len(args) > 1:
		return fmt.Errorf("only one plan at a time, not %d: to use several files as one plan, name their directory", len(args))
	case isPlaybook(args[0]):
		return modules.WithHint(fmt.Errorf("%s is not a plan", args[0]), "%s", noPlaybook)
	}
	return nil
}

// reportOptions describes who reads the output of this run.
func (a *app) reportOptions() report.Options {
	out, errs := a.terminal(a.Stdout), a.terminal(a.Stderr)
	return report.Options{
		Out: a.Stdout, Err: a.Stderr,
		JSON: a.json, Verbose: a.verbose,
		Live: out.moves, Color: out.colors, ErrColor: errs.colors, Size: out.size,
		Now: a.Now, Secrets: a.secrets,
	}
}

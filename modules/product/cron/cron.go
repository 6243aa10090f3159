package cron

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// Module is the module cron. It needs no facts, unlike other products.
func Module() modules.Module { return modules.Primitive("cron", source, New) }

// Step is a file in /etc/cron.d, whose user exists.
type Step struct {
	*file.Step
	User string // empty: the file is to be absent
}

var _ modules.Step = (*Step)(nil)

// Of other names cron reads no file: cron(8), and run-parts(8) for the letters.
var (
	fileName     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	name := cmp.Or(args.Name, env.Label)
	var errs []error
	if !fileName.MatchString(name) {
		errs = append(errs, &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must be of letters, digits, underscores and hyphens, not %q", name),
			Hint: "cron ignores files with other names in /etc/cron.d.",
		})
	}
	path := "/etc/cron.d/" + name
	if args.State == "absent" {
		s, err := with(file.Args{Path: path, State: "absent"}, env)
		return &Step{Step: s}, errors.Join(append(errs, err)...)
	}
	if args.Schedule == "" {
		errs = append(errs, modules.Argf("schedule", "is required"))
	} else if err := checkSchedule(args.Schedule); err != nil {
		errs = append(errs, modules.Argf("schedule", "%w", err))
	}
	switch {
	case strings.TrimSpace(args.Job) == "":
		errs = append(errs, modules.Argf("job", "is required"))
	case strings.ContainsAny(args.Job, "\n\r\x00"):
		errs = append(errs, &modules.ArgError{Arg: "job", Err: errors.New("must be one line"), Hint: "Put a longer script into a `file` of mode 0755, and run that."})
	}
	if err := observe.CheckAccountName(args.User); err != nil {
		errs = append(errs, modules.Argf("user", "%w", err))
	}
	content := "# Written by rcprov.\n"
	for _, variable := range slices.Sorted(maps.Keys(args.Env)) {
		line, err := assignment(variable, args.Env[variable])
		if err != nil {
			errs = append(errs, modules.Argf("env", "%w", err))
		}
		content += line + "\n"
	}
	content += strings.Join(strings.Fields(args.Schedule), " ") + " " + args.User + " " + strings.ReplaceAll(args.Job, "%", `\%`) + "\n"
	s, err := with(file.Args{Path: path, Content: &content}, env)
	return &Step{Step: s, User: args.User}, errors.Join(append(errs, err)...)
}

// with returns the step of a file with defaults.
func with(args file.Args, env modules.Env) (*file.Step, error) {
	modules.Defaults(&args)
	step, err := file.New(args, modules.Env{Host: env.Host, Sensitive: func(string) bool { return false }})
	s, _ := step.(*file.Step)
	return s, err
}

// assignment returns a line of crontab(5) that sets a variable. cron takes off the quotes around a value, and knows no escapes.
func assignment(name, value string) (string, error) {
	quote := `"`
	if strings.Contains(value, quote) {
		quote = "'"
	}
	switch {
	case !variableName.MatchString(name):
		return "", fmt.Errorf("has %q, which is not the name of a variable", name)
	case strings.ContainsAny(value, "\n\r\x00"):
		return "", fmt.Errorf("has a value for %s that is not one line", name)
	case strings.Contains(value, quote):
		return "", fmt.Errorf("has a value for %s with both kinds of quotes, which cron can't be given", name)
	case name == "LOGNAME" || name == "USER":
		return "", fmt.Errorf("has %s, which cron sets by itself", name)
	}
	return name + "=" + quote + value + quote, nil
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	s.Step.Observe(q)
	observe.AskAccounts(q, s.User, "")
}

// Diff implements [modules.Step]. A job of a user who is not there is one that never runs.
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	if err := modules.NeedsAccount(snapshot, s.User, ""); err != nil {
		return modules.Change{}, err
	}
	return s.Step.Diff(snapshot)
}

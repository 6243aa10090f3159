package debconf

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module debconf.
func Module() modules.Module { return modules.Primitive("debconf", source, New) }

// Step is a set of answers for a package that debconf's database should have.
type Step struct {
	Package   string
	Answers   []Answer
	Sensitive bool // whether all answers are sensitive, not only passwords

	// Keep reports whether a stored value stays, although it is another one; nil: none does. For products, whose packages want
	// some password that nothing uses.
	Keep func(stored string) bool
}

var _ modules.Step = (*Step)(nil)

// The words of a line as debconf-set-selections(1) splits it; a line that begins with # is a comment.
var (
	packageRule  = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	questionRule = regexp.MustCompile(`^[^\s#\x00]+$`)
)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{Package: args.Package, Answers: args.Answers, Sensitive: env.Sensitive("answer")}
	var errs []error
	if !packageRule.MatchString(args.Package) {
		errs = append(errs, modules.Argf("package", "must be the name of a package, not %q", args.Package))
	}
	if len(args.Answers) == 0 {
		errs = append(errs, modules.Argf("answer", "is required"))
	}
	for i, a := range args.Answers {
		if !questionRule.MatchString(a.Question) {
			errs = append(errs, modules.Argf(fmt.Sprintf("answer[%d]", i), "must be labelled with a question such as \"postfix/mailname\", not %q", a.Question))
		}
		if slices.ContainsFunc(args.Answers[:i], func(b Answer) bool { return b.Question == a.Question }) {
			errs = append(errs, modules.Argf(fmt.Sprintf("answer[%d]", i), "is the second to %q", a.Question))
		}
		if s.Sensitive && a.Type != "password" {
			errs = append(errs, &modules.ArgError{
				Arg: "answer", Err: fmt.Errorf("%q is a %s in a step with a sensitive answer: debconf keeps it where every user can read it", a.Question, a.Type),
				Hint: "Only the type password is kept for root. Give the other answers in a step of their own.",
			})
		}
		if err := checkValue(a); err != nil {
			errs = append(errs, modules.Argf(fmt.Sprintf("answer[%d].value", i), "%w", err))
		}
	}
	return s, errors.Join(errs...)
}

// checkValue returns what is wrong with a value, without repeating it.
func checkValue(a Answer) error {
	switch {
	case a.Type == "boolean" && a.Value != "true" && a.Value != "false":
		return errors.New("must be \"true\" or \"false\"")
	case strings.ContainsAny(a.Value, "\n\r\x00"):
		return errors.New("must be one line")
	case strings.HasSuffix(a.Value, `\`):
		return errors.New("must not end with a backslash, which debconf takes for the line's continuation")
	}
	return nil
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	for _, a := range s.Answers {
		stored.Ask(q, a.Question)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	var w work
	for _, a := range s.Answers {
		is, err := stored.Get(snapshot, a.Question)
		if err != nil {
			return modules.Change{}, fmt.Errorf("read %s in debconf's database: %w", a.Question, err)
		}
		if is.There && (a.equals(is.Value) || s.Keep != nil && s.Keep(is.Value)) {
			continue
		}
		w = append(w, given{Answer: a, Seen: is, Sensitive: s.Sensitive || a.Type == "password"})
	}
	return modules.NewChange(w), nil
}

// equals reports whether a stored value is equal to the answer.
func (a Answer) equals(value string) bool {
	if a.Type == "multiselect" {
		return slices.Equal(choices(a.Value), choices(value))
	}
	return a.Value == value
}

// separator is between the choices of a multiselect; an escaped comma or space belongs to one (Debconf::Question,
// value_split, 1.5.82).
var separator = regexp.MustCompile(`\\[, ]|,\s+`)

// choices returns the choices of a multiselect's value, sorted, each once.
func choices(value string) []string {
	var all []string
	choice, rest := "", value
	for rest != "" {
		at := separator.FindStringIndex(rest)
		if at == nil {
			choice += rest
			break
		}
		choice += rest[:at[0]]
		if rest[at[0]] == '\\' {
			choice += rest[at[0]+1 : at[1]]
		} else {
			all, choice = append(all, choice), ""
		}
		rest = rest[at[1]:]
	}
	all = slices.DeleteFunc(append(all, choice), func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// lockPatience is how long Apply waits for another program to unlock debconf's database, lockPause the time between tries.
const (
	lockPatience = 5 * time.Minute
	lockPause    = 2 * time.Second
)

//go:embed restore.pl
var restoreScript string

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	var lines strings.Builder
	for _, a := range c.Work.(work) {
		fmt.Fprintf(&lines, "%s %s %s %s\n", s.Package, a.Question, a.Type, a.Value)
	}
	cmd := modules.Command{Argv: []string{"debconf-set-selections"}, Stdin: []byte(lines.String())}
	restored := false
	var locked error
	pace := wait.Pace{Every: lockPause, Limit: lockPatience, For: "waiting for debconf's database"}
	err := wait.Until(ctx, pace, func() (missing string, err error) {
		result, err := h.Run(ctx, cmd)
		if err != nil && strings.Contains(string(result.Stderr), "Cannot find a question") && !restored {
			restored = true
			restore := modules.Command{Argv: []string{"perl", "-e", restoreScript}, Stdin: cmd.Stdin}
			if _, err := h.Run(ctx, restore); err != nil {
				return "", fmt.Errorf("restore questions that debconf has lost: %w", err)
			}
			result, err = h.Run(ctx, cmd)
		}
		var failed *modules.CommandError
		switch {
		case !errors.As(err, &failed):
			return "", err
		case !strings.Contains(string(result.Stderr), "is locked by another process"):
			return "", fmt.Errorf("give answers to debconf: %w", err)
		}
		locked = err
		return "another program has locked it", nil
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		return modules.WithHint(fmt.Errorf("give answers to debconf: %w", locked),
			"rcprov waited %s for it. `fuser -v /var/cache/debconf/config.dat` on the host names the program.", modules.Span(lockPatience))
	}
	return err
}

package inspect

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Args is what a block says of a program to run, by arguments of these names.
type Args struct {
	Argv             []string
	Shell, Dir, User string
	Env              map[string]string
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Check returns what is wrong with it.
func (s Args) Check() (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if !variableName.MatchString(name) {
			errs = append(errs, modules.Argf("env", "has %q, which is not the name of a variable", name))
		}
	}
	switch {
	case len(s.Argv) > 0 && s.Shell != "":
		errs = append(errs, modules.Argf("shell", "conflicts with argv; give one of them"))
	case s.Shell == "" && (len(s.Argv) == 0 || s.Argv[0] == ""):
		errs = append(errs, &modules.ArgError{
			Arg: "argv", Err: errors.New("names no program"), Hint: `Write argv = ["PROGRAM", "ARGUMENT"], or a script as shell = "..."`,
		})
	}
	if err := modules.CheckPath(s.Dir); err != nil {
		errs = append(errs, modules.Argf("dir", "%w", err))
	}
	if err := observe.CheckAccountName(s.User); err != nil {
		errs = append(errs, modules.Argf("user", "%w", err))
	}
	return errs
}

// Account is the user to run as, empty for root.
func (s Args) Account() string {
	if s.User == "root" {
		return ""
	}
	return s.User
}

// Environ returns the variables as "NAME=value", in the order of their names.
func (s Args) Environ() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		all = append(all, name+"="+s.Env[name])
	}
	return all
}

// Name is the program for people, on one line.
func (s Args) Name() string {
	text := s.Shell
	if text == "" {
		text = shell.QuoteAll(s.Argv)
	}
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if rest != "" {
		first += " ..."
	}
	return first
}

// WithSecret is the error for arguments that contain a secret; where says where it may stand instead.
func WithSecret(env modules.Env, where string, args ...string) (errs []error) {
	for _, arg := range args {
		if env.Sensitive(arg) {
			errs = append(errs, &modules.ArgError{
				Arg: arg, Err: errors.New("contains a secret, and everyone on the host can read a command line"),
				Hint: "Hand it over in " + where + ".",
			})
		}
	}
	return errs
}

// tailLines is how many lines of a failed program's output its error shows.
const tailLines = 10

// WithOutput adds the last lines of a program's output to err, if it has as many as least. The first line of the error stands alone in
// reports and in the journal.
func WithOutput(err error, output string, least int) error {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if lines[0] == "" || len(lines) < least {
		return err
	}
	return fmt.Errorf("%w\n%s", err, strings.Join(lines[max(0, len(lines)-tailLines):], "\n"))
}

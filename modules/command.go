package modules

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/rcprov/rcprov/modules/shell"
)

// A Command is a program to run on a host, as root unless User is set. It travels to a shell's standard input, so
// that only Argv itself ever shows in the host's process list: secrets belong in Env or Stdin.
type Command struct {
	Argv   []string // program and arguments; quoted in one place, here
	Script string   // or, instead of Argv: a POSIX shell script, run by `sh -eu`; see [shell.Script]
	Env    []string // NAME=value, added to the environment (LC_ALL=C is always set)
	Dir    string   // working directory, "/" if empty
	User   string   // run as this user, with its groups (runuser)
	Stdin  []byte   // at most a few MiB; use Host.Upload for more
	Live   bool     // its latest line of output is shown while it runs ([Progress]); not where that may have a secret

	// Lines, if it is set, gets each line of standard output as soon as it is whole, one after another.
	Lines func(line string)

	// Before is shell that runs first, as root, in the same shell. The engine sets it; modules do not.
	Before string
}

// Result is how a command ended.
type Result struct {
	Stdout []byte
	Stderr []byte
	Status int // exit status; 128+n after signal n, as the shell says it
}

// Shell returns the command as a piece of POSIX shell that reads nothing from the shell's own standard input,
// changes nothing in that shell and leaves the command's exit status in $?.
func (c Command) Shell() string {
	var b strings.Builder
	b.WriteString("(\n")
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	fmt.Fprintf(&b, "cd %s || exit 125\n", shell.Quote(dir))
	b.WriteString("export LC_ALL=C\n")
	if c.Before != "" {
		b.WriteString(c.Before + "\n")
	}
	for _, assignment := range c.Env {
		name, value, _ := strings.Cut(assignment, "=")
		fmt.Fprintf(&b, "export %s=%s\n", name, shell.Quote(value))
	}
	argv := c.Argv
	if c.Script != "" {
		// The script is the shell's -c argument: at most 128 KiB (MAX_ARG_STRLEN of Linux), and not secret (see Command).
		argv = []string{"sh", "-euc", c.Script}
	}
	if c.User != "" {
		argv = append([]string{"/sbin/runuser", "-u", c.User, "--"}, argv...) // whatever PATH Env has
	}
	line := shell.QuoteAll(argv)
	if len(c.Stdin) == 0 {
		fmt.Fprintf(&b, "exec %s </dev/null\n)", line)
		return b.String()
	}
	// Not exec: the shell must live to feed the pipe. Base64 keeps any content inside a here-document.
	fmt.Fprintf(&b, "base64 -d <<'RCPROV_STDIN' | %s\n", line)
	encoded := base64.StdEncoding.EncodeToString(c.Stdin)
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\nRCPROV_STDIN\n)")
	return b.String()
}

// A CommandError is the error of a command that ran and did not exit with 0.
type CommandError struct {
	Command Command // without its Stdin and Env, which may be secret
	Result  Result
}

// NewCommandError returns the error for a command that ended with r.
func NewCommandError(c Command, r Result) *CommandError {
	c.Stdin, c.Env = nil, nil
	return &CommandError{Command: c, Result: r}
}

// Error says which program failed, how, and the last line it had to say.
func (e *CommandError) Error() string {
	name := "sh"
	if len(e.Command.Argv) > 0 {
		name = e.Command.Argv[0]
	}
	how := fmt.Sprintf("exit status %d", e.Result.Status)
	if e.Result.Status > 128 && e.Result.Status < 160 {
		how = fmt.Sprintf("killed by signal %d", e.Result.Status-128)
	}
	said := cmp.Or(LastLine(e.Result.Stderr), LastLine(e.Result.Stdout))
	switch {
	case said == "":
		return fmt.Sprintf("%s: %s", name, how)
	case name == "sh" || strings.HasPrefix(said, name+": "):
		return fmt.Sprintf("%s (%s)", said, how) // programs begin with their names, and a script's name tells nothing
	default:
		return fmt.Sprintf("%s: %s (%s)", name, said, how)
	}
}

// LastLine returns the last line of a program's output that has a letter or a digit, without the space around it; the last one that
// is not blank if none has. Frames around a notice, and the dots of a progress bar, say nothing.
func LastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// LastLines are the last n lines of what a program said that are no noise, without the space at their ends.
func LastLines(said string, n int, noise *regexp.Regexp) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimRight(line, " \r\n"); !noise.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

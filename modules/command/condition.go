package command

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// condition is a program that tells by its exit status whether a command has something to do. It is asked by its
// address: its environment may be secret, and must not become part of a question's name.
type condition struct {
	Argv []string
	Dir  string
	User string // empty: root
	Env  []string
}

// verdict is how a condition ended.
type verdict struct {
	Missing string // what it needs that is not on the host (yet); empty when it ran
	Status  int    // exit status when it ran
}

// limitSeconds is how long a condition may take.
const limitSeconds = 30

// Why a condition did not run, as the script below exits.
const (
	noDirectory = "directory"
	noUser      = "user"
	noProgram   = "program"
)

// conditions runs all conditions at once. What they print is dropped, but for the end of standard error when one
// could not tell: 125 and more are exit statuses of the shell, timeout(1) and setpriv(1), not the program's own.
//
// The user is taken on by setpriv(1): runuser(1) would leave a login in the host's log each time that a plan is made.
var conditions = &observe.Kind[*condition, verdict]{
	Name: "condition",
	Script: func(all []*condition) string {
		var b strings.Builder
		b.WriteString(`
judge() {
	said=$("$2" 2>&1 >/dev/null) && status=0 || status=$?
	printf '%s %s %s\n' "$1" "$status" "$(printf %s "$said" | tail -c 500 | base64 -w0)"
}
`)
		for i, c := range all {
			fmt.Fprintf(&b, "condition_%d() {\n%s}\njudge %d condition_%d &\n", i, c.shell(), i, i)
		}
		b.WriteString("wait\n")
		return b.String()
	},
	Parse: parseVerdicts,
}

// shell returns the body of a shell function that becomes the condition's program.
func (c *condition) shell() string {
	var b strings.Builder
	absent := func(what string) string { return "{ echo rcprov-absent " + what + " >&2; exit 1; }\n" }
	run := "exec timeout -s KILL " + strconv.Itoa(limitSeconds) + " "
	if c.User != "" {
		fmt.Fprintf(&b, "entry=$(getent passwd -- %s) || %s", observe.Quote(c.User), absent(noUser))
		b.WriteString("rest=${entry#*:*:*:}; gid=${rest%%:*}; rest=${rest#*:*:}; home=${rest%%:*}\n")
		fmt.Fprintf(&b, "export HOME=\"$home\" USER=%[1]s LOGNAME=%[1]s\n", observe.Quote(c.User))
		run += "setpriv --reuid=" + observe.Quote(c.User) + " --regid=\"$gid\" --init-groups -- "
	}
	fmt.Fprintf(&b, "[ -d %[1]s ] || %scd %[1]s || exit 125\n", observe.Quote(c.Dir), absent(noDirectory))
	for _, assignment := range c.Env {
		name, value, _ := strings.Cut(assignment, "=")
		fmt.Fprintf(&b, "export %s=%s\n", name, observe.Quote(value))
	}
	find := "command -v -- %s >/dev/null || %s"
	if strings.Contains(c.Argv[0], "/") { // where dash and bash don't agree on what is a command
		find = "[ -e %s ] || %s"
	}
	fmt.Fprintf(&b, find, observe.Quote(c.Argv[0]), absent(noProgram))
	b.WriteString(run + observe.QuoteAll(c.Argv) + "\n")
	return b.String()
}

// parseVerdicts reads "INDEX STATUS BASE64" for each condition.
func parseVerdicts(all []*condition, reply observe.Reply) map[*condition]observe.Answer[verdict] {
	answers := make(map[*condition]observe.Answer[verdict])
	for _, line := range reply.Lines() {
		fields := strings.Split(line, " ")
		if len(fields) != 3 {
			continue
		}
		i, err := strconv.Atoi(fields[0])
		if err != nil || i < 0 || i >= len(all) {
			continue
		}
		status, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		said, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil {
			continue
		}
		answers[all[i]] = judge(all[i], status, said)
	}
	return answers
}

func judge(c *condition, status int, said []byte) observe.Answer[verdict] {
	last := modules.LastLine(said)
	absent := map[string]string{
		"rcprov-absent " + noDirectory: "directory " + c.Dir,
		"rcprov-absent " + noUser:      "user " + c.User,
		"rcprov-absent " + noProgram:   c.Argv[0],
	}[last]
	switch {
	case status == 1 && absent != "":
		return observe.Answer[verdict]{Value: verdict{Missing: absent}}
	case status < 125:
		return observe.Answer[verdict]{Value: verdict{Status: status}}
	case status == 137 && last == "":
		return observe.Answer[verdict]{Err: fmt.Errorf("%s was killed, or took longer than %d seconds", c.Argv[0], limitSeconds)}
	case last == "":
		return observe.Answer[verdict]{Err: fmt.Errorf("%s: exit status %d", c.Argv[0], status)}
	}
	return observe.Answer[verdict]{Err: errors.New(last + fmt.Sprintf(" (exit status %d)", status))}
}

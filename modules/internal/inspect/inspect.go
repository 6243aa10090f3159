// Package inspect runs programs that only look, to tell by how they end, or by what they print, whether something is as it
// should be: a library for the modules command and check.
package inspect

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Program is asked by its address: its environment may be secret, and must not become part of a question's name.
type Program struct {
	Argv []string
	Dir  string
	User string   // empty: root
	Env  []string // "NAME=value"

	// Awaited says that it is tried until it succeeds: then nobody knows whether any pending change makes it do so.
	Awaited bool

	// Output says that what it prints matters, the last 64 KiB of both streams.
	Output bool
}

// An Outcome is how a program ended.
type Outcome struct {
	Missing string // what it needs that is not on the host (yet); empty when it ran
	Status  int    // exit status when it ran
	Output  string // where it was asked for
}

// limitSeconds is how long a program may take.
const limitSeconds = 30

// What a program needs that the host does not have, as inspect.sh says it.
const (
	noDirectory = "directory"
	noUser      = "user"
	noProgram   = "program"
)

//go:embed inspect.sh
var functions string

// Programs runs all of them at once. What they print is dropped unless it was asked for, but for the end of standard error
// when one could not tell: 125 and more are exit statuses of the shell, timeout(1) and setpriv(1), not the program's
// own.
var Programs = &observe.Kind[*Program, Outcome]{
	Name: "program",
	Cost: 20,
	Script: func(all []*Program) string {
		var b strings.Builder
		b.WriteString(shell.Script(functions, shell.Vars{"inspect_limit": strconv.Itoa(limitSeconds)}))
		judged := make([]string, len(all))
		for i, p := range all {
			output, limit := " >/dev/null", 500
			if p.Output {
				output, limit = "", 65536
			}
			fmt.Fprintf(&b, "program_%[1]d() {\n%[2]s}%[3]s\n", i, p.shell(), output)
			judged[i] = fmt.Sprintf("inspect_judge %[1]d program_%[1]d %[2]d", i, limit)
		}
		b.WriteString(shell.AtOnce("inspect", judged))
		return b.String()
	},
	Parse:  parseOutcomes,
	Future: foreseeOutcome,
}

// foreseeOutcome knows that a program may end in another way when a pending change brings it, or concerns what it names.
func foreseeOutcome(f *observe.Forecast, p *Program, seen Outcome) observe.Outlook[Outcome] {
	o := observe.Outlook[Outcome]{Answer: observe.Answer[Outcome]{Value: seen}}
	or := func(status int, clause string) {
		o.Or = append(o.Or, observe.Alternative[Outcome]{Answer: observe.Answer[Outcome]{Value: Outcome{Status: status}}, If: clause})
	}
	text := shell.QuoteAll(p.Argv)
	why := f.Concerns(text)
	switch {
	case p.Awaited && (seen.Missing != "" || seen.Status != 0):
		clause := cmp.Or(why, "it already succeeds")
		o.Or = append(o.Or, observe.Alternative[Outcome]{Answer: observe.Unknown[Outcome](clause), If: clause})
	case seen.Missing != "":
		or(0, seen.Missing+" is there then")
		or(1, seen.Missing+" is there then")
	case why != "" && seen.Status == 0:
		or(1, why)
	case why != "":
		or(0, why)
	}
	return o
}

// Run asks about p alone, now.
func Run(ctx context.Context, h modules.Host, p *Program) (Outcome, error) {
	r, err := h.Run(ctx, modules.Command{Script: Programs.Script([]*Program{p})})
	if err != nil {
		return Outcome{}, err
	}
	answer, ok := parseOutcomes([]*Program{p}, observe.Reply{Stdout: r.Stdout, Stderr: r.Stderr})[p]
	if !ok {
		return Outcome{}, fmt.Errorf("the host did not tell how %s ended: %s", p.Argv[0], modules.LastLine(r.Stderr))
	}
	return answer.Value, answer.Err
}

// shell returns the body of a shell function that becomes the program.
func (p *Program) shell() string {
	var b strings.Builder
	if p.User != "" {
		b.WriteString("inspect_as " + shell.Quote(p.User) + "\n")
	}
	b.WriteString("inspect_in " + shell.Quote(p.Dir) + "\n")
	for _, assignment := range p.Env {
		name, value, _ := strings.Cut(assignment, "=")
		fmt.Fprintf(&b, "export %s=%s\n", name, shell.Quote(value))
	}
	b.WriteString("inspect_run " + shell.QuoteAll(p.Argv) + "\n")
	return b.String()
}

// parseOutcomes reads "INDEX STATUS BASE64" for each program.
func parseOutcomes(all []*Program, reply observe.Reply) map[*Program]observe.Answer[Outcome] {
	answers := make(map[*Program]observe.Answer[Outcome])
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

func judge(p *Program, status int, said []byte) observe.Answer[Outcome] {
	last := modules.LastLine(said)
	absent := map[string]string{
		"rcprov-absent " + noDirectory: "directory " + p.Dir,
		"rcprov-absent " + noUser:      "user " + p.User,
		"rcprov-absent " + noProgram:   p.Argv[0],
	}[last]
	switch {
	case status == 1 && absent != "":
		return observe.Answer[Outcome]{Value: Outcome{Missing: absent}}
	case status < 125 && p.Output:
		return observe.Answer[Outcome]{Value: Outcome{Status: status, Output: string(said)}}
	case status < 125:
		return observe.Answer[Outcome]{Value: Outcome{Status: status}}
	case status == 137 && last == "":
		return observe.Answer[Outcome]{Err: fmt.Errorf("%s was killed, or took longer than %d seconds", p.Argv[0], limitSeconds)}
	case last == "":
		return observe.Answer[Outcome]{Err: fmt.Errorf("%s: exit status %d", p.Argv[0], status)}
	}
	return observe.Answer[Outcome]{Err: errors.New(last + fmt.Sprintf(" (exit status %d)", status))}
}

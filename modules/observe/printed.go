package observe

import (
	"cmp"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules/shell"
)

// A Program is one that only reads, and prints what it finds. [Printed] asks it by its address: what it reads from its standard input
// may be secret, and must not become part of a question's name.
type Program struct {
	Argv  []string
	Stdin string
	Limit time.Duration // how long it may take; whole seconds
}

// Text is what a program printed.
type Text struct {
	Stdout string // without the ends of lines at its end, as $(...) of a shell has it
	Failed string // why nobody can tell: how it ended, with the last line of its standard error; empty when it succeeded
}

// MaxText is how many bytes a program may print.
const MaxText = 64 << 10

//go:embed printed.sh
var printedFunctions string

// Printed runs all programs at once, as root in the directory /.
var Printed = &Kind[*Program, Text]{
	Name: "what a program prints",
	Cost: 10,
	Script: func(all []*Program) string {
		var b strings.Builder
		b.WriteString(shell.Script(printedFunctions, shell.Vars{"printed_limit": strconv.Itoa(MaxText + 1)}))
		b.WriteString("cd /\n")
		answers := make([]string, len(all))
		for i, p := range all {
			stdin := ""
			if p.Stdin != "" {
				stdin = "printf %s " + shell.Quote(p.Stdin) + " | "
			}
			fmt.Fprintf(&b, "program_%[1]d() {\n%[2]stimeout -s KILL %[3]d %[4]s\n}\n",
				i, stdin, int(p.Limit.Seconds()), shell.QuoteAll(p.Argv))
			answers[i] = fmt.Sprintf("printed_answer %[1]d program_%[1]d", i)
		}
		b.WriteString(shell.AtOnce("printed", answers))
		return b.String()
	},
	Parse:  parsePrinted,
	Future: foreseePrinted,
}

// foreseePrinted knows that a program may print something else when a pending change concerns what it names, and that one which could
// not tell may be able to after any.
func foreseePrinted(f *Forecast, p *Program, seen Text) Outlook[Text] {
	why := f.Concerns(strings.Join(append([]string{p.Stdin}, p.Argv...), "\n"))
	switch {
	case why != "":
		return Outlook[Text]{Answer: Unknown[Text](why)}
	case seen.Failed != "":
		return Outlook[Text]{Answer: Unknown[Text]("an earlier step is done")}
	}
	return Outlook[Text]{Answer: Answer[Text]{Value: seen}}
}

func parsePrinted(all []*Program, reply Reply) map[*Program]Answer[Text] {
	answers := make(map[*Program]Answer[Text])
	for _, line := range reply.Lines() {
		fields := strings.Split(line, " ")
		if len(fields) != 3 {
			continue
		}
		i, err := strconv.Atoi(fields[0])
		if err != nil || i < 0 || i >= len(all) {
			continue
		}
		printed, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil {
			continue
		}
		said, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil {
			continue
		}
		at := strings.LastIndexByte(string(said), '\n')
		status, err := strconv.Atoi(string(said[at+1:]))
		if at < 0 || err != nil {
			continue
		}
		answers[all[i]] = Answer[Text]{Value: judgePrinted(all[i], status, printed, string(said[:at]))}
	}
	return answers
}

func judgePrinted(p *Program, status int, printed []byte, said string) Text {
	last := strings.TrimSpace(said)
	last = last[strings.LastIndexByte(last, '\n')+1:]
	switch {
	case len(printed) > MaxText:
		return Text{Failed: fmt.Sprintf("%s prints more than %d KiB", p.Argv[0], MaxText>>10)}
	case status == 137:
		return Text{Failed: fmt.Sprintf("%s was killed, or took longer than %s", p.Argv[0], p.Limit)}
	case status != 0:
		return Text{Failed: fmt.Sprintf("%s (exit status %d)", cmp.Or(last, p.Argv[0]+" prints no reason"), status)}
	case strings.ContainsRune(string(printed), 0):
		return Text{Failed: p.Argv[0] + " prints binary data"}
	}
	return Text{Stdout: strings.TrimRight(string(printed), "\r\n")}
}

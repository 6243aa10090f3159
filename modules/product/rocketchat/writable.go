package rocketchat

import (
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// dataOf is the question whether an instance can write to its data directory.
type dataOf struct{ Unit, Directory string }

// lost answers which instances run without a data directory that they can write to: ProtectSystem=strict lets a server write
// to the directory that was there when it started, and leaves it a file system that is read-only in place of another one.
// The process is taken from the control group (of version 2, or of 1), because to ask systemd takes a process. Where it can't be told, nothing is
// said, as of an instance that doesn't run: a restart that changes nothing must not be asked for.
var lost = &observe.Kind[dataOf, bool]{Name: "data directory of an instance", Script: lostScript, Parse: parseLost}

func lostScript(all []dataOf) string {
	var b strings.Builder
	b.WriteString(`lost() {
	procs=system.slice/$1/cgroup.procs
	{ read -r pid <"/sys/fs/cgroup/$procs" || read -r pid <"/sys/fs/cgroup/systemd/$procs"; } 2>/dev/null || return 0
	if [ ! -e "$2" ] || { [ -w "$2" ] && [ -e "/proc/$pid/root$2" ] && [ ! -w "/proc/$pid/root$2" ]; }; then printf '%s\t%s\n' "$1" "$2"; fi
}
`)
	for _, q := range all {
		fmt.Fprintf(&b, "lost %s\n", shell.QuoteAll([]string{q.Unit, q.Directory}))
	}
	return b.String()
}

func parseLost(all []dataOf, reply observe.Reply) map[dataOf]observe.Answer[bool] {
	answers := make(map[dataOf]observe.Answer[bool])
	if reply.Status != 0 {
		return answers
	}
	for _, q := range all {
		answers[q] = observe.Answer[bool]{}
	}
	for _, line := range reply.Lines() {
		unit, directory, _ := strings.Cut(line, "\t")
		answers[dataOf{unit, directory}] = observe.Answer[bool]{Value: true}
	}
	return answers
}

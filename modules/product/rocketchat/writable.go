package rocketchat

import (
	_ "embed"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// dataOf asks whether an instance can write to its data directory.
type dataOf struct{ Unit, Directory string }

// lostData reports which instances run but can't write to their data directory: with ProtectSystem=strict a server can only
// write to the directory that existed when it started, not to a new one in its place. The process is taken from the control
// group (version 2 or 1), which takes no further process, as asking systemd would. An instance that doesn't run, or about
// which this is unknown, counts as not lost, so that no needless restart is planned.
var lostData = &observe.Kind[dataOf, bool]{
	Name: "data directory of an instance", Script: lostScript, Parse: parseLost,
	Future: func(f *observe.Forecast, q dataOf, seen bool) observe.Outlook[bool] {
		_, stops := f.Stops(q.Unit)
		return observe.Outlook[bool]{Answer: observe.Answer[bool]{Value: seen && !stops}}
	},
}

//go:embed lost.sh
var lostText string

func lostScript(all []dataOf) string {
	var instances []string
	for _, q := range all {
		instances = append(instances, q.Unit, q.Directory)
	}
	return shell.Script(lostText, shell.Vars{"instances": shell.QuoteAll(instances)})
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

package debconf

import (
	_ "embed"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// answer is what debconf's database has for a question.
type answer struct {
	There bool
	Value string
}

//go:embed stored.sh
var storedScript string

// stored answers what debconf's database has for a question; its subject is the question's name.
//
// The database is read without debconf, which takes 80 ms to start and waits for locks: debconf.conf(5) names the files
// (the default driver; both are replaced as a whole when they change), Debconf::Format::822 of 1.5.82 their format.
// Records are separated by empty lines and begin with Name; only variables' lines begin with a space. debconf saves the
// questions first and what it knows of them (the templates) last: a question without a template is one that a killed
// debconf left, and counts as not there.
var stored = (&observe.Kind[string, answer]{
	Name: "debconf",
	Script: func(questions []string) string {
		return shell.Script(storedScript, shell.Vars{
			"questions": " " + strings.Join(questions, " ") + " ",
			"names":     "Name: " + strings.Join(questions, "\nName: "),
		})
	},
	Parse: parseStored,
}).About("debconf")

func parseStored(questions []string, reply observe.Reply) map[string]observe.Answer[answer] {
	answers := make(map[string]observe.Answer[answer])
	if reply.Status != 0 {
		return answers
	}
	for _, question := range questions {
		answers[question] = observe.Answer[answer]{}
	}
	found := map[string]answer{}
	question, first, templates := "", false, false
	for _, line := range reply.Lines() {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "templates":
			templates = true
		case key == "Name" && templates:
			if is, ok := found[value]; ok {
				answers[value] = observe.Answer[answer]{Value: is}
			}
		case key == "Name":
			question = value
			_, again := found[question] // the passwords' file counts only where the other has nothing
			if first = !again; first {
				found[question] = answer{There: true}
			}
		case key == "Value" && first && !templates:
			found[question] = answer{There: true, Value: value}
		}
	}
	return answers
}

package ufw

import (
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
)

// work is what Apply does to the firewall, in this order.
type work []task

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, t := range w {
		e := t.edit()
		e.Subject = subject
		edits = append(edits, e)
	}
	return edits
}

// A task is one thing to do with ufw.
type task interface {
	// edit tells it, without the subject.
	edit() modules.Edit

	// commands are the command lines of ufw that do it.
	commands() [][]string

	// couldShutOut reports whether it could refuse a new login while the firewall is on.
	couldShutOut() bool
}

type (
	addRule    struct{ desiredRule }
	changeRule struct {
		desiredRule
		was rule
	}
	moveRule   struct{ desiredRule } // to the end
	removeRule struct {
		rule
		family family
	}
	setDefault struct{ chain, from, to string } // chain: "incoming", "outgoing", "routed"
	setLogging struct{ from, to string }
	enable     struct{}
	disable    struct{}
	load       struct{} // the rules on disk into the kernel

	// unconfirmed reports why the change of a run that did not live to confirm it is still there.
	unconfirmed struct{ deadman.State }
)

func (t addRule) edit() modules.Edit {
	return modules.Edit{Action: modules.Create, Field: "rule", To: t.String()}
}

func (t addRule) commands() [][]string { return t.set() }

func (t addRule) couldShutOut() bool { return !t.Route && t.Action != "allow" }

func (t changeRule) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "rule", From: t.was.String(), To: t.String()}
}

func (t changeRule) commands() [][]string { return t.set() }

func (t changeRule) couldShutOut() bool {
	return !t.Route && t.Action != "allow" && t.Action != t.was.Action
}

func (t moveRule) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "order", From: "before a rule that comes first in the plan", To: t.String()}
}

// commands sets the rule, so that it has the desired action and comment and can be named, then puts it behind the others.
func (t moveRule) commands() [][]string {
	return append(t.set(), deletion(t.command()), t.command())
}

func (t moveRule) couldShutOut() bool { return !t.Route }

// words are those of the rule on ufw's command line. A rule is deleted without its comment.
func (t removeRule) words() []string {
	t.Comment = ""
	return t.rule.words(t.family.any())
}

func (t removeRule) edit() modules.Edit {
	return modules.Edit{Action: modules.Remove, Field: "rule", From: strings.Join(t.words(), " ")}
}

func (t removeRule) commands() [][]string { return [][]string{deletion(t.words())} }

func (t removeRule) couldShutOut() bool {
	return !t.Route && (t.Action == "allow" || t.Action == "limit")
}

func (t setDefault) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "default_" + t.chain, From: t.from, To: t.to}
}

func (t setDefault) commands() [][]string { return [][]string{{"default", t.to, t.chain}} }

func (t setDefault) couldShutOut() bool { return t.chain != "routed" }

func (t setLogging) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "logging", From: t.from, To: t.to}
}

func (t setLogging) commands() [][]string { return [][]string{{"logging", t.to}} }

func (setLogging) couldShutOut() bool { return false }

func (enable) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "enabled", From: "false", To: "true"}
}

func (enable) commands() [][]string { return [][]string{{"--force", "enable"}} }

func (enable) couldShutOut() bool { return true }

func (disable) edit() modules.Edit {
	return modules.Edit{Action: modules.Update, Field: "enabled", From: "true", To: "false"}
}

func (disable) commands() [][]string { return [][]string{{"disable"}} }

func (disable) couldShutOut() bool { return false }

func (load) edit() modules.Edit {
	return modules.Edit{Action: modules.Run, Field: "enabled", From: "true, but the rules on disk are not loaded", To: "loaded"}
}

func (load) commands() [][]string { return nil } // it comes before all others: see Step.script

func (load) couldShutOut() bool { return true }

func (t unconfirmed) edit() modules.Edit {
	e, _ := t.Edit(subject)
	return e
}

func (unconfirmed) commands() [][]string { return nil }

func (unconfirmed) couldShutOut() bool { return true }

// set are the commands that add the rule, or give it the desired action and comment.
func (w desiredRule) set() [][]string {
	if name := w.application(); name != "" { // its rules may come from an older profile
		return [][]string{{"app", "update", name}, w.command()}
	}
	return [][]string{w.command()}
}

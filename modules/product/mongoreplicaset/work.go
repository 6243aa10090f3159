package mongoreplicaset

import (
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
)

// work is what is missing in a set. Apply decides each action by the state after the one before; it takes from the work which
// members it may remove.
type work struct {
	Set       string // its name
	Make      *newSet
	Users     []userWork
	Members   []memberWork
	NoPrimary bool // the set has no primary, which is waited for
}

// newSet is a set that is made.
type newSet struct {
	Members []string
	Local   mongodb.Greeting // of this host's server
}

// userWork is what is done to a user: it is created, or its password or roles are changed.
type userWork struct {
	Name     string
	Create   bool
	Password string // the argument with the new password of a user who exists; empty: it stays
	Roles    *roles // nil: they stay
}

// roles are those of a user before and after; a new user has none before.
type roles struct{ from, to []mongodb.Grant }

// memberWork is what is done to a member.
type memberWork struct {
	Host     string
	Task     memberTask
	To       string           // rename
	Greeting mongodb.Greeting // join, catchUp
	State    mongodb.State    // catchUp
}

// A memberTask is one thing to do to a member.
type memberTask int

// The tasks.
const (
	rename memberTask = iota
	join
	promote // to a voting member
	catchUp // it is waited for until it serves
	remove
)

// removable returns the members that are to be removed.
func (w work) removable() []string {
	var hosts []string
	for _, m := range w.Members {
		if m.Task == remove {
			hosts = append(hosts, m.Host)
		}
	}
	return hosts
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	subject := "replica set " + w.Set
	if w.Make != nil {
		e := modules.Edit{Action: modules.Create, Subject: subject, To: strings.Join(w.Make.Members, ", ")}
		if w.Make.Local.Role == mongodb.Silent {
			e.From = "mongod: " + w.Make.Local.String()
		}
		edits = append(edits, e)
	}
	for _, u := range w.Users {
		edits = append(edits, u.edits()...)
	}
	for _, m := range w.Members {
		edits = append(edits, m.edit())
	}
	if w.NoPrimary {
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: subject, Field: "wait", From: "no primary", To: "a primary"})
	}
	return edits
}

func (u userWork) edits() []modules.Edit {
	var edits []modules.Edit
	subject := "user " + u.Name
	if u.Create {
		return []modules.Edit{{Action: modules.Create, Subject: subject, To: grants(u.Roles.to)}}
	}
	if u.Password != "" {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: u.Password, Sensitive: true})
	}
	if u.Roles != nil {
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: subject, Field: "roles", From: grants(u.Roles.from), To: grants(u.Roles.to),
		})
	}
	return edits
}

func (m memberWork) edit() modules.Edit {
	e := modules.Edit{Action: modules.Update, Subject: "member " + m.Host}
	switch m.Task {
	case rename:
		e.Field, e.From, e.To = "members", m.Host, m.To
	case join:
		e.Action, e.From, e.To = modules.Create, m.Greeting.String(), "joins"
		if m.Greeting.Role == mongodb.Silent {
			e.To += " once it answers"
		}
	case promote:
		e.Field, e.From, e.To = "votes", "0", "1"
	case catchUp:
		e.Action, e.Field, e.From, e.To = modules.Run, "wait", m.State.String(), "PRIMARY or SECONDARY"
		if m.Greeting.Role == mongodb.Silent {
			e.From = m.Greeting.String()
		}
	case remove:
		e.Action = modules.Remove
	}
	return e
}

func grants(list []mongodb.Grant) string {
	if len(list) == 0 {
		return "no roles"
	}
	var words []string
	for _, g := range list {
		words = append(words, g.String())
	}
	return strings.Join(words, ", ")
}

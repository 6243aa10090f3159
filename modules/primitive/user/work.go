package user

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// work is what Apply does to an account. Fields that are nil or zero stay as they are.
type work struct {
	user *Step

	create     bool
	remove     bool
	removeHome string // with remove: the home that goes, too

	uid     *move[int]
	group   *move[string] // the primary one
	groups  *move[[]string]
	comment *move[string]
	shell   *move[string]
	home    *move[string]
	expires *move[string] // days, or "never"

	createHome string // the directory to make

	password bool // the hash is set
	lock     *move[lock]
}

// move is a property before and after.
type move[T any] struct{ from, to T }

// lock is whether people can log in, for people: "false", or which part of the account is locked.
type lock string

// The locks.
const (
	unlocked       lock = "false"
	locked         lock = "true"
	passwordLocked lock = "password locked"
	onlyPassword   lock = "only the password"
	expired        lock = "expired"
)

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	subject := w.user.subject()
	var edits []modules.Edit
	update := func(field, from, to string) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: field, From: from, To: to})
	}
	switch {
	case w.create:
		return []modules.Edit{{Action: modules.Create, Subject: subject, To: w.user.describe()}}
	case w.remove && w.removeHome != "":
		return []modules.Edit{{Action: modules.Remove, Subject: subject}, {Action: modules.Remove, Subject: w.removeHome}}
	case w.remove:
		return []modules.Edit{{Action: modules.Remove, Subject: subject}}
	}
	if w.uid != nil {
		update("uid", observe.ShowID(w.uid.from), strconv.Itoa(w.uid.to))
	}
	if w.group != nil {
		update("group", w.group.from, w.group.to)
	}
	if w.groups != nil {
		update("groups", strings.Join(w.groups.from, ", "), strings.Join(w.groups.to, ", "))
	}
	for _, m := range []struct {
		field string
		*move[string]
	}{{"comment", w.comment}, {"shell", w.shell}, {"home", w.home}, {"expires", w.expires}} {
		if m.move != nil {
			update(m.field, m.from, m.to)
		}
	}
	if w.createHome != "" {
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: w.createHome, To: "home of " + w.user.Name})
	}
	if w.password {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: "password_hash", Sensitive: true})
	}
	if w.lock != nil {
		update("locked", string(w.lock.from), string(w.lock.to))
	}
	return edits
}

// describe is a new account in words.
func (s *Step) describe() string {
	var with []string
	if s.UID != nil {
		with = append(with, fmt.Sprintf("uid %d", *s.UID))
	}
	if s.Group != "" {
		with = append(with, "group "+s.Group)
	}
	if len(s.Groups) > 0 {
		with = append(with, "in "+strings.Join(s.Groups, ", "))
	}
	if s.Home != "" {
		with = append(with, "home "+s.Home)
	}
	if s.Shell != "" {
		with = append(with, "shell "+s.Shell)
	}
	if s.PasswordHash != "" {
		with = append(with, "with a password")
	}
	if s.Locked != nil && *s.Locked {
		with = append(with, "locked")
	}
	if s.Expires != "" && s.Expires != never {
		with = append(with, "expires "+s.Expires)
	}
	return strings.Join(with, ", ")
}

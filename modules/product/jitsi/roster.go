package jitsi

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Roster is the step for the roster of the focus. The component focus.DOMAIN, which people ask for a conference, passes on what
// they ask only if it sees that the focus is online, and for that it must have a granted subscription (RFC 6121, section 3). The
// package's script adds it at its very end, and never again.
type Roster struct {
	Domain string
}

var _ modules.Step = (*Roster)(nil)

func (s *Roster) contact() string { return "focus." + s.Domain }

func (s *Roster) account() string { return "focus@auth." + s.Domain }

func rosterPath(domain string) string { return prosodyData("auth."+domain) + "/roster/focus.dat" }

// Observe implements [modules.Step].
func (s *Roster) Observe(q *observe.Query) {
	observe.File.Ask(q, confQuestion(prosodyConf(s.Domain)))
	observe.File.Ask(q, confQuestion(rosterPath(s.Domain)))
}

// Diff implements [modules.Step].
func (s *Roster) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	contacts, err := observe.File.Get(snapshot, confQuestion(rosterPath(s.Domain)))
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at the roster of the focus: %w", err)
	}
	is := subscription(string(contacts.Content), s.contact())
	if is == "from" || is == "both" {
		return modules.Change{}, nil
	}
	w := rosterWork{Account: s.account(), Contact: s.contact(), Was: is}
	conf, err := observe.File.Get(snapshot, confQuestion(prosodyConf(s.Domain)))
	switch {
	case errors.Is(err, observe.ErrUnknown):
		w.Anew = true // as today's package does
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", prosodyConf(s.Domain), err)
	case conf.Type == observe.Regular && !strings.Contains(string(conf.Content), `"client_proxy"`):
		return modules.Change{}, nil // before 2021 the focus had no roster
	}
	return modules.NewChange(w), nil
}

// subscription returns the subscription of a contact in a roster: "none", "to", "from", "both", or "" for one that is not in it. A
// request that is not granted is elsewhere, in a list of names. The roster is a Lua table, written by prosody's
// util.serialization (0.12 and 13).
func subscription(roster, contact string) string {
	item := regexp.MustCompile(`(?ms)^\t\["` + regexp.QuoteMeta(contact) + `"\] = \{\n(.*?)^\t\};?$`).FindStringSubmatch(roster)
	if item == nil {
		return ""
	}
	if found := subscriptionField.FindStringSubmatch(item[1]); found != nil {
		return found[1]
	}
	return ""
}

var subscriptionField = regexp.MustCompile(`(?m)^\t\t\["subscription"\] = "([a-z]+)";?$`)

// rosterWork is a subscription that is granted.
type rosterWork struct {
	Account, Contact string
	Was              string // the subscription; empty: none
	Anew             bool   // an earlier step has the package's script write everything, most likely the roster, too
}

// Edits implements [modules.Work].
func (w rosterWork) Edits() []modules.Edit {
	from := "not in it"
	if w.Was != "" {
		from = "subscription " + w.Was
	}
	return []modules.Edit{{
		Action: modules.Update, Subject: "roster of " + w.Account, Field: w.Contact, From: from, To: "sees when it is online",
	}}
}

// Foresee implements [modules.Foreseer].
func (s *Roster) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	f.Write(rosterPath(s.Domain), observe.NewContent, nil)
	if !c.Work.(rosterWork).Anew {
		f.Stop(snapshot, prosodyUnit)
	}
}

// Apply implements [modules.Step], with the plugin of Jitsi's package. A prosody that runs has the roster in its memory since the
// focus logged in, and may write it: it is stopped before, so that a later step starts it, also after a kill in between.
func (s *Roster) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	modules.Progress(ctx, "stopping %s", prosodyUnit)
	if _, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "stop", prosodyUnit}}); err != nil {
		return err
	}
	result, err := h.Run(ctx, modules.Command{Argv: []string{"prosodyctl", "mod_roster_command", "subscribe", s.contact(), s.account()}})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return modules.WithHint(fmt.Errorf("prosodyctl mod_roster_command: %s", said(result.Stdout, result.Stderr)), checkConfigHint)
	}
	return err
}

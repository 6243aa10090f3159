package mongoreplicaset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
)

// check returns an error for what no change of this step can or may put right.
func (s *Step) check(seen Seen) error {
	if err := s.checkServer("this host", seen.Local); err != nil {
		return err
	}
	for _, member := range s.Members {
		if err := s.checkServer(member, seen.Others[member]); err != nil {
			return err
		}
	}
	if !seen.Initiated() {
		return nil
	}
	switch {
	case seen.Login == Refused && s.Previous == "":
		return modules.WithHint(fmt.Errorf("the set %s doesn't accept the plan's password for the user %q", s.Name, s.Admin.User),
			"If you changed admin_password, give the old one as admin_previous_password; if the set has another administrator, name it in admin_user.")
	case seen.Login == Refused:
		return modules.WithHint(fmt.Errorf("the set %s accepts neither admin_password nor admin_previous_password for the user %q", s.Name, s.Admin.User),
			"Give the user's current password as admin_previous_password.")
	case seen.Login == Open:
		return modules.WithHint(fmt.Errorf("the servers of the set %s require no login: they have no key file", s.Name),
			"Give their `mongod` steps a key_file.")
	case seen.Login != NoUsers && seen.Config.Name != s.Name:
		return fmt.Errorf("the servers are in the set %s, not %s", seen.Config.Name, s.Name)
	}
	return nil
}

// checkServer returns an error if a server can't be a member.
func (s *Step) checkServer(where string, g mongodb.Greeting) error {
	switch {
	case g.Set != "" && g.Set != s.Name:
		return modules.WithHint(fmt.Errorf("the mongod of %s is a member of the set %s, not of %s", where, g.Set, s.Name),
			"A server can't change its set and keep its data. Correct the name, or empty the server first: stop it and remove the content of its db_path.")
	case g.Role == mongodb.Standalone:
		return modules.WithHint(fmt.Errorf("the mongod of %s runs without a replica set", where),
			"Give its `mongod` step replica_set = %q, in a step before this one.", s.Name)
	}
	return nil
}

// compare returns the edits that make the observed set the wanted one.
func (s *Step) compare(seen Seen) modules.Change {
	var c modules.Change
	if !seen.Initiated() {
		e := modules.Edit{Action: modules.Create, Subject: s.subject(), To: strings.Join(s.Members, ", ")}
		if seen.Local.Role == mongodb.Silent {
			e.From = "mongod: " + seen.Local.String()
			c.Notes = append(c.Notes, "the mongod of this host does not answer yet; if it turns out to be in the set, the set is kept")
		}
		c.Edits = append(c.Edits, e)
	}
	c.Edits = append(c.Edits, s.compareUsers(seen)...)
	if seen.Initiated() && seen.Login != NoUsers {
		c.Edits = append(c.Edits, s.compareMembers(seen)...)
	}
	if len(s.Members)%2 == 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("a set of %d members survives the loss of no more members than a set of %d", len(s.Members), len(s.Members)-1))
	}
	return c
}

func (s *Step) subject() string { return "replica set " + s.Name }

func member(host string) string { return "member " + host }

func (s *Step) compareMembers(seen Seen) (edits []modules.Edit) {
	edit := func(action modules.Action, subject, field, from, to string) {
		edits = append(edits, modules.Edit{Action: action, Subject: subject, Field: field, From: from, To: to})
	}
	now := seen.Config
	if s.renamed(now) {
		edit(modules.Update, member(now.Members[0].Host), "members", now.Members[0].Host, s.Self)
		now = now.Clone()
		now.Members[0].Host = s.Self
	}
	for _, host := range s.Members {
		i := now.Find(host)
		switch {
		case i < 0:
			to := "joins"
			if g := seen.Others[host]; g.Role == mongodb.Silent {
				to += " once it answers"
			}
			edit(modules.Create, member(host), "", seen.Others[host].String(), to)
		case s.unvoting(now.Members[i]):
			edit(modules.Update, member(host), "votes", "0", "1")
		case !seen.States[host].Serves() && seen.Config.Find(host) >= 0:
			from := seen.States[host].String()
			if g := seen.Others[host]; g.Role == mongodb.Silent {
				from = g.String()
			}
			edit(modules.Run, member(host), "wait", from, "PRIMARY or SECONDARY")
		}
	}
	for _, m := range now.Members {
		if !slices.Contains(s.Members, m.Host) {
			edit(modules.Remove, member(m.Host), "", "", "")
		}
	}
	if seen.Primary == "" {
		edit(modules.Run, s.subject(), "wait", "no primary", "a primary")
	}
	return edits
}

// unvoting reports whether a member of the plan is to get a vote: it has none, and nobody has configured it to have none.
func (s *Step) unvoting(m mongodb.Member) bool { return m.Votes == 0 && !m.Special() }

// renamed reports whether the set has a single member, with a name of loopback, and the plan has another name for it.
func (s *Step) renamed(c mongodb.Config) bool {
	return len(c.Members) == 1 && isLocal(c.Members[0].Host) && !slices.Contains(s.Members, c.Members[0].Host)
}

func (s *Step) compareUsers(seen Seen) (edits []modules.Edit) {
	admin := "user " + s.Admin.User
	switch seen.Login {
	case NoSet, NoUsers:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: admin, To: adminRole.String()})
	case AsPrevious:
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: admin, Field: "admin_password", Sensitive: true})
	}
	for _, account := range s.Users {
		subject := "user " + account.User
		found, there := seen.Users[key(account)]
		switch {
		case !there:
			edits = append(edits, modules.Edit{Action: modules.Create, Subject: subject, To: grants(account.Roles)})
			continue
		case !found.Password:
			edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: "password", Sensitive: true})
		}
		if !slices.Equal(found.Roles, account.Roles) {
			edits = append(edits, modules.Edit{
				Action: modules.Update, Subject: subject, Field: "roles", From: grants(found.Roles), To: grants(account.Roles),
			})
		}
	}
	return edits
}

// adminRole is the administrator's.
var adminRole = mongodb.Grant{Role: "root", Database: "admin"}

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

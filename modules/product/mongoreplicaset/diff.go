package mongoreplicaset

import (
	"errors"
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
	if f := seen.Former; f != nil && !f.Loading {
		return s.checkFormer(f)
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

// checkFormer returns the error for a server that has users, and no place in a set.
func (s *Step) checkFormer(f *Former) error {
	var hosts []string
	for _, m := range f.Config.Members {
		hosts = append(hosts, m.Host)
	}
	members := strings.Join(hosts, ", ")
	switch {
	case f.Login != AsAdmin && f.Login != AsPrevious:
		return modules.WithHint(fmt.Errorf("the mongod of this host is in no set and has users already, none of whom is %q with the plan's password", s.Admin.User),
			"Give the password that it has as admin_previous_password; rcprov can then say which set it was in. If its data is not needed, stop mongod and empty its db_path.")
	case len(hosts) == 0:
		return modules.WithHint(errors.New("the mongod of this host is in no set and has users already: it ran without a set before"),
			"rcprov makes new sets of empty servers only. To keep the data, run `rs.initiate()` in `mongosh` on the host as %s, then the same command again; else stop mongod and empty its db_path.", s.Admin.User)
	}
	return modules.WithHint(fmt.Errorf("the mongod of this host was a member of the set %s (%s), and is none of these any more: its host has another name or address", f.Config.Name, members),
		"Give the host the name or address back by which the set knows it (`hosts_entry`). To keep the data under the new one, run in `mongosh` on this host as %s: "+
			"`c = rs.conf(); c.members[0].host = %q; rs.reconfig(c, { force: true })`, where 0 is the place of this host among the members; then run the same command again.",
		s.Admin.User, s.Self)
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

// compare returns what is missing in the observed set.
func (s *Step) compare(seen Seen) modules.Change {
	if seen.Former != nil { // check has found that it is loading
		return modules.NewChange(work{Set: s.Name, NoPrimary: true})
	}
	w := work{Set: s.Name, Users: s.compareUsers(seen)}
	var notes []string
	if !seen.Initiated() {
		w.Make = &newSet{Members: s.Members, Local: seen.Local}
		if seen.Local.Role == mongodb.Silent {
			notes = append(notes, "the mongod of this host does not answer yet; if it turns out to be in the set, the set is kept")
		}
	}
	if seen.Initiated() && seen.Login != NoUsers {
		w.Members = s.compareMembers(seen)
		w.NoPrimary = seen.Primary == ""
	}
	if len(s.Members)%2 == 0 {
		notes = append(notes, fmt.Sprintf("a set of %d members survives the loss of no more members than a set of %d", len(s.Members), len(s.Members)-1))
	}
	return modules.NewChange(w, notes...)
}

func (s *Step) compareMembers(seen Seen) (members []memberWork) {
	now := seen.Config
	if s.renamed(now) {
		members = append(members, memberWork{Host: now.Members[0].Host, Task: rename, To: s.Self})
		now = now.Clone()
		now.Members[0].Host = s.Self
	}
	for _, host := range s.Members {
		i := now.Find(host)
		switch {
		case i < 0:
			members = append(members, memberWork{Host: host, Task: join, Greeting: seen.Others[host]})
		case s.unvoting(now.Members[i]):
			members = append(members, memberWork{Host: host, Task: promote})
		case !seen.States[host].Serves() && seen.Config.Find(host) >= 0:
			members = append(members, memberWork{Host: host, Task: catchUp, Greeting: seen.Others[host], State: seen.States[host]})
		}
	}
	for _, m := range now.Members {
		if !slices.Contains(s.Members, m.Host) {
			members = append(members, memberWork{Host: m.Host, Task: remove})
		}
	}
	return members
}

// unvoting reports whether a member of the plan is to get a vote: it has none, and nobody has configured it to have none.
func (s *Step) unvoting(m mongodb.Member) bool { return m.Votes == 0 && !m.Special() }

// renamed reports whether the set has a single member, with a name of loopback, and the plan has another name for it.
func (s *Step) renamed(c mongodb.Config) bool {
	return len(c.Members) == 1 && isLocal(c.Members[0].Host) && !slices.Contains(s.Members, c.Members[0].Host)
}

func (s *Step) compareUsers(seen Seen) (users []userWork) {
	switch seen.Login {
	case NoSet, NoUsers:
		users = append(users, userWork{Name: s.Admin.User, Create: true, Roles: &roles{to: s.admin().Roles}})
	case AsPrevious:
		users = append(users, userWork{Name: s.Admin.User, Password: "admin_password"})
	}
	for _, account := range s.Users {
		found, there := seen.Users[key(account)]
		u := userWork{Name: account.User, Create: !there}
		if there && !found.Password {
			u.Password = "password"
		}
		if !there || !slices.Equal(found.Roles, account.Roles) {
			u.Roles = &roles{from: found.Roles, to: account.Roles}
		}
		if u.Create || u.Password != "" || u.Roles != nil {
			users = append(users, u)
		}
	}
	return users
}

// adminRole is the administrator's.
var adminRole = mongodb.Grant{Role: "root", Database: "admin"}

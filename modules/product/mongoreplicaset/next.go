package mongoreplicaset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
)

// An action is the next thing to do on the way to the wanted set. Each is decided by the state after the one before, so that
// a run can be killed anywhere, and two changes of the configuration never overtake each other.
type action struct {
	kind   kind
	doing  string         // for progress
	hosts  []string       // await: the members that are waited for; none: it is not about certain ones
	every  bool           // await: nothing goes on before all of them are there
	config mongodb.Config // initiate, reconfigure
	user   Account        // createUser, updateUser
}

type kind int

const (
	done kind = iota
	await
	initiate
	createAdmin // through the localhost exception
	createUser
	updateUser
	stepDown
	reconfigure
)

// next returns the next action, if check has found nothing. removable are the members that may be removed: those whose
// removal is in the change.
func (s *Step) next(seen Seen, removable []string) (action, error) {
	waiting := func(what string) (action, error) { return action{kind: await, doing: what}, nil }
	if seen.Former != nil {
		return waiting("waiting for this host's mongod to find its set")
	}
	if !seen.Initiated() {
		var missing []string
		for _, host := range s.Members {
			if g, asked := seen.Others[host]; asked && g.Role != mongodb.NotInitiated {
				missing = append(missing, host)
			}
		}
		if len(missing) > 0 {
			return action{kind: await, doing: "waiting for all members before the set is made", hosts: missing, every: true}, nil
		}
		if seen.Local.Role != mongodb.NotInitiated {
			return waiting("waiting for this host's mongod")
		}
		config := mongodb.Config{Name: s.Name, Version: 1, Members: []mongodb.Member{{ID: 0, Host: s.Self, Votes: 1, Priority: 1}}}
		return action{kind: initiate, doing: "making the set of " + s.Self, config: config}, nil
	}
	switch {
	case seen.Login == NoUsers && seen.Local.Role != mongodb.Primary && seen.Local.Primary != "" && seen.Local.Primary != seen.Local.Me:
		return action{}, modules.WithHint(fmt.Errorf("the set has no users yet, and the first one can only be made on the host of its primary %s", seen.Local.Primary),
			"rcprov did not make this set. Let that primary step down in favour of %s, or make its host the first of the play.", s.Self)
	case seen.Login == NoUsers && seen.Local.Role != mongodb.Primary, seen.Primary == "":
		return waiting("waiting for a primary")
	case seen.Login == NoUsers:
		return action{kind: createAdmin, doing: "making the user " + s.Admin.User, user: s.admin()}, nil
	case seen.Login == AsPrevious:
		return action{kind: updateUser, doing: "changing the password of " + s.Admin.User, user: s.admin()}, nil
	}
	for _, account := range s.Users {
		found, there := seen.Users[key(account)]
		switch {
		case !there:
			return action{kind: createUser, doing: "making the user " + account.User, user: account}, nil
		case !found.Password || !slices.Equal(found.Roles, account.Roles):
			if found.Password {
				account.Password = "" // stays
			}
			return action{kind: updateUser, doing: "changing the user " + account.User, user: account}, nil
		}
	}
	return s.nextMember(seen, removable)
}

func (s *Step) admin() Account {
	return Account{Login: s.Admin, Roles: []mongodb.Grant{adminRole}}
}

// nextMember returns the next change of the configuration.
//
// A change adds or removes at most one voting member (the manual, "replSetReconfig"), and no member gets its vote before it
// has the data: the majority that acknowledges writes never counts a member that can't.
func (s *Step) nextMember(seen Seen, removable []string) (action, error) {
	next := seen.Config.Clone()
	next.Version++
	change := func(doing string) (action, error) {
		return action{kind: reconfigure, doing: doing, config: next}, nil
	}
	if s.renamed(next) {
		next.Members[0].Host = s.Self
		return change("renaming " + seen.Config.Members[0].Host + " to " + s.Self)
	}
	if joining := s.joining(seen); len(joining) > 0 {
		for _, host := range joining {
			next.Members = append(next.Members, mongodb.Member{ID: freeID(next), Host: host})
		}
		return change("adding " + strings.Join(joining, " and "))
	}
	voters, promoted := 0, -1
	var behind []string
	for i, m := range next.Members {
		voters += m.Votes
		switch {
		case !slices.Contains(s.Members, m.Host) || !s.unvoting(m):
		case seen.States[m.Host].Name == string(mongodb.Secondary) && promoted < 0:
			promoted = i
		default:
			behind = append(behind, m.Host)
		}
	}
	if promoted >= 0 && voters < maxMembers {
		next.Members[promoted].Votes, next.Members[promoted].Priority = 1, 1
		return change("giving " + next.Members[promoted].Host + " its vote")
	}
	for _, host := range s.Members {
		if next.Find(host) < 0 {
			behind = append(behind, host)
		}
	}
	if len(behind) > 0 && voters < maxMembers {
		return action{kind: await, doing: "waiting for members to copy the data", hosts: behind}, nil
	}
	for i, m := range next.Members {
		if slices.Contains(s.Members, m.Host) {
			continue
		}
		if !slices.Contains(removable, m.Host) {
			return action{}, modules.WithHint(fmt.Errorf("the set has a member %s that the plan doesn't name", m.Host),
				"It joined after the changes were shown, so rcprov keeps it. Run `rcprov plan` to see the changes, or add it to the members.")
		}
		if m.Host == seen.Primary {
			return action{kind: stepDown, doing: m.Host + " steps down"}, nil
		}
		next.Members = slices.Delete(next.Members, i, i+1)
		return change("removing " + m.Host)
	}
	var down []string
	for _, host := range s.Members {
		if !seen.States[host].Serves() {
			down = append(down, host)
		}
	}
	if len(down) > 0 {
		return action{kind: await, doing: "waiting for " + strings.Join(down, " and "), hosts: down}, nil
	}
	return action{kind: done}, nil
}

// joining returns the members of the plan that are not in the set yet and ready to join.
func (s *Step) joining(seen Seen) (hosts []string) {
	for _, host := range s.Members {
		g, asked := seen.Others[host]
		if host == s.Self {
			g, asked = seen.Local, true
		}
		if seen.Config.Find(host) < 0 && asked && g.Role == mongodb.NotInitiated {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// freeID returns an ID that no member has: 0 to 255, and never changed.
func freeID(c mongodb.Config) int {
	for id := 0; ; id++ {
		if !slices.ContainsFunc(c.Members, func(m mongodb.Member) bool { return m.ID == id }) {
			return id
		}
	}
}

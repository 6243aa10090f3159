package mongoreplicaset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const (
	h1 = "h1:27017"
	h2 = "h2:27017"
	h3 = "h3:27017"
	h4 = "h4:27017"
)

// step is a set of hosts without users beside the administrator.
func step(hosts ...string) *Step {
	return &Step{
		Name: "rs0", Members: hosts, Self: hosts[0], Local: mongodb.Loopback(27017, false), Deadline: time.Minute,
		Admin: mongodb.Login{User: "admin", Database: "admin", Password: "hunter2"},
	}
}

// member of a configuration: "h1:27017" has a vote, "h1:27017 0" has none.
func config(version int, words ...string) mongodb.Config {
	c := mongodb.Config{Name: "rs0", Version: version}
	for i, word := range words {
		m := mongodb.Member{ID: i, Host: strings.TrimSuffix(word, " 0")}
		if m.Host == word {
			m.Votes, m.Priority = 1, 1
		}
		c.Members = append(c.Members, m)
	}
	return c
}

// serving is a set that is as its configuration wants it, with its primary on this host, h1.
func serving(c mongodb.Config) Seen {
	seen := Seen{
		Local: mongodb.Greeting{Role: mongodb.Primary, Set: "rs0", Me: h1, Primary: h1},
		Via:   mongodb.Loopback(27017, false), Login: AsAdmin,
		Set:    Set{Primary: h1, Config: c, States: map[string]mongodb.State{}},
		Others: map[string]mongodb.Greeting{},
	}
	for _, m := range c.Members {
		seen.States[m.Host] = mongodb.State{Name: "SECONDARY"}
	}
	seen.States[h1] = mongodb.State{Name: "PRIMARY"}
	return seen
}

func with(seen Seen, change func(*Seen)) Seen {
	change(&seen)
	return seen
}

var (
	fresh  = mongodb.Greeting{Role: mongodb.NotInitiated}
	silent = mongodb.Greeting{Role: mongodb.Silent, Why: "connection refused"}
)

// words are the members of a configuration as config takes them.
func words(c mongodb.Config) string {
	var list []string
	for _, m := range c.Members {
		word := m.Host
		if m.Votes == 0 {
			word += " 0"
		}
		list = append(list, word)
	}
	return fmt.Sprintf("%d: %s", c.Version, strings.Join(list, ", "))
}

func TestNext(t *testing.T) {
	t.Parallel()
	user := Account{Login: mongodb.Login{User: "chat", Database: "admin", Password: "x"}, Roles: []mongodb.Grant{{Role: "readWrite", Database: "chat"}}}
	withUser := step(h1)
	withUser.Users = []Account{user}
	tests := []struct {
		name      string
		step      *Step
		seen      Seen
		removable []string
		kind      kind
		want      string // the new configuration, or what it says while it waits
		err       string
	}{
		{name: "nothing runs", step: step(h1), seen: Seen{Local: silent}, kind: await, want: "waiting for this host's mongod"},
		{
			name: "a member is not there yet", step: step(h1, h2), kind: await, want: "waiting for all members before the set is made",
			seen: Seen{Local: fresh, Others: map[string]mongodb.Greeting{h2: silent}},
		},
		{
			name: "all are fresh", step: step(h1, h2), kind: initiate, want: "1: h1:27017",
			seen: Seen{Local: fresh, Others: map[string]mongodb.Greeting{h2: fresh}},
		},
		{
			name: "first user", step: step(h1, h2), kind: createAdmin,
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Login, s.Set = NoUsers, Set{Primary: h1} }),
		},
		{
			name: "first user, election under way", step: step(h1), kind: await, want: "waiting for a primary",
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Login, s.Set, s.Local.Role, s.Local.Primary = NoUsers, Set{}, mongodb.Secondary, "" }),
		},
		{
			name: "first user, primary elsewhere", step: step(h1, h2), err: "the set has no users yet, and the first one can only be made on the host of its primary h2:27017",
			seen: with(serving(config(1, h1, h2)), func(s *Seen) {
				s.Login, s.Set, s.Local.Role, s.Local.Primary = NoUsers, Set{Primary: h2}, mongodb.Secondary, h2
			}),
		},
		{name: "password of the administrator", step: step(h1), kind: updateUser, seen: with(serving(config(1, h1)), func(s *Seen) { s.Login = AsPrevious })},
		{name: "user missing", step: withUser, kind: createUser, seen: serving(config(1, h1))},
		{
			name: "user's roles", step: withUser, kind: updateUser,
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Users = map[string]Found{"chat@admin": {Password: true}} }),
		},
		{
			name: "user's password", step: withUser, kind: updateUser,
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Users = map[string]Found{"chat@admin": {Roles: user.Roles}} }),
		},
		{
			name: "all well", step: withUser, kind: done,
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Users = map[string]Found{"chat@admin": {Roles: user.Roles, Password: true}} }),
		},
		{
			name: "two join", step: step(h1, h2, h3), kind: reconfigure, want: "2: h1:27017, h2:27017 0, h3:27017 0",
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Others = map[string]mongodb.Greeting{h2: fresh, h3: fresh} }),
		},
		{
			name: "one joins, one doesn't answer", step: step(h1, h2, h3), kind: reconfigure, want: "2: h1:27017, h2:27017 0",
			seen: with(serving(config(1, h1)), func(s *Seen) { s.Others = map[string]mongodb.Greeting{h2: fresh, h3: silent} }),
		},
		{
			name: "one copies", step: step(h1, h2), kind: await, want: "waiting for members to copy the data",
			seen: with(serving(config(2, h1, h2+" 0")), func(s *Seen) { s.States[h2] = mongodb.State{Name: "STARTUP2"} }),
		},
		{name: "one vote at a time", step: step(h1, h2, h3), kind: reconfigure, want: "3: h1:27017, h2:27017, h3:27017 0", seen: serving(config(2, h1, h2+" 0", h3+" 0"))},
		{
			name: "the one that is ready first", step: step(h1, h2, h3), kind: reconfigure, want: "3: h1:27017, h2:27017 0, h3:27017",
			seen: with(serving(config(2, h1, h2+" 0", h3+" 0")), func(s *Seen) { s.States[h2] = mongodb.State{Name: "STARTUP2"} }),
		},
		{name: "one is too many", step: step(h1, h2), removable: []string{h3}, kind: reconfigure, want: "2: h1:27017, h2:27017", seen: serving(config(1, h1, h2, h3))},
		{name: "two are too many", step: step(h1), removable: []string{h2, h3}, kind: reconfigure, want: "2: h1:27017, h3:27017", seen: serving(config(1, h1, h2, h3))},
		{name: "one that was not shown", step: step(h1, h2), err: "the set has a member h3:27017 that the plan doesn't name", seen: serving(config(1, h1, h2, h3))},
		{
			name: "the primary is too many", step: step(h2, h3), removable: []string{h1}, kind: stepDown,
			seen: with(serving(config(1, h1, h2, h3)), func(s *Seen) { s.Local.Role = mongodb.Secondary }),
		},
		{
			name: "new before old", step: step(h1, h2, h4), removable: []string{h3}, kind: reconfigure, want: "2: h1:27017, h2:27017, h3:27017, h4:27017 0",
			seen: with(serving(config(1, h1, h2, h3)), func(s *Seen) { s.Others = map[string]mongodb.Greeting{h4: fresh} }),
		},
		{
			name: "one that is down stays", step: step(h1, h2), kind: await, want: "waiting for h2:27017",
			seen: with(serving(config(1, h1, h2)), func(s *Seen) { s.States[h2] = mongodb.State{Name: "(not reachable/healthy)"} }),
		},
		{
			name: "from loopback to a name", step: step(h1, h2), kind: reconfigure, want: "2: h1:27017",
			seen: with(serving(config(1, "127.0.0.1:27017")), func(s *Seen) { s.Others = map[string]mongodb.Greeting{h2: fresh} }),
		},
		{
			name: "starting", step: step(h1), kind: await, want: "waiting for this host's mongod to find its set",
			seen: Seen{Local: fresh, Former: &Former{Login: AsAdmin, Config: config(3, h1), Loading: true}},
		},
		{name: "hidden stays without a vote", step: step(h1, h2), kind: done, seen: serving(hidden(config(1, h1, h2+" 0")))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			act, err := test.step.next(test.seen, test.removable)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			got := ""
			switch act.kind {
			case await:
				got = act.doing
			case initiate, reconfigure:
				got = words(act.config)
			}
			if act.kind != test.kind || got != test.want {
				t.Errorf("action %d %q, want %d %q", act.kind, got, test.kind, test.want)
			}
		})
	}
}

// TestHopeless is about waits for members on hosts that failed in this run.
func TestHopeless(t *testing.T) {
	t.Parallel()
	three := step(h1, h2, h3)
	three.Hosts = map[string]string{h1: "one", h2: "two", h3: "three"}
	down := func(hosts ...string) Seen {
		return with(serving(config(1, h1, h2, h3)), func(s *Seen) {
			for _, host := range hosts {
				s.States[host], s.Others[host] = mongodb.State{Name: "(not reachable/healthy)"}, silent
			}
		})
	}
	for _, test := range []struct {
		name   string
		seen   Seen
		failed []string
		want   string
	}{
		{name: "none failed", seen: down(h2)},
		{
			name: "one failed", seen: down(h2), failed: []string{"two"},
			want: "the host of h2:27017 failed in this run, while the set goes on with its primary h1:27017: h1:27017 PRIMARY; h2:27017 connection refused; h3:27017 SECONDARY",
		},
		{name: "another one may still come", seen: down(h2, h3), failed: []string{"two"}},
		{name: "another one failed", seen: down(h2), failed: []string{"three"}},
		{
			name: "a new set", seen: Seen{Local: fresh, Others: map[string]mongodb.Greeting{h2: silent, h3: silent}}, failed: []string{"three"},
			want: "the host of h3:27017 failed in this run: h1:27017 not initiated; h2:27017 connection refused; h3:27017 connection refused",
		},
	} {
		act, err := three.next(test.seen, nil)
		if err != nil || act.kind != await {
			t.Fatalf("%s: %v, %v", test.name, act, err)
		}
		ctx := modules.WithFailed(t.Context(), func(host string) bool { return slices.Contains(test.failed, host) })
		if got := moduletest.ErrorText(three.hopeless(ctx, test.seen, act)); got != test.want {
			t.Errorf("%s: error %q\n want %q", test.name, got, test.want)
		}
	}
}

func hidden(c mongodb.Config) mongodb.Config {
	c.Members[len(c.Members)-1].Rest = bson.M{"hidden": true}
	return c
}

// Apply removes the members whose removal was shown, and no others.
func TestRemovable(t *testing.T) {
	t.Parallel()
	w := work{Members: []memberWork{{Host: h1, Task: promote}, {Host: h2, Task: remove}, {Host: h3, Task: join}, {Host: h4, Task: remove}}}
	if diff := cmp.Diff([]string{h2, h4}, w.removable()); diff != "" {
		t.Errorf("removable (-want +got):\n%s", diff)
	}
}

// Numbers of members are never used again for another, and a configuration keeps what rcprov doesn't know.
func TestJoinKeeps(t *testing.T) {
	t.Parallel()
	now := config(4, h1, h3)
	now.Members[1].ID = 2
	now.Rest = bson.M{"settings": bson.D{{Key: "electionTimeoutMillis", Value: int32(5000)}}}
	seen := serving(now)
	seen.Others = map[string]mongodb.Greeting{h2: fresh}
	act, err := step(h1, h2, h3).next(seen, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := bson.Marshal(act.config)
	if err != nil {
		t.Fatal(err)
	}
	var sent mongodb.Config
	if err := bson.Unmarshal(raw, &sent); err != nil {
		t.Fatal(err)
	}
	if got := sent.Members[2].ID; got != 1 {
		t.Errorf("the new member is number %d", got)
	}
	if diff := cmp.Diff(now.Rest, sent.Rest); diff != "" {
		t.Errorf("what else is in the configuration (-was +sent):\n%s", diff)
	}
	if len(now.Members) != 2 {
		t.Error("what was seen was changed")
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	edit := func(action modules.Action, subject, field, from, to string) modules.Edit {
		return modules.Edit{Action: action, Subject: subject, Field: field, From: from, To: to}
	}
	withUser := step(h1)
	withUser.Users = []Account{{Login: mongodb.Login{User: "chat", Database: "admin", Password: "x"}, Roles: []mongodb.Grant{{Role: "readWrite", Database: "chat"}}}}
	tests := []struct {
		name  string
		step  *Step
		seen  Seen
		err   error
		edits []modules.Edit
		work  modules.Work // nil: not compared
		want  string       // error
	}{
		{name: "converged", step: step(h1, h2, h3), seen: serving(config(1, h1, h2, h3))},
		{
			name: "bare host", step: withUser, seen: Seen{Local: silent},
			edits: []modules.Edit{
				edit(modules.Create, "replica set rs0", "", "mongod: connection refused", h1),
				edit(modules.Create, "user admin", "", "", "root@admin"),
				edit(modules.Create, "user chat", "", "", "readWrite@chat"),
			},
			work: work{
				Set: "rs0", Make: &newSet{Members: []string{h1}, Local: silent},
				Users: []userWork{
					{Name: "admin", Create: true, Roles: &roles{to: []mongodb.Grant{adminRole}}},
					{Name: "chat", Create: true, Roles: &roles{to: withUser.Users[0].Roles}},
				},
			},
		},
		{
			name: "not initiated", step: step(h1), seen: Seen{Local: fresh},
			edits: []modules.Edit{edit(modules.Create, "replica set rs0", "", "", h1), edit(modules.Create, "user admin", "", "", "root@admin")},
		},
		{
			name: "killed before the first user", step: step(h1), seen: with(serving(config(1, h1)), func(s *Seen) { s.Login, s.Set = NoUsers, Set{} }),
			edits: []modules.Edit{edit(modules.Create, "user admin", "", "", "root@admin")},
		},
		{
			name: "user edited", step: withUser,
			seen: with(serving(config(1, h1)), func(s *Seen) {
				s.Users = map[string]Found{"chat@admin": {Roles: []mongodb.Grant{{Role: "read", Database: "chat"}}}}
			}),
			edits: []modules.Edit{
				{Action: modules.Update, Subject: "user chat", Field: "password", Sensitive: true},
				edit(modules.Update, "user chat", "roles", "read@chat", "readWrite@chat"),
			},
			work: work{Set: "rs0", Users: []userWork{{
				Name: "chat", Password: "password", Roles: &roles{[]mongodb.Grant{{Role: "read", Database: "chat"}}, withUser.Users[0].Roles},
			}}},
		},
		{
			name: "administrator's password", step: step(h1), seen: with(serving(config(1, h1)), func(s *Seen) { s.Login = AsPrevious }),
			edits: []modules.Edit{{Action: modules.Update, Subject: "user admin", Field: "admin_password", Sensitive: true}},
			work:  work{Set: "rs0", Users: []userWork{{Name: "admin", Password: "admin_password"}}},
		},
		{
			name: "members", step: step(h1, h2, h3),
			seen: with(serving(config(1, h1, h2+" 0", h4)), func(s *Seen) { s.Others = map[string]mongodb.Greeting{h3: silent} }),
			edits: []modules.Edit{
				edit(modules.Update, "member h2:27017", "votes", "0", "1"),
				edit(modules.Create, "member h3:27017", "", "connection refused", "joins once it answers"),
				edit(modules.Remove, "member h4:27017", "", "", ""),
			},
			work: work{Set: "rs0", Members: []memberWork{
				{Host: h2, Task: promote}, {Host: h3, Task: join, Greeting: silent}, {Host: h4, Task: remove},
			}},
		},
		{
			name: "one is down", step: step(h1, h2, h3),
			seen: with(serving(config(1, h1, h2, h3)), func(s *Seen) {
				s.States[h3] = mongodb.State{Name: "(not reachable/healthy)"}
				s.Others = map[string]mongodb.Greeting{h3: silent}
			}),
			edits: []modules.Edit{edit(modules.Run, "member h3:27017", "wait", "connection refused", "PRIMARY or SECONDARY")},
			work: work{Set: "rs0", Members: []memberWork{
				{Host: h3, Task: catchUp, Greeting: silent, State: mongodb.State{Name: "(not reachable/healthy)"}},
			}},
		},
		{
			name: "no primary", step: step(h1), seen: with(serving(config(1, h1)), func(s *Seen) { s.Primary = "" }),
			edits: []modules.Edit{edit(modules.Run, "replica set rs0", "wait", "no primary", "a primary")},
			work:  work{Set: "rs0", NoPrimary: true},
		},
		{
			name: "another set", step: step(h1), seen: Seen{Local: mongodb.Greeting{Role: mongodb.Primary, Set: "prod"}},
			want: "the mongod of this host is a member of the set prod, not of rs0",
		},
		{
			name: "a member of another set", step: step(h1, h2, h3),
			seen: Seen{Local: fresh, Others: map[string]mongodb.Greeting{h2: fresh, h3: {Role: mongodb.Secondary, Set: "prod"}}},
			want: "the mongod of h3:27017 is a member of the set prod, not of rs0",
		},
		{
			name: "removed: the host's address is another", step: step(h1),
			seen: Seen{Local: fresh, Former: &Former{Login: AsAdmin, Config: config(3, h4)}},
			want: "the mongod of this host was a member of the set rs0 (h4:27017), and is none of these any more: its host has another name or address",
		},
		{
			name: "starting: it doesn't know its set yet", step: withUser, seen: Seen{Local: fresh, Former: &Former{Login: AsAdmin, Config: config(3, h1), Loading: true}},
			edits: []modules.Edit{edit(modules.Run, "replica set rs0", "wait", "no primary", "a primary")},
		},
		{
			name: "users and no set", step: step(h1), seen: Seen{Local: fresh, Former: &Former{Login: AsPrevious}},
			want: "the mongod of this host is in no set and has users already: it ran without a set before",
		},
		{
			name: "users of somebody and no set", step: step(h1), seen: Seen{Local: fresh, Former: &Former{Login: Refused}},
			want: `the mongod of this host is in no set and has users already, none of whom is "admin" with the plan's password`,
		},
		{
			name: "no replica set", step: step(h1), seen: Seen{Local: mongodb.Greeting{Role: mongodb.Standalone}},
			want: "the mongod of this host runs without a replica set",
		},
		{
			name: "wrong password", step: step(h1), seen: with(serving(config(1, h1)), func(s *Seen) { s.Login, s.Set = Refused, Set{} }),
			want: `the set rs0 doesn't accept the plan's password for the user "admin"`,
		},
		{
			name: "no authentication", step: step(h1), seen: with(serving(config(1, h1)), func(s *Seen) { s.Login = Open }),
			want: "the servers of the set rs0 require no login: they have no key file",
		},
		{name: "could not tell", step: step(h1), err: errors.New("sshd forwards no connections"), want: "look at the replica set rs0: sshd forwards no connections"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			set.Put(s, test.step, test.seen, test.err)
			c := moduletest.WantDiff(t, test.step, s, test.edits, test.want)
			moduletest.WantWork(t, test.work, c)
			if strings.Contains(fmt.Sprintf("%+v %#v", c, test.step.Admin), "hunter2") {
				t.Error("shows a password")
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	seen := serving(config(1, h1, h2, h3))
	seen.States[h2] = mongodb.State{Name: "(not reachable/healthy)", Message: "no response within election timeout period"}
	seen.States[h3] = mongodb.State{Name: "RECOVERING"}
	seen.Others = map[string]mongodb.Greeting{h2: silent, h3: {Role: mongodb.OtherMember}}
	want := "h1:27017 PRIMARY; h2:27017 connection refused; h3:27017 RECOVERING"
	if got := step(h1, h2, h3).describe(seen); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	env := modules.Env{Host: "a", Label: "rs0", Peers: []modules.Peer{{Name: "a", Address: "10.0.0.1"}, {Name: "b", Address: "10.0.0.2"}}}
	good := Args{AdminPassword: "hunter2"}
	modules.Defaults(&good)
	change := func(f func(*Args)) Args { a := good; f(&a); return a }
	tests := []struct {
		name, host string
		args       Args
		parts      int
		hosts      []string
		err        string
	}{
		{name: "first host", host: "a", args: good, parts: 2, hosts: []string{"10.0.0.1:27017", "10.0.0.2:27017"}},
		{name: "second host", host: "b", args: good, hosts: []string{"10.0.0.1:27017", "10.0.0.2:27017"}},
		{
			name: "explicit", host: "a", parts: 2, hosts: []string{"db1.example.com:27018", "[fd00::1]:27017"},
			args: change(func(a *Args) { a.Members = []string{"DB1.example.com:27018", "fd00::1"} }),
		},
		{name: "one on loopback", host: "a", args: change(func(a *Args) { a.Members = []string{"127.0.0.1"} }), parts: 2, hosts: []string{"127.0.0.1:27017"}},
		{
			name: "loopback among several", host: "a", args: change(func(a *Args) { a.Members = []string{"10.0.0.1", "localhost"} }),
			err: "members: has localhost:27017, which other members can't reach",
		},
		{name: "twice", host: "a", args: change(func(a *Args) { a.Members = []string{"h", "H:27017"} }), err: "members: has h:27017 twice"},
		{
			name: "eight", host: "a", args: change(func(a *Args) { a.Members = []string{"a", "b", "c", "d", "e", "f", "g", "h"} }),
			err: "members: must be one to seven, not 8",
		},
		{name: "no host", host: "a", args: change(func(a *Args) { a.Members = []string{"a b"} }), err: `members: "a b" is not a host with a port`},
		{name: "no port", host: "a", args: change(func(a *Args) { a.Members = []string{"a:0"} }), err: `members: "a:0" has a port that is not from 1 to 65535`},
		{name: "deadline", host: "a", args: change(func(a *Args) { a.Deadline = "5" }), err: `deadline: must be a duration such as "90s" or "5m", not "5"`},
		{name: "password", host: "a", args: change(func(a *Args) { a.AdminPassword = "" }), err: "admin_password: must not be empty"},
		{
			name: "roles", host: "a", args: change(func(a *Args) { a.Users = []User{{Name: "u", Password: "x", Roles: []string{"read write"}}} }),
			err: `user[0].roles: of "u" must be ROLE@DATABASE each, such as "readWrite@rocketchat", not "read write"`,
		},
		{
			name: "administrator twice", host: "a", args: change(func(a *Args) { a.Users = []User{{Name: "admin", Password: "x", Database: "admin"}} }),
			err: `user[0]: "admin" is already the administrator (admin_user)`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env := env
			env.Host = test.host
			parts, outputs, err := New(test.args, env)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			if err != nil {
				return
			}
			if len(parts) != test.parts {
				t.Errorf("%d parts, want %d", len(parts), test.parts)
			}
			if diff := cmp.Diff(test.hosts, outputs.Hosts); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

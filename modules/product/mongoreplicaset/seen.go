package mongoreplicaset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/observe"
)

// Seen is what was observed of a replica set.
type Seen struct {
	Local  mongodb.Greeting            // the server of this host
	Others map[string]mongodb.Greeting // the other members of the plan; those that already serve in the set are not asked
	Via    mongodb.Server              // the member that was asked about the set; zero: none yet
	Login  Access                      // the result of the login there
	Former *Former                     // what this host's server was before; nil: it is new, or not asked
	Set                                // zero unless the login succeeded
}

// Set is what a member answers to an administrator.
type Set struct {
	Primary string // host:port; empty: none is known
	Config  mongodb.Config
	States  map[string]mongodb.State // by member
	Users   map[string]Found         // those of Step.Users that exist, by name@database
}

// Former is what a server has that says it is in no set, and is not new: users at least. It keeps the configuration of a set in
// which no member is this server, such as one whose address the host no longer has.
type Former struct {
	Login  Access
	Config mongodb.Config // as far as the login allows; without members, there is none

	// Loading: it is starting, and doesn't know yet which member it is. It may be none: it tries to reach all of them first.
	Loading bool
}

// Found is a user who exists.
type Found struct {
	Roles    []mongodb.Grant // in order
	Password bool            // it is that of the plan
}

// An Access is the result of the administrator's login.
type Access string

// The accesses.
const (
	NoSet      Access = ""                          // there is no set to log in to
	AsAdmin    Access = "administrator"             // with the plan's password
	AsPrevious Access = "administrator, previously" // with the previous one
	NoUsers    Access = "nobody"                    // there are no users: the localhost exception applies
	Open       Access = "everybody"                 // the server requires no login
	Refused    Access = "refused"                   // there are users, and none of them has this login
)

// Initiated reports whether a member of the plan is in the set.
func (s Seen) Initiated() bool { return s.Via.Address != "" }

// key names a user in Set.Users.
func key(a Account) string { return a.User + "@" + a.Database }

// look asks the members about the set. That something is missing, or does not answer, is an answer; an error means that
// rcprov could not tell.
func (s *Step) look(ctx context.Context, dial observe.Dial) (Seen, error) {
	seen := Seen{Others: map[string]mongodb.Greeting{}}
	var err error
	if seen.Local, err = mongodb.Greet(ctx, dial, s.Local); err != nil {
		return seen, err
	}
	inSet := func(g mongodb.Greeting) bool { return g.Set == s.Name && g.Role != mongodb.Silent }
	switch {
	case inSet(seen.Local):
		seen.Via, seen.Primary = s.Local, seen.Local.Primary
	case seen.Local.Set != "":
		return seen, nil // of another set, which is none of this step's business
	default:
		if err := s.greetOthers(ctx, dial, &seen, s.Members); err != nil {
			return seen, err
		}
		for _, member := range s.Members {
			if g, asked := seen.Others[member]; asked && inSet(g) {
				seen.Via, seen.Primary = s.Local.At(member), g.Primary
				break
			}
		}
	}
	if !seen.Initiated() {
		if seen.Local.Role == mongodb.NotInitiated {
			seen.Former, err = s.former(ctx, dial)
		}
		return seen, err
	}
	// The primary has changes first; otherwise any member will do.
	if seen.Primary != "" && seen.Primary != seen.Local.Me {
		server := s.Local.At(seen.Primary)
		if g, err := mongodb.Greet(ctx, dial, server); err != nil {
			return seen, err
		} else if g.Role == mongodb.Primary {
			seen.Via = server
		} else {
			seen.Primary = ""
		}
	}
	if err := s.lookInside(ctx, dial, &seen); err != nil {
		return seen, fmt.Errorf("ask %s: %w", seen.Via.Address, err)
	}
	missing := slices.DeleteFunc(slices.Clone(s.Members), func(member string) bool {
		return seen.Login != Refused && seen.Login != NoUsers && seen.States[member].Serves()
	})
	return seen, s.greetOthers(ctx, dial, &seen, missing)
}

// greetOthers asks members, except the one on this host, what they are.
func (s *Step) greetOthers(ctx context.Context, dial observe.Dial, seen *Seen, members []string) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, member := range members {
		if _, asked := seen.Others[member]; asked || member == s.Self {
			continue
		}
		group.Go(func() error {
			g, err := mongodb.Greet(ctx, dial, s.Local.At(member))
			mu.Lock()
			defer mu.Unlock()
			seen.Others[member] = g
			return err
		})
	}
	return group.Wait()
}

// lookInside logs in to seen.Via and asks for configuration, states and users.
func (s *Step) lookInside(ctx context.Context, dial observe.Dial, seen *Seen) error {
	client, access, err := s.logIn(ctx, dial, seen.Via)
	if err != nil {
		return err
	}
	seen.Login = access
	if client == nil {
		return nil
	}
	defer client.Close()
	if seen.Config, err = client.Config(ctx); err != nil {
		return err
	}
	if seen.States, err = client.Status(ctx); err != nil {
		return err
	}
	seen.Users = map[string]Found{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, account := range s.Users {
		group.Go(func() error {
			found, there, err := s.lookForUser(ctx, dial, client, seen.Via, account)
			if err != nil || !there {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			seen.Users[key(account)] = found
			return nil
		})
	}
	return group.Wait()
}

func (s *Step) lookForUser(ctx context.Context, dial observe.Dial, admin *mongodb.Client, via mongodb.Server, account Account) (Found, bool, error) {
	roles, there, err := admin.Grants(ctx, account.User, account.Database)
	if err != nil || !there {
		return Found{}, false, err
	}
	connect := func(login *mongodb.Login) (*mongodb.Client, error) { return mongodb.Connect(dial, via, login) }
	right, err := mongodb.Check(ctx, connect, account.Login)
	return Found{Roles: roles, Password: right}, true, err
}

// logIn connects to a member as the administrator, or without a login if it requires none. The client is nil with NoUsers
// and Refused.
func (s *Step) logIn(ctx context.Context, dial observe.Dial, server mongodb.Server) (*mongodb.Client, Access, error) {
	ping := bson.D{{Key: "ping", Value: 1}}
	for _, try := range []struct {
		password modules.Secret
		access   Access
	}{{s.Admin.Password, AsAdmin}, {s.Previous, AsPrevious}} {
		if try.password == "" {
			continue
		}
		login := s.Admin
		login.Password = try.password
		client, err := mongodb.Connect(dial, server, &login)
		if err != nil {
			return nil, NoSet, err
		}
		if err = client.Admin(ctx, ping, nil); err == nil {
			return client, try.access, nil
		}
		client.Close()
		if mongodb.Code(err) != mongodb.AuthenticationFailed {
			return nil, NoSet, err
		}
	}
	client, err := mongodb.Connect(dial, server, nil)
	if err != nil {
		return nil, NoSet, err
	}
	if _, _, err = client.Grants(ctx, s.Admin.User, s.Admin.Database); err == nil {
		return client, Open, nil
	}
	client.Close()
	if mongodb.Code(err) != mongodb.Unauthorized {
		return nil, NoSet, err
	}
	access, err := s.exception(ctx, dial)
	return nil, access, err
}

// exception returns NoUsers if the localhost exception of this host's server applies, which then answers a question for its
// status, and Refused if not.
func (s *Step) exception(ctx context.Context, dial observe.Dial) (Access, error) {
	client, err := mongodb.Connect(dial, s.Local, nil)
	if err != nil {
		return NoSet, err
	}
	defer client.Close()
	_, err = client.Status(ctx)
	switch {
	case err == nil:
		return NoUsers, nil
	case mongodb.Code(err) == mongodb.NotYetInitialized || mongodb.NotAnswering(err):
		return Refused, nil // this server does not have the set's users
	case mongodb.Code(err) == mongodb.Unauthorized:
		return Refused, nil
	}
	return NoSet, err
}

// former asks this host's server, which says that it is in no set, for what it was before. Only a server without users answers
// without a login.
func (s *Step) former(ctx context.Context, dial observe.Dial) (*Former, error) {
	client, err := mongodb.Connect(dial, s.Local, nil)
	if err != nil {
		return nil, err
	}
	_, err = client.Status(ctx)
	client.Close()
	if mongodb.Code(err) != mongodb.Unauthorized {
		return nil, nil // that of a new one is NotYetInitialized; one that doesn't answer any more is asked again
	}
	f := &Former{}
	if client, f.Login, err = s.logIn(ctx, dial, s.Local); err != nil || client == nil {
		return f, err
	}
	defer client.Close()
	if f.Config, err = client.StoredConfig(ctx); err != nil {
		return f, err
	}
	_, err = client.Status(ctx)
	f.Loading = mongodb.Code(err) == mongodb.NotYetInitialized && len(f.Config.Members) > 0
	return f, nil
}

// describe returns the state of each member of the plan.
func (s *Step) describe(seen Seen) string {
	var states []string
	for _, member := range s.Members {
		state, known := seen.States[member]
		g, asked := seen.Others[member]
		word := ""
		switch {
		case member == s.Self && !known:
			word = seen.Local.String()
		case asked && (!known || !state.Serves()) && g.Role == mongodb.Silent:
			word = g.String()
		case known:
			word = state.String()
		case asked:
			word = g.String()
		default:
			word = "not asked"
		}
		states = append(states, member+" "+word)
	}
	return strings.Join(states, "; ")
}

package mongodb

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// URL returns the connection string of servers, host:port each, without a user; set is empty for a single server.
func URL(hosts []string, set string) string {
	u := "mongodb://" + strings.Join(hosts, ",") + "/"
	if set != "" {
		u += "?replicaSet=" + url.QueryEscape(set)
	}
	return u
}

// A Config is the configuration of a replica set: what rcprov looks after, and the rest, which it keeps.
type Config struct {
	Name    string   `bson:"_id"`
	Version int      `bson:"version"`
	Members []Member `bson:"members"`
	Rest    bson.M   `bson:",inline"`
}

// A Member is a member in a configuration.
type Member struct {
	ID       int     `bson:"_id"`
	Host     string  `bson:"host"` // host:port
	Votes    int     `bson:"votes"`
	Priority float64 `bson:"priority"`
	Rest     bson.M  `bson:",inline"`
}

// Special reports whether the member is an arbiter, hidden or delayed.
func (m Member) Special() bool {
	flag := func(name string) bool { on, _ := m.Rest[name].(bool); return on }
	delay, _ := m.Rest["secondaryDelaySecs"].(int64)
	return flag("arbiterOnly") || flag("hidden") || delay > 0
}

// Clone returns a copy whose members can be changed.
func (c Config) Clone() Config {
	c.Members = slices.Clone(c.Members)
	return c
}

// Find returns the index of the member with a name; -1: none.
func (c Config) Find(host string) int {
	return slices.IndexFunc(c.Members, func(m Member) bool { return m.Host == host })
}

// Config asks a member for the set's configuration.
func (c *Client) Config(ctx context.Context) (Config, error) {
	var reply struct {
		Config Config `bson:"config"`
	}
	err := c.Admin(ctx, bson.D{{Key: "replSetGetConfig", Value: 1}}, &reply)
	return reply.Config, err
}

// StoredConfig asks a server for the configuration that it keeps, whether or not it is a member by it, or knows yet; the zero
// value if it keeps none. The roles clusterMonitor and above may read it.
func (c *Client) StoredConfig(ctx context.Context) (Config, error) {
	var reply struct {
		Cursor struct {
			First []Config `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	err := c.Run(ctx, "local", bson.D{{Key: "find", Value: "system.replset"}, {Key: "limit", Value: 1}}, &reply)
	if err != nil || len(reply.Cursor.First) == 0 {
		return Config{}, err
	}
	return reply.Cursor.First[0], nil
}

// A State is what a member is seen to be by another.
type State struct {
	Name    string // PRIMARY, SECONDARY, STARTUP2, "(not reachable/healthy)", ...
	Message string // of the last heartbeat; mostly empty
}

// Serves reports whether the member is a primary, a secondary or an arbiter.
func (s State) Serves() bool {
	return s.Name == string(Primary) || s.Name == string(Secondary) || s.Name == "ARBITER"
}

// String says it in a few words.
func (s State) String() string {
	if s.Message != "" {
		return s.Name + " (" + s.Message + ")"
	}
	return s.Name
}

// Status asks a member how it sees all members, by their names.
func (c *Client) Status(ctx context.Context) (map[string]State, error) {
	var reply struct {
		Members []struct {
			Name    string `bson:"name"`
			State   string `bson:"stateStr"`
			Message string `bson:"lastHeartbeatMessage"`
		} `bson:"members"`
	}
	if err := c.Admin(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}, &reply); err != nil {
		return nil, err
	}
	states := make(map[string]State)
	for _, m := range reply.Members {
		states[m.Name] = State{m.State, m.Message}
	}
	return states, nil
}

// A Grant is a role in a database.
type Grant struct {
	Role     string `bson:"role"`
	Database string `bson:"db"`
}

// String is how plans write it: "readWrite@chat".
func (g Grant) String() string { return g.Role + "@" + g.Database }

// Grants returns the roles of a user in order; there is false when there is no such user.
func (c *Client) Grants(ctx context.Context, user, database string) (grants []Grant, there bool, err error) {
	var reply struct {
		Users []struct {
			Roles []Grant `bson:"roles"`
		} `bson:"users"`
	}
	err = c.Admin(ctx, bson.D{{Key: "usersInfo", Value: bson.D{{Key: "user", Value: user}, {Key: "db", Value: database}}}}, &reply)
	if err != nil || len(reply.Users) == 0 {
		return nil, false, err
	}
	grants = reply.Users[0].Roles
	SortGrants(grants)
	return grants, true, nil
}

// SortGrants puts grants in order.
func SortGrants(grants []Grant) {
	slices.SortFunc(grants, func(a, b Grant) int { return strings.Compare(a.String(), b.String()) })
}

// A Verb is what PutUser does.
type Verb string

// The verbs, which are the server's commands.
const (
	CreateUser Verb = "createUser"
	UpdateUser Verb = "updateUser"
)

// PutUser creates a user, or sets the password and the roles of one that is there. An empty password stays.
func (c *Client) PutUser(ctx context.Context, verb Verb, login Login, roles []Grant) error {
	command := bson.D{{Key: string(verb), Value: login.User}}
	if password := string(login.Password); password != "" {
		command = append(command, bson.E{Key: "pwd", Value: password})
	}
	list := bson.A{}
	for _, g := range roles {
		list = append(list, bson.D{{Key: "role", Value: g.Role}, {Key: "db", Value: g.Database}})
	}
	return c.Run(ctx, login.Database, append(command, bson.E{Key: "roles", Value: list}), nil)
}

// Reconfigure gives the set a configuration; its version must be one more than that of the present one.
func (c *Client) Reconfigure(ctx context.Context, config Config) error {
	return c.Admin(ctx, bson.D{{Key: "replSetReconfig", Value: config}}, nil)
}

// Initiate makes a set of a server that is in none.
func (c *Client) Initiate(ctx context.Context, config Config) error {
	return c.Admin(ctx, bson.D{{Key: "replSetInitiate", Value: config}}, nil)
}

// StepDown lets the primary become a secondary for a minute.
func (c *Client) StepDown(ctx context.Context) error {
	return c.Admin(ctx, bson.D{{Key: "replSetStepDown", Value: 60}}, nil)
}

// Check reports whether a login succeeds: false is a wrong password, or no such user.
func Check(ctx context.Context, connect func(*Login) (*Client, error), login Login) (bool, error) {
	client, err := connect(&login)
	if err != nil {
		return false, err
	}
	defer client.Close()
	err = client.Admin(ctx, bson.D{{Key: "ping", Value: 1}}, nil)
	if Code(err) == AuthenticationFailed {
		return false, nil
	}
	return err == nil, err
}

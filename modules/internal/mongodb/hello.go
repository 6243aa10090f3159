package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/rcprov/rcprov/modules/observe"
)

// A Role is what a mongod is to its replica set.
type Role string

// The roles.
const (
	Silent       Role = "not answering"
	Standalone   Role = "running without a replica set"
	NotInitiated Role = "not initiated"
	Primary      Role = "PRIMARY"
	Secondary    Role = "SECONDARY"
	OtherMember  Role = "neither PRIMARY nor SECONDARY" // of a set: starting, recovering, an arbiter, removed
)

// A Greeting is what a mongod reports about itself without a login.
type Greeting struct {
	Role    Role
	Set     string // name of its replica set
	Me      string // its name in the set; empty as long as it isn't in its configuration
	Primary string // name of the primary as it knows; empty: none
	Why     string // Silent: the reason
}

// String says it in a few words.
func (g Greeting) String() string {
	if g.Role == Silent && g.Why != "" {
		return g.Why
	}
	return string(g.Role)
}

// Greet asks a mongod for its role. No answer is the role Silent; the error is that of ctx.
func Greet(ctx context.Context, dial observe.Dial, server Server) (Greeting, error) {
	client, err := Connect(dial, server, nil)
	if err != nil {
		return Greeting{}, err
	}
	defer client.Close()
	asking, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	g, err := client.Greet(asking)
	switch {
	case err == nil:
		return g, nil
	case ctx.Err() != nil:
		return Greeting{}, ctx.Err()
	}
	return Greeting{Role: Silent, Why: Reason(err)}, nil
}

// Greet asks the server for its role.
func (c *Client) Greet(ctx context.Context) (Greeting, error) {
	var reply struct {
		Set       string `bson:"setName"`
		Me        string `bson:"me"`
		Primary   string `bson:"primary"`
		Writable  bool   `bson:"isWritablePrimary"`
		Secondary bool   `bson:"secondary"`
		Waiting   bool   `bson:"isreplicaset"`
	}
	if err := c.Admin(ctx, bson.D{{Key: "hello", Value: 1}}, &reply); err != nil {
		return Greeting{}, err
	}
	g := Greeting{Set: reply.Set, Me: reply.Me, Primary: reply.Primary}
	switch {
	case reply.Waiting:
		g.Role = NotInitiated
	case reply.Set == "":
		g.Role = Standalone
	case reply.Writable:
		g.Role = Primary
	case reply.Secondary:
		g.Role = Secondary
	default:
		g.Role = OtherMember
	}
	return g, nil
}

// Reason returns in a few words why nothing answered, or why the server refused a command.
func Reason(err error) string {
	var none *NoAnswerError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &none):
		return fmt.Sprintf("no answer within %s", 2*connectTimeout)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", connectTimeout)
	case errors.Is(err, io.EOF):
		return "the connection was closed"
	}
	// The driver puts the whole topology behind its errors, which is useless for one direct connection.
	text, _, _ := strings.Cut(err.Error(), ", current topology")
	return text
}

// Package mongoreplicaset is the module mongo_replica_set: a replica set of MongoDB servers, with its users.
package mongoreplicaset

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a replica set: its members and its users. The servers are those of `mongod` steps, all with the set's
// name and the same key file. All of it is done over SSH through the first host of the play, which must be a member:
// the other hosts of the play have nothing to do in this step.
//
//	play "database" {
//	  hosts = group.mongo
//
//	  mongod "rs0" {
//	    version     = "8.0"
//	    replica_set = "rs0"
//	    key_file    = var.mongo_key
//	  }
//	  mongo_replica_set "rs0" {
//	    admin_password = var.mongo_admin_password
//	    user "rocketchat" {
//	      password = var.mongo_password
//	      roles    = ["readWrite@rocketchat"]
//	    }
//	  }
//	}
//
// A set is made only when all members answer and none of them is in a set already: the first host becomes its first
// member, gets the administrator through MongoDB's localhost exception, and the others join without a vote, until they
// have copied the data; each gets its vote by itself. A member that the plan doesn't name any more leaves the set, after
// a primary has stepped down; its data stays. A set that is there is recognised, with settings that somebody made
// (priorities, hidden and delayed members). A server that is in another set is an error, and nothing is touched.
//
// A server that joins loses what it had: it must be empty.
//
// Passwords are compared by logging in. When one is changed in the plan, it is changed on the server; only the
// administrator's old one must be given once, as admin_previous_password.
type Args struct {
	// The set's name, as the servers' `replica_set` has it. The block's label when left out.
	Name string `hcl:"name,optional"`

	// The members: `HOST:PORT`, or `HOST`; one to seven. By these names they, and clients, must reach each other. The
	// addresses of the play's hosts when left out.
	Members []string `hcl:"members,optional"`

	// The port of the server on the first host, and of members whose name has none.
	Port int `hcl:"port,optional" default:"27017"`

	// Whether the servers require TLS.
	TLS bool `hcl:"tls,optional"`

	// Name of the administrator, who has the role root.
	AdminUser string `hcl:"admin_user,optional" default:"admin"`

	// The administrator's password.
	AdminPassword modules.Secret `hcl:"admin_password"`

	// The administrator's password until now, for when admin_password was changed.
	AdminPreviousPassword modules.Secret `hcl:"admin_previous_password,optional"`

	// Users. Those that are there beside them stay.
	Users []User `hcl:"user,block"`

	// How long members may take to answer, to elect a primary and to copy the data: a duration such as `5m`.
	Deadline string `hcl:"deadline,optional" default:"5m"`
}

// User is a user of the databases.
type User struct {
	// The user's name.
	Name string `hcl:"name,label"`

	// The user's password.
	Password modules.Secret `hcl:"password"`

	// The user's roles, and no others: `ROLE@DATABASE`, such as `readWrite@rocketchat`. Without a database it is the
	// user's own.
	Roles []string `hcl:"roles"`

	// The database that the user logs in to (authSource).
	Database string `hcl:"database,optional" default:"admin"`
}

// Package mongoreplicaset is the module mongo_replica_set: a replica set of MongoDB servers, with its users.
package mongoreplicaset

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a replica set: its members and its users. The servers are those of `mongod` steps, which all have the set's
// name and the same key file. rcprov does all of the work over SSH through the first host of the play, which must be a
// member; on the other hosts of the play this step does nothing.
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
// A new set is made only when all members answer and none of them is in a set already. The first host becomes its first
// member, where the administrator is made through MongoDB's localhost exception. The others join without a vote; each gets
// its vote when it has copied the data. A member that the plan doesn't name any more is removed from the set (a primary steps
// down first); its data stays. An existing set is kept, with the priorities, hidden and delayed members that somebody
// configured. If a server is in another set, that is an error, and nothing is changed.
//
// A server that joins loses its data: it must be empty.
//
// rcprov compares passwords by logging in. If you change one in the plan, it is changed on the server; for the
// administrator's, also give the old one, as admin_previous_password.
type Args struct {
	// The set's name, the same as the servers' `replica_set`; the block's label when left out.
	Name string `hcl:"name,optional"`

	// The members: `HOST:PORT`, or `HOST`; one to seven. Members and clients must reach each member by this name. The
	// addresses of the play's hosts when left out.
	Members []string `hcl:"members,optional"`

	// The port of the server on the first host, and of members without a port.
	Port int `hcl:"port,optional" default:"27017"`

	// Whether the servers require TLS.
	TLS bool `hcl:"tls,optional"`

	// A file on the controller, relative to the plan, with the certificate of the authority that signs the servers', in PEM
	// format; the controller's own authorities when left out. rcprov checks the certificate of each member, and that it is
	// for the member's name, but not at the address 127.0.0.1 of the first host.
	CAFile string `hcl:"ca_file,optional"`

	// The name of the administrator, who has the role root.
	AdminUser string `hcl:"admin_user,optional" default:"admin"`

	// The administrator's password.
	AdminPassword modules.Secret `hcl:"admin_password"`

	// The administrator's previous password, if you have changed admin_password.
	AdminPreviousPassword modules.Secret `hcl:"admin_previous_password,optional"`

	// The users. Other users of the databases stay.
	Users []User `hcl:"user,block"`

	// How long members may take to answer, elect a primary and copy the data: a duration such as `5m`.
	Deadline string `hcl:"deadline,optional" default:"5m"`
}

// User is a user of the databases.
type User struct {
	// The user's name.
	Name string `hcl:"name,label"`

	// The user's password.
	Password modules.Secret `hcl:"password"`

	// All roles of the user: `ROLE@DATABASE`, such as `readWrite@rocketchat`; `ROLE` is a role in the user's own database.
	Roles []string `hcl:"roles"`

	// The database that the user logs in to (authSource).
	Database string `hcl:"database,optional" default:"admin"`
}

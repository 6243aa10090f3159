// Package group is the module group: a group of users.
package group

import _ "embed"

//go:embed args.go
var source string

// Args describe a group of the host.
//
//	group "deploy" {
//	  name = "deploy"
//	  gid  = 2000
//	}
type Args struct {
	// The group's name.
	Name string `hcl:"name"`

	// The group's ID. If left out, a new group gets the next free one, and an existing group keeps its own. When the
	// ID of an existing group changes, its files keep the old ID.
	GID *int `hcl:"gid,optional"`

	// Users who are in the group; they must exist. Others who are in it stay. To remove somebody, give their `user` step
	// `groups` and `exclusive_groups = true`.
	Members []string `hcl:"members,optional"`

	// Whether a new group gets an ID from the range for system groups. It does not affect an existing group.
	System bool `hcl:"system,optional"`

	// `absent` removes the group. A group that is the primary group of a user can't be removed.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}

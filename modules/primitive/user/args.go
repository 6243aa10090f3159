// Package user is the module user: a user account.
package user

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a user account of the host. What is left out keeps the value that an existing account has, and gets
// the distribution's default in a new one.
//
//	user "deploy" {
//	  name   = "deploy"
//	  groups = ["adm", "www-data"]
//	  shell  = "/bin/bash"
//	}
//
//	user "app" {
//	  name        = "app"
//	  system      = true
//	  home        = "/var/lib/app"
//	  create_home = false
//	  shell       = "/usr/sbin/nologin"
//	}
//
// SSH keys are given by steps of the type authorized_key.
type Args struct {
	// The user's login name.
	Name string `hcl:"name"`

	// The user's number. Changing the number of an existing user needs all its processes to have ended; files in
	// its home follow, others keep the old number.
	UID *int `hcl:"uid,optional"`

	// Name of the primary group, which must exist. A new user without it gets a group of its own name.
	Group string `hcl:"group,optional"`

	// Further groups that the user is in; they must exist. Other groups that the user is in stay.
	Groups []string `hcl:"groups,optional"`

	// Whether the user is taken out of all groups that `groups` does not name.
	ExclusiveGroups bool `hcl:"exclusive_groups,optional"`

	// The user's real name, or what the account is for.
	Comment *string `hcl:"comment,optional"`

	// The home directory, an absolute path. When an existing user's home differs, only the account is changed:
	// rcprov moves no files, and refuses while the old home is there and the new one is not.
	Home string `hcl:"home,optional"`

	// Whether the home directory is created, with the files of /etc/skel, when it is missing. A home that exists
	// is left as it is.
	CreateHome bool `hcl:"create_home,optional" default:"true"`

	// The login shell, an absolute path.
	Shell string `hcl:"shell,optional"`

	// Whether a new user gets a number from the range for system users. It says nothing about a user who exists.
	System bool `hcl:"system,optional"`

	// The password as a hash in crypt(3) format, such as `mkpasswd --method=yescrypt` or `openssl passwd -6`
	// print. Without it no password is set, and none that is there is changed. A password that is given is also
	// unlocked, unless `locked` is true.
	PasswordHash modules.Secret `hcl:"password_hash,optional"`

	// `true` shuts the account: no password is accepted, and it is expired, so that SSH keys and cron jobs are
	// refused as well. `false` opens it again. Left out, the account stays as it is.
	Locked *bool `hcl:"locked,optional"`

	// `absent` removes the user. It must have no processes.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Whether the home directory and the mail spool go when the user is removed.
	RemoveHome bool `hcl:"remove_home,optional"`
}

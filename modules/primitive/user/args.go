// Package user is the module user: a user account.
package user

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a user account of the host. If an argument is left out, an existing account keeps its value, and a
// new one gets the default of the distribution.
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
// For SSH keys, use `authorized_key` steps.
type Args struct {
	// The user's login name.
	Name string `hcl:"name"`

	// The user's ID. To change that of an existing user, the user must have no running processes; files in its home
	// get the new ID, others keep the old one.
	UID *int `hcl:"uid,optional"`

	// Name of the primary group, which must exist. If left out, a new user gets a group of its own name, which may be there
	// already only if nobody is in it.
	Group string `hcl:"group,optional"`

	// Further groups that the user is in; they must exist. Other groups that the user is in stay.
	Groups []string `hcl:"groups,optional"`

	// Whether the user is removed from all groups that `groups` does not name.
	ExclusiveGroups bool `hcl:"exclusive_groups,optional"`

	// The user's real name, or what the account is for.
	Comment *string `hcl:"comment,optional"`

	// The home directory, an absolute path. When an existing user's home differs, only the account is changed:
	// rcprov moves no files, and refuses while the old home is there and the new one is not.
	Home string `hcl:"home,optional"`

	// Whether the home directory is created, with the files of /etc/skel, when it is missing. A home that exists
	// is left as it is. If left out, it is created for a new user, for one whose `home` is given, and for people (a uid from
	// 1000 on), unless it is /nonexistent.
	CreateHome *bool `hcl:"create_home,optional"`

	// The login shell, an absolute path.
	Shell string `hcl:"shell,optional"`

	// Whether a new user gets an ID from the range for system users. It does not affect an existing user.
	System bool `hcl:"system,optional"`

	// The password as a hash in crypt(3) format, such as `mkpasswd --method=yescrypt` or `openssl passwd -6`
	// print. If left out, the password stays as it is. A password that is set is also unlocked, unless
	// `locked` is true.
	PasswordHash modules.Secret `hcl:"password_hash,optional"`

	// `true` locks the account: no password is accepted, and the account is expired, so that SSH keys and cron jobs
	// are refused as well. `false` unlocks it. If left out, the account stays as it is.
	Locked *bool `hcl:"locked,optional"`

	// The first day, by the host's clock in UTC, on which the account is expired, such as `2027-01-31`, or `never`. From then on no
	// login is accepted, and cron runs nothing for it. If left out, it stays as it is. It conflicts with `locked`, which sets the
	// day as well.
	Expires string `hcl:"expires,optional"`

	// `absent` removes the user, who must have no running processes.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Whether the home directory and the mail spool are removed with the user. A home that belongs to somebody else stays;
	// plan says so.
	RemoveHome bool `hcl:"remove_home,optional"`
}

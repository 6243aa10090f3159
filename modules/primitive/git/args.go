// Package git is the module git: a checkout of a repository.
package git

import _ "embed"

//go:embed args.go
var source string

// Args describe a checkout of a git repository at a branch, a tag or a commit.
//
//	git "app" {
//	  repo      = "git@git.example.com:team/app.git"
//	  path      = "/srv/app"
//	  version   = "v1.4.2"
//	  owner     = "deploy"
//	  group     = "deploy"
//	  key       = var.deploy_key
//	  host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"]
//	}
//
//	git "dotfiles" {
//	  repo    = "https://git.example.com/team/dotfiles.git"
//	  path    = "/srv/dotfiles"
//	  version = "5f0c1c2d9a3b4e6f708192a3b4c5d6e7f8091a2b"
//	}
//
// All of git runs on the host, with the rights of the owner: nothing in a repository, its configuration or its hooks ever
// runs as root, unless root is the owner; and then nobody else may write there. Hooks of the checkout don't run. The host needs
// the packages git, and openssh-client for SSH.
//
// A new checkout is made beside path and moved there as a whole. An existing one stays as it is if the remote can't be reached
// or has no such version. HEAD is detached at the commit, so that nobody takes the checkout for a branch to work on.
//
// Files that git tracks and somebody has changed are local edits, and so are commits that the remote doesn't have. rcprov names
// them and stops, unless `force` lets it discard them. Files that git doesn't track are left alone.
//
// At a commit, rcprov asks the remote only if the host doesn't have it yet. For a branch or a tag it runs `git ls-remote` at each
// look, also for `rcprov plan`: where the remote doesn't answer within 20 seconds, the step's state is unknown, which is an error.
type Args struct {
	// Where the repository is: `https://`, `ssh://`, `user@host:path`, or a path on the host.
	Repo string `hcl:"repo" exposed:"It becomes part of a command line, which everyone on the host can read. Use SSH, with key."`

	// The directory of the checkout, an absolute path. Missing parents are created with mode 0755.
	Path string `hcl:"path"`

	// A branch, a tag, or all 40 digits of a commit. `HEAD` is the remote's default branch.
	Version string `hcl:"version,optional" default:"HEAD"`

	// User who owns the checkout, and with whose rights git runs: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the checkout: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// Whether local edits and commits are discarded, and a checkout that belonged to somebody else is replaced.
	Force bool `hcl:"force,optional"`

	// Whether submodules are checked out, too.
	Submodules bool `hcl:"submodules,optional" default:"true"`

	// How many commits of history are fetched; 0: all.
	Depth int `hcl:"depth,optional"`

	// The private SSH key for the remote (a deploy key), in OpenSSH's or PEM format, without a passphrase. It is held by
	// an ssh-agent on the host while git runs, never in a file. Give at most one of key and key_file.
	Key string `hcl:"key,optional" secret:"yes"`

	// The file with the private key on the host, which the owner can read. Without both, SSH uses the keys of the owner.
	KeyFile string `hcl:"key_file,optional"`

	// The host keys of the remote, as `ssh-keyscan` prints them, with or without the host's name in front. Only these are
	// accepted then. Without them, the remote's key must be in the owner's ~/.ssh/known_hosts or in /etc/ssh/ssh_known_hosts.
	HostKeys []string `hcl:"host_keys,optional"`
}

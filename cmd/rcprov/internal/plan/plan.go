package plan

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/rcprov/rcprov/modules"
)

// Plan is a checked plan. It is not changed after Load; its methods may be called concurrently.
type Plan struct {
	Path  string  // as given to Load
	Hosts []*Host // in the order of the plan
	Plays []*Play // in the order in which they run

	// Secrets are the values of sensitive variables and secret arguments, the strings inside collections included,
	// without empty ones and duplicates. Nothing that people or machines read may contain them.
	Secrets []string

	// Tags are those of all plays and steps, without duplicates. OpenTags tells that there may be more of them, which
	// depend on facts.
	Tags     []string
	OpenTags bool

	// Files are the sources by file name, for printing diagnostics.
	Files map[string]*hcl.File

	loaded    bool   // no longer being made: what turns up is not noted in it any more
	dir       string // relative paths of the plan start here
	opts      Options
	config    *config
	functions map[string]function.Function
	templates *templates

	// Values by name, complete after Load.
	vars       map[string]cty.Value
	hostValues map[string]cty.Value
	groups     map[string]cty.Value
}

// Host is a host block. What the plan leaves out is zero and comes from ssh_config, as for ssh itself.
type Host struct {
	Name         string
	Address      string // host name, IP address or Host alias of ssh_config; the block's label when left out
	Port         int
	FallbackPort int // where the host may be found while nothing answers at Port: sshd is about to be moved
	User         string
	IdentityFile string
	ProxyJump    string         // "user@host:port,..." or "none", as ProxyJump of ssh_config
	Password     modules.Secret // for password login
	Become       Become
	Connection   string    // "ssh", or "local" for the machine that rcprov runs on
	Groups       []string  // from the host's own block and from group blocks
	Range        hcl.Range // of the block's header
}

// Become says how a login that is not root becomes root.
type Become struct {
	Method   string         // "sudo" or "none"
	Password modules.Secret // empty: sudo must not ask
}

// Play is a play block: the steps that some hosts get.
type Play struct {
	Name   string
	Hosts  []*Host
	Serial int // hosts at a time, and none after one that failed; 0: all
	Tags   []string
	Range  hcl.Range

	// Preflight is what becomes of what the checks find, unless a step says otherwise.
	Preflight map[modules.Check]modules.Level

	// DependsOn are plays that come before this one; it is not begun when a host failed in one of them.
	DependsOn []*Play

	block *playBlock
}

// Step is one step of a play on one host.
type Step struct {
	Address string // "file.motd", `file.motd["a"]`; a product's parts: "mongod.rs0/keyfile"
	Module  string
	Step    modules.Step // nil when Skip is set
	Skip    string       // why the step does not apply on this host: "when is false"
	Tags    []string     // with those of its play
	Retries int          // how often Apply is tried again after an error
	Timeout time.Duration
	RunOnce bool // only on the first host of the play
	Range   hcl.Range

	// Requires are the requirements of the step that are to be checked, none that the plan turned off. Levels is what
	// the plan says about what they find; the finding itself decides where it says nothing.
	Requires []modules.Requirement
	Levels   map[modules.Check]modules.Level

	// ArgRange returns where an argument is given, or the block's header.
	ArgRange func(arg string) hcl.Range
}

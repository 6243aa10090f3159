package plan

import (
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// Plan is a checked plan. It is not changed after Load; its methods may be called concurrently.
type Plan struct {
	Path  string  // as given to Load
	Hosts []*Host // in the order of the plan
	Plays []*Play // in the order in which they run

	// Secrets are the values of sensitive variables and secret arguments, including strings in collections, without empty
	// ones and duplicates. No output for people or machines may contain them.
	Secrets []string

	// Tags are those of all plays and steps, without duplicates. OpenTags means that there may be others, which depend on
	// facts.
	Tags     []string
	OpenTags bool

	// Unset are the variables that have no value, in the order of their names; see [Options.Unset].
	Unset []string

	// Files are the sources by file name, for printing diagnostics.
	Files map[string]*hcl.File

	loaded bool // Load is done: the exported fields no longer change
	opts   Options
	config *config
	large  largeFiles
	reads  reads

	// Of includes, complete after Load.
	includes  int                         // how many there are
	libraries map[string]*library         // by directory
	expanded  map[*includeBlock][]*config // those at the top level with for_each

	plainMu    sync.Mutex
	plainTexts []string // the plan's files and its templates, without the defaults of sensitive variables

	// By name, complete after Load.
	vars         map[string]cty.Value
	hostValues   map[string]cty.Value
	groups       map[string]cty.Value // values
	groupBlocks  map[string]*groupBlock
	hostBlocks   map[string]*hostBlock
	hostOrder    []*hostBlock // in the order of the plan
	missingHosts bool         // a mistake hides some
	expanding    string       // what for_each is evaluated for: "host", then "group"
}

// Host is a host block. Fields that the plan leaves out are zero and come from ssh_config, as for ssh itself.
type Host struct {
	Name         string
	Address      string // host name, IP address or Host alias of ssh_config; the block's label when left out
	Port         int
	FallbackPort int // port to try when sshd does not answer on Port: it may be moving from one to the other
	User         string
	FallbackUser string // user to log in as while the host doesn't let User in: the plan may be about to make it
	IdentityFile string
	ProxyJump    string         // "user@host:port,..." or "none", as ProxyJump of ssh_config
	Password     modules.Secret // for password login
	Become       Become
	Connection   string    // "ssh", or "local" for the machine that rcprov runs on
	Groups       []string  // from the host's own block and from group blocks
	Range        hcl.Range // of the block's header
}

// Become is how a user other than root becomes root.
type Become struct {
	Method   string         // "sudo" or "none"
	Password modules.Secret // empty: sudo must not ask
}

// Play is a play block: steps that run on some hosts.
type Play struct {
	Name   string
	Hosts  []*Host
	Serial int // how many hosts at a time, and none after more than MaxFail failed; 0: all
	Tags   []string
	Range  hcl.Range

	MaxFail int // how many hosts may fail

	// Shares is whether a step may need the answer of another host to a query.
	Shares bool

	// Preflight holds the levels of findings by check, unless a step overrides them.
	Preflight map[modules.Topic]modules.Level

	// DependsOn are plays that come before this one; it is not started if one of them failed on a host.
	DependsOn []*Play

	block *playBlock
	peers []modules.Peer // the hosts as modules see them; nobody changes them
}

// Step is one step of a play on one host.
type Step struct {
	Address string // "file.motd", `file.motd["a"]`; a product's parts: "mongod.rs0/keyfile"; of an include: "base/file.motd"
	Module  string
	Step    modules.Step    // nil when Skip is set
	Claims  []modules.Claim // what Step decides
	Skip    string          // why the step is skipped on this host: "when is false"
	Tags    []string        // including those of its play
	Retries int             // how often Apply is tried again after an error
	Timeout time.Duration
	RunOnce bool // only on the first host of the play, or where Depends says so on the first that doesn't skip it
	Depends bool // it, or its play, has a when
	Range   hcl.Range

	// Included are the places of the includes that the step comes from, the innermost first.
	Included []hcl.Range

	// Requires are the requirements of the step, without those that the plan turned off. Levels holds the levels of findings
	// that the plan chose; for other checks the finding's own level counts.
	Requires []modules.Requirement
	Levels   map[modules.Topic]modules.Level

	// Query is set for a query, which is a step with nothing to do; Needs for a step that depends on answers which are not there yet: it
	// has no Step, and [Plan.BindLate] makes of it those in its place.
	Query *Query
	Needs []Need

	play           string     // the name of its play, as reports say it
	block          *stepBlock // of a late step
	asks           []queryUse
	prefix, suffix string

	// ArgRange returns the place of an argument, or the block's header if it is not set.
	ArgRange func(arg string) hcl.Range
}

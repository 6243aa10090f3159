package mongoreplicaset

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/mongod"
)

// Module is the module mongo_replica_set.
func Module() modules.Module { return modules.Product("mongo_replica_set", source, New) }

// Outputs are what other steps may refer to, beside the arguments.
type Outputs struct {
	URL   string   `cty:"url"`   // mongodb://h1:27017,h2:27017/?replicaSet=rs0, without a user
	Hosts []string `cty:"hosts"` // the members, host:port each
}

// Step is the step for a replica set, on the host of one of its members.
type Step struct {
	Name     string
	Members  []string          // host:port
	Self     string            // the member on this host
	Hosts    map[string]string // the play's hosts, by the members on them, as far as their addresses say so
	Local    mongodb.Server
	Admin    mongodb.Login
	Previous modules.Secret // of the administrator; empty: none
	Users    []Account
	Deadline time.Duration
}

// Account is a user with roles.
type Account struct {
	mongodb.Login
	Roles []mongodb.Grant // in order
}

var _ modules.Step = (*Step)(nil)

const maxMembers = 7 // voting ones, src/mongo/db/repl/repl_set_config.h

var (
	setNameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	grantRule   = regexp.MustCompile(`^[A-Za-z0-9_.-]+(@[A-Za-z0-9_-]+)?$`)
)

// New checks args. It returns the parts on the first host of the play, and none on the others.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	s := &Step{
		Name:  cmp.Or(args.Name, env.Label),
		Local: mongodb.Loopback(args.Port, args.TLS),
		Admin: mongodb.Login{User: args.AdminUser, Database: "admin", Password: args.AdminPassword}, Previous: args.AdminPreviousPassword,
	}
	var errs []error
	if args.CAFile != "" {
		text, err := env.ReadFile(args.CAFile)
		s.Local.CAs = string(text)
		switch {
		case err != nil:
			errs = append(errs, modules.Argf("ca_file", "%w", err))
		case !x509.NewCertPool().AppendCertsFromPEM(text):
			errs = append(errs, modules.Argf("ca_file", "has no certificate in PEM format"))
		case !args.TLS:
			errs = append(errs, modules.Argf("ca_file", "needs tls = true"))
		}
	}
	if !setNameRule.MatchString(s.Name) {
		errs = append(errs, modules.Argf("name", "must be of letters, digits, \"_\", \"-\" and \".\", not %q", s.Name))
	}
	if args.Port < 1 || args.Port > 65535 {
		errs = append(errs, modules.Argf("port", "must be from 1 to 65535, not %d", args.Port))
	}
	deadline, err := time.ParseDuration(args.Deadline)
	if err != nil || deadline <= 0 {
		errs = append(errs, modules.Argf("deadline", "must be a duration such as \"90s\" or \"5m\", not %q", args.Deadline))
	}
	s.Deadline = deadline
	errs = append(errs, s.readMembers(args, env), s.readUsers(args))
	outputs := Outputs{Hosts: s.Members, URL: mongodb.URL(s.Members, s.Name)}
	if err := errors.Join(errs...); err != nil || env.Host != env.Peers[0].Name {
		return nil, outputs, err
	}
	// A part of its own, so that the set is observed when mongod answers, and its edits are those that are then made. It also
	// notices at once when mongod ends.
	answers := &mongod.Answers{Server: s.Local}
	return []modules.Part{{Name: "answers", Step: answers}, {Step: s}}, outputs, nil
}

func (s *Step) readMembers(args Args, env modules.Env) error {
	given := args.Members
	if len(given) == 0 {
		for _, peer := range env.Peers {
			given = append(given, peer.Address)
		}
	}
	if len(given) > maxMembers {
		return modules.Argf("members", "must be one to seven, not %d", len(given))
	}
	for _, name := range given {
		member, err := mongodb.HostPort(name, args.Port)
		if err != nil {
			return modules.Argf("members", "%w", err)
		}
		if isLocal(member) && len(given) > 1 {
			return withHint(modules.Argf("members", "has %s, which other members can't reach", member),
				"Give the addresses or names that the members reach each other by.")
		}
		if slices.Contains(s.Members, member) {
			return modules.Argf("members", "has %s twice", member)
		}
		s.Members = append(s.Members, member)
	}
	s.Hosts = make(map[string]string)
	for _, member := range s.Members {
		host, _, _ := net.SplitHostPort(member) // made by HostPort
		for _, peer := range env.Peers {
			if host == strings.ToLower(peer.Address) || host == strings.ToLower(peer.Name) {
				s.Hosts[member] = peer.Name
			}
		}
	}
	s.Self = s.Members[0]
	for _, member := range s.Members {
		host, _, _ := net.SplitHostPort(member) // made by HostPort
		if host == env.Peers[0].Address || env.Facts != nil && slices.Contains(env.Facts.Addresses, host) {
			s.Self = member
			break
		}
	}
	return nil
}

func withHint(err error, hint string) error {
	var arg *modules.ArgError
	if errors.As(err, &arg) {
		arg.Hint = hint
	}
	return err
}

// isLocal reports whether a member's name is one of loopback.
func isLocal(member string) bool {
	host, _, err := net.SplitHostPort(member)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (s *Step) readUsers(args Args) error {
	var errs []error
	if args.AdminUser == "" {
		errs = append(errs, modules.Argf("admin_user", "must not be empty"))
	}
	if args.AdminPassword == "" {
		errs = append(errs, modules.Argf("admin_password", "must not be empty"))
	}
	for i, u := range args.Users {
		at := fmt.Sprintf("user[%d]", i)
		account := Account{Login: mongodb.Login{User: u.Name, Database: u.Database, Password: u.Password}}
		taken := func(other Account) bool { return other.User == u.Name && other.Database == u.Database }
		switch {
		case u.Name == "":
			errs = append(errs, modules.Argf(at, "must have a name"))
		case u.Name == args.AdminUser && u.Database == "admin":
			errs = append(errs, modules.Argf(at, "%q is already the administrator (admin_user)", u.Name))
		case slices.ContainsFunc(s.Users, taken):
			errs = append(errs, modules.Argf(at, "%q is given twice", u.Name))
		case u.Password == "":
			errs = append(errs, modules.Argf(at+".password", "of %q must not be empty", u.Name))
		}
		for _, word := range u.Roles {
			if !grantRule.MatchString(word) {
				errs = append(errs, modules.Argf(at+".roles", "of %q must be ROLE@DATABASE each, such as \"readWrite@rocketchat\", not %q", u.Name, word))
				continue
			}
			role, database, _ := strings.Cut(word, "@")
			account.Roles = append(account.Roles, mongodb.Grant{Role: role, Database: cmp.Or(database, u.Database)})
		}
		mongodb.SortGrants(account.Roles)
		account.Roles = slices.Compact(account.Roles)
		s.Users = append(s.Users, account)
	}
	return errors.Join(errs...)
}

// set asks about the set. Its subject is a pointer to the step, which has passwords: these must not become part of a
// question's name.
var set = &observe.Probe[*Step, Seen]{
	Name: "replica set",
	Run:  func(ctx context.Context, dial observe.Dial, s *Step) (Seen, error) { return s.look(ctx, dial) },
	// A mongod that is yet to be started may have a set already, and one that is started anew needs a while to be elected.
	Future: func(f *observe.Forecast, s *Step, seen Seen) observe.Outlook[Seen] {
		o := observe.Outlook[Seen]{Answer: observe.Answer[Seen]{Value: seen}}
		if seen.Local.Role == mongodb.Silent {
			const clause = "mongod has it when it answers"
			o.Or = append(o.Or, observe.Alternative[Seen]{Answer: observe.Unknown[Seen](clause), If: clause})
		} else if name, stops := f.Stops(unit); stops && seen.States != nil {
			other := seen
			other.States = maps.Clone(seen.States)
			other.States[s.Self] = mongodb.State{Name: "STARTUP"}
			o.Or = append(o.Or, observe.Alternative[Seen]{Answer: observe.Answer[Seen]{Value: other}, If: name + " is not elected yet"})
		}
		return o
	},
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { set.Ask(q, s) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	seen, err := set.Get(snapshot, s)
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at the replica set %s: %w", s.Name, err)
	}
	if err := s.check(seen); err != nil {
		return modules.Change{}, err
	}
	return s.compare(seen), nil
}

// unit is that of the host's mongod.
const unit = "mongod.service"

package sshd

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// Module is the module sshd.
func Module() modules.Module {
	m := modules.Product("sshd", source, New)
	m.NeedsFacts = false // it observes all that it needs
	return m
}

const (
	mainFile = "/etc/ssh/sshd_config"
	dropDir  = "/etc/ssh/sshd_config.d"

	// dropIn is read before the files of cloud-init and others, and the first value counts.
	dropIn = dropDir + "/00-rcprov.conf"

	// socketFile tells systemd the ports, if it listens for sshd and doesn't take them from sshd's configuration.
	socketFile = "/etc/systemd/system/ssh.socket.d/rcprov.conf"

	service = "ssh.service"
	socket  = "ssh.socket"
)

// Step is the configuration of sshd, and sshd running with it.
type Step struct {
	Settings  []setting     // in the order of the file
	Matches   []match       // after them
	Ports     []int         // nil: they stay
	Addresses []netip.Addr  // nil: they stay
	HostPort  int           // of the host block, to which rcprov connects; 0: ssh_config has it
	Within    time.Duration // for a new login to confirm the change

	file    *file.Step
	service *systemdunit.Step
	socket  *systemdunit.Step
}

// setting is a keyword of sshd_config(5) with its value.
type setting struct {
	Keyword string
	Value   string
	Arg     string // the argument that it comes from
}

// match has settings for some connections.
type match struct {
	Criteria string
	Settings []setting
}

var _ modules.Step = (*Step)(nil)

// New returns the one step of an sshd block: one new connection confirms all of it.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	s := &Step{HostPort: env.Port, service: &systemdunit.Step{Name: service, ReloadOn: []string{mainFile, dropIn}}, socket: &systemdunit.Step{Name: socket}}
	outputs := Outputs{Service: service, Files: []string{dropIn}}
	var within error
	if s.Within, within = time.ParseDuration(args.ConfirmWithin); within != nil || s.Within < time.Second || s.Within > time.Hour {
		within = modules.Argf("confirm_within", "must be a duration from \"1s\" to \"1h\", not %q", args.ConfirmWithin)
	}
	if err := errors.Join(s.listen(args), s.set(args), within); err != nil {
		return nil, outputs, err
	}
	s.file = &file.Step{Path: dropIn, Content: []byte(text(s.Settings, s.Matches)), Mode: 0o644, Owner: "root", Group: "root", Sensitive: env.Sensitive("settings") || env.Sensitive("match")}
	return []modules.Part{{Step: s}}, outputs, nil
}

// listen checks and adds the ports and addresses.
func (s *Step) listen(args Args) error {
	var errs []error
	s.Ports = args.Ports
	name := "ports"
	if args.Port != nil {
		name = "port"
		if len(args.Ports) > 0 {
			errs = append(errs, modules.Argf("ports", "conflicts with port"))
		}
		s.Ports = []int{*args.Port}
	}
	for i, port := range s.Ports {
		switch {
		case port < 1 || port > 65535:
			errs = append(errs, modules.Argf(name, "must be a number from 1 to 65535, not %d", port))
		case slices.Contains(s.Ports[:i], port):
			errs = append(errs, modules.Argf(name, "has %d twice", port))
		}
		s.add(name, "Port", fmt.Sprint(port))
	}
	for _, text := range args.ListenAddresses {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			errs = append(errs, &modules.ArgError{
				Arg: "listen_addresses", Err: fmt.Errorf("must be IP addresses such as \"10.0.0.5\" or \"::\", not %q", text),
				Hint: "A port has its own argument, `port`.",
			})
			continue
		}
		s.Addresses = append(s.Addresses, a)
		s.add("listen_addresses", "ListenAddress", a.String())
	}
	return errors.Join(errs...)
}

func (s *Step) add(arg, keyword, value string) {
	s.Settings = append(s.Settings, setting{Keyword: keyword, Value: value, Arg: arg})
}

// minSessions is at least as many sessions as rcprov opens on a connection.
const minSessions = 8

// set checks and adds the arguments that are one line each.
func (s *Step) set(args Args) error {
	var errs []error
	flag := func(arg, keyword string, value *bool) {
		if value != nil {
			s.add(arg, keyword, map[bool]string{true: "yes", false: "no"}[*value])
		}
	}
	number := func(arg, keyword string, value, least int) {
		switch {
		case value == 0:
		case value < least:
			errs = append(errs, modules.Argf(arg, "must be at least %d, not %d", least, value))
		default:
			s.add(arg, keyword, fmt.Sprint(value))
		}
	}
	duration := func(arg, keyword, value string) {
		switch {
		case value == "":
		case !timeRule.MatchString(value):
			errs = append(errs, modules.Argf(arg, "must be a time in sshd's notation, such as \"30s\" or \"2m\", not %q", value))
		default:
			s.add(arg, keyword, value)
		}
	}
	if args.PermitRootLogin != "" {
		s.add("permit_root_login", "PermitRootLogin", args.PermitRootLogin)
	}
	flag("password_authentication", "PasswordAuthentication", args.PasswordAuthentication)
	interactive := args.KeyboardInteractive
	if interactive == nil && args.PasswordAuthentication != nil && !*args.PasswordAuthentication {
		interactive = args.PasswordAuthentication
	}
	flag("keyboard_interactive", "KbdInteractiveAuthentication", interactive)
	errs = append(errs, s.names("allow_users", "AllowUsers", args.AllowUsers), s.names("allow_groups", "AllowGroups", args.AllowGroups))
	number("max_auth_tries", "MaxAuthTries", args.MaxAuthTries, 1)
	number("max_sessions", "MaxSessions", args.MaxSessions, minSessions)
	duration("login_grace_time", "LoginGraceTime", args.LoginGraceTime)
	duration("client_alive_interval", "ClientAliveInterval", args.ClientAliveInterval)
	flag("x11_forwarding", "X11Forwarding", args.X11Forwarding)
	flag("allow_tcp_forwarding", "AllowTcpForwarding", args.AllowTCPForwarding)
	flag("allow_agent_forwarding", "AllowAgentForwarding", args.AllowAgentForwarding)
	more, err := keywords("settings", args.Settings, own)
	s.Settings = append(s.Settings, more...)
	errs = append(errs, err)
	for i, m := range args.Matches {
		at := fmt.Sprintf("match[%d]", i)
		if strings.TrimSpace(m.Criteria) == "" || strings.ContainsAny(m.Criteria, "\n\x00") {
			errs = append(errs, modules.Argf(at, "must say for which connections, such as \"Group sftp\", not %q", m.Criteria))
		}
		settings, err := keywords(at+".settings", m.Settings, nil)
		s.Matches = append(s.Matches, match{Criteria: strings.TrimSpace(m.Criteria), Settings: settings})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

var (
	timeRule    = regexp.MustCompile(`^([0-9]+[smhdwSMHDW]?)+$`) // sshd_config(5), TIME FORMATS
	nameRule    = regexp.MustCompile(`^[^\s"'\\#]+$`)
	keywordRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
)

// names adds a list of patterns, one per line.
func (s *Step) names(arg, keyword string, list []string) error {
	var errs []error
	for _, name := range list {
		if !nameRule.MatchString(name) {
			errs = append(errs, modules.Argf(arg, "must be names without spaces, quotes and backslashes, not %q", name))
			continue
		}
		s.add(arg, keyword, name)
	}
	if list != nil && len(list) == 0 {
		errs = append(errs, modules.Argf(arg, "is empty, which sshd doesn't accept; leave it out"))
	}
	return errors.Join(errs...)
}

// own are the keywords that have an argument.
var own = map[string]string{
	"port": "port", "listenaddress": "listen_addresses", "permitrootlogin": "permit_root_login",
	"passwordauthentication": "password_authentication", "kbdinteractiveauthentication": "keyboard_interactive",
	"challengeresponseauthentication": "keyboard_interactive", "allowusers": "allow_users", "allowgroups": "allow_groups",
	"maxauthtries": "max_auth_tries", "maxsessions": "max_sessions", "logingracetime": "login_grace_time",
	"clientaliveinterval": "client_alive_interval", "x11forwarding": "x11_forwarding",
	"allowtcpforwarding": "allow_tcp_forwarding", "allowagentforwarding": "allow_agent_forwarding",
}

// keywords checks a map of keywords and returns them by name. arg is the argument that has them; taken are the keywords that
// other arguments are for.
func keywords(arg string, settings map[string]string, taken map[string]string) (list []setting, err error) {
	var errs []error
	seen := make(map[string]string)
	for _, keyword := range slices.Sorted(maps.Keys(settings)) {
		value, lower := settings[keyword], strings.ToLower(keyword)
		switch {
		case !keywordRule.MatchString(keyword):
			errs = append(errs, modules.Argf(arg, "%q is not a keyword of sshd_config(5)", keyword))
		case lower == "match":
			errs = append(errs, &modules.ArgError{
				Arg: arg, Err: errors.New("Match is not a setting"), Hint: "Write a `match` block.",
			})
		case lower == "include":
			errs = append(errs, &modules.ArgError{
				Arg: arg, Err: errors.New("Include would add settings that rcprov doesn't know"), Hint: "Write them here, as settings.",
			})
		case taken[lower] != "":
			errs = append(errs, modules.Argf(arg, "%s must be given by the argument %s", keyword, taken[lower]))
		case seen[lower] != "":
			errs = append(errs, modules.Argf(arg, "%s is given twice, also as %s", keyword, seen[lower]))
		case strings.TrimSpace(value) == "" || strings.ContainsAny(value, "\n\x00"):
			errs = append(errs, modules.Argf(arg, "the value of %s must be one line, not %q", keyword, value))
		default:
			list = append(list, setting{Keyword: keyword, Value: strings.TrimSpace(value), Arg: arg})
		}
		seen[lower] = keyword
	}
	return list, errors.Join(errs...)
}

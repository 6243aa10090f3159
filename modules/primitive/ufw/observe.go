package ufw

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// state is the configuration of ufw, and whether the kernel has it.
type state struct {
	Installed bool // if not, the rest is what a removed package left, or nothing: no Defaults
	Enabled   bool
	IPv6      bool
	Logging   string
	Defaults  map[string]string    // "incoming", "outgoing", "routed": "allow", "deny", "reject"
	Rules     [2][]rule            // by family, in the order of the file
	Profiles  map[string][]profile // of applications, by their names
	Files     profileFiles         // in which they are
	Loaded    bool                 // the rules on disk are loaded
	Others    otherFilters
	Session   session
	Switch    deadman.State
}

// session is the SSH connection by which the host is asked; invalid when it isn't asked by SSH.
type session struct {
	Client netip.Addr
	Server netip.AddrPort // address and port as the host sees them

	Interface string // that has the server's address; empty if unknown, or if no rule has an interface
}

// question is what to ask in addition to what is always asked.
type question struct {
	Interfaces   bool // the plan has rules for network interfaces
	Applications bool // the plan has rules with profiles of applications
}

//go:embed observe.sh
var observeScript string

// firewall answers what ufw's files and the kernel say.
//
// The files are read instead of running `ufw status`: that starts Python (70 ms and more), and an inactive firewall
// says no more than that. The kernel's rules are counted and compared with the files, because a flush or a failed start
// leaves the files as they are; rules that are not ufw's are noted.
//
// nft answers for both families and all tables at once. If it is missing, or iptables is not the one built on
// nftables, iptables and ip6tables are asked. One sed reads the answer together with the files; of an environment it prints
// nothing else.
var firewall = &observe.Kind[question, state]{
	Name: "ufw",
	Cost: 11,
	// The package loads the rules that an earlier one has left.
	Future: func(f *observe.Forecast, q question, seen state) observe.Outlook[state] {
		o := observe.Outlook[state]{Answer: observe.Answer[state]{Value: seen}}
		if f.Installs("ufw") && !seen.Installed {
			o.Value.Installed = true
			other := o.Value
			other.Loaded = true
			o.Or = append(o.Or, observe.Alternative[state]{Answer: observe.Answer[state]{Value: other}, If: "package ufw does it"})
		}
		if q.Applications {
			futureProfiles(f, &o)
		}
		return o
	},
	Script: func(questions []question) string {
		interfaces := slices.ContainsFunc(questions, func(q question) bool { return q.Interfaces })
		applications := slices.ContainsFunc(questions, func(q question) bool { return q.Applications })
		return shell.Script(observeScript, shell.Vars{
			"interfaces": shell.YesNo(interfaces), "applications": shell.YesNo(applications), "ask": deadman.Ask(switchName),
			"ancestors": observe.Ancestors,
		})
	},
	Parse: func(questions []question, reply observe.Reply) map[question]observe.Answer[state] {
		s, err := parseState(reply)
		answers := make(map[question]observe.Answer[state])
		for _, q := range questions {
			answers[q] = observe.Answer[state]{Value: s, Err: err}
		}
		return answers
	},
}

// policies are ufw's words for targets of iptables, in /etc/default/ufw.
var policies = map[string]string{"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}

// chains are the words of `ufw default` for the settings of /etc/default/ufw.
var chains = map[string]string{
	"DEFAULT_INPUT_POLICY": "incoming", "DEFAULT_OUTPUT_POLICY": "outgoing", "DEFAULT_FORWARD_POLICY": "routed",
}

func parseState(reply observe.Reply) (state, error) {
	var last deadman.State
	for _, line := range reply.Lines() {
		if found, ok := deadman.ParseLine(line); ok {
			last = found
		}
		if last.Undecided() { // the files may be half written
			return state{Installed: true, Switch: last}, nil
		}
	}
	s := state{Switch: last, Defaults: make(map[string]string), Files: make(profileFiles)}
	var expected [2]int // lines of the user's rules in the files
	var k kernel
	var p profiles
	nftables, missing := false, false
	var lost []string
	for _, line := range reply.Lines() {
		switch fields := strings.Fields(line); {
		case line == "ufw missing":
			missing = true
		case line == "ufw installed":
			s.Installed = true
		case strings.HasPrefix(line, "lost ") && len(fields) == 2:
			lost = append(lost, fields[1])
		case line == "nftables.service":
			nftables = true
		case strings.HasPrefix(line, "### tuple"):
			r, err := parseTuple(line)
			if err != nil {
				return state{}, err
			}
			f := tupleFamily(line)
			s.Rules[f] = append(s.Rules[f], r)
		case strings.HasPrefix(line, "SSH_CONNECTION="):
			if !s.Session.Client.IsValid() && len(fields) == 4 {
				s.Session = parseSession(fields)
			}
		case k.read(line):
		case strings.HasPrefix(line, "-A ufw6-"):
			expected[v6]++
		case strings.HasPrefix(line, "-A ufw-"):
			expected[v4]++
		case p.read(line, s.Files):
		case len(fields) > 3 && (fields[2] == "inet" || fields[2] == "inet6"): // "2: eth0    inet 192.0.2.7/24 ..."
			p, err := netip.ParsePrefix(fields[3])
			if err == nil && s.Session.Server.IsValid() && p.Addr() == s.Session.Server.Addr() {
				s.Session.Interface = fields[1]
			}
		default:
			s.set(line)
		}
	}
	complete := s.Logging != "" && len(s.Defaults) == len(chains)
	switch {
	case missing && !complete:
		return state{}, nil
	case !missing && !s.Installed:
		return state{}, errors.New("the host gave no answer")
	case !complete:
		return state{}, fmt.Errorf("/etc/ufw/ufw.conf and /etc/default/ufw don't say the log level and the default policies: %s",
			strings.TrimSpace(string(reply.Stderr)))
	}
	if !s.IPv6 {
		lost = slices.DeleteFunc(lost, func(file string) bool { return strings.HasSuffix(file, "6.rules") })
	}
	if len(lost) > 0 { // a start would end half way, with all new connections denied, and so would the way back
		return state{}, fmt.Errorf("ufw can't load its rules without %s", strings.Join(lost, ", "))
	}
	s.Profiles = s.Files.merge()
	s.Others = k.otherFilters(nftables)
	s.Loaded = true
	for _, f := range families {
		if s.Enabled && (f == v4 || s.IPv6) && !k.has(f, expected[f], s.Defaults) {
			s.Loaded = false
		}
	}
	return s, nil
}

// set takes a line of ufw.conf or /etc/default/ufw, which are shell: NAME=value or NAME="value".
func (s *state) set(line string) {
	key, value, _ := strings.Cut(line, "=")
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	switch key {
	case "ENABLED":
		s.Enabled = strings.EqualFold(value, "yes")
	case "IPV6":
		s.IPv6 = strings.EqualFold(value, "yes")
	case "LOGLEVEL":
		s.Logging = strings.ToLower(value)
	default:
		if chain, ok := chains[key]; ok {
			s.Defaults[chain] = policies[strings.ToUpper(value)]
		}
	}
}

// parseSession reads "SSH_CONNECTION=CLIENT PORT SERVER PORT" (ssh(1), ENVIRONMENT).
func parseSession(fields []string) session {
	client, err1 := netip.ParseAddr(strings.TrimPrefix(fields[0], "SSH_CONNECTION="))
	server, err2 := netip.ParseAddr(fields[2])
	port, err3 := netip.ParseAddrPort("0.0.0.0:" + fields[3])
	if err1 != nil || err2 != nil || err3 != nil {
		return session{}
	}
	return session{Client: client.Unmap().WithZone(""), Server: netip.AddrPortFrom(server.Unmap().WithZone(""), port.Port())}
}

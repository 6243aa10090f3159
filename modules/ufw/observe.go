package ufw

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
)

// state is what ufw was told, and whether the kernel does it.
type state struct {
	Installed bool
	Enabled   bool
	IPv6      bool
	Logging   string
	Defaults  map[string]string // "incoming", "outgoing", "routed": "allow", "deny", "reject"
	Rules     [2][]rule         // by family, in the order of the file
	Loaded    bool              // the kernel has the rules of the files
	Session   session
}

// session is the SSH connection by which the host is asked; invalid when it isn't asked by SSH.
type session struct {
	Client netip.Addr
	Server netip.AddrPort // address and port as the host sees them

	Interface string // that has the server's address; empty when it could not be told
}

// firewall answers what ufw's files say; its subject is always the empty struct.
//
// The files are read instead of running `ufw status`: that starts Python (70 ms and more), and an inactive firewall
// says no more than that. The kernel's chains are counted against the files, since a flush or a failed start leaves the
// files as they are. sudo takes SSH_CONNECTION away, but it stands in the environment of the processes above it.
var firewall = &observe.Kind[struct{}, state]{
	Name: "ufw",
	Script: func([]struct{}) string {
		return `
[ -x /usr/sbin/ufw ] || { echo 'ufw missing'; exit 0; }
echo 'ufw installed'
. /etc/default/ufw && . /etc/ufw/ufw.conf || exit
grep -Hs '^### tuple\|^-A ufw6\{0,1\}-user-\(input\|output\|forward\) \|^ENABLED=\|^LOGLEVEL=\|^IPV6=\|^DEFAULT_' \
	/etc/ufw/ufw.conf /etc/default/ufw /etc/ufw/user.rules /etc/ufw/user6.rules
case $ENABLED in
yes|YES)
	{ echo chains; iptables -S; case $IPV6 in yes|YES) echo chains6; ip6tables -S ;; esac; } |
		grep '^chains\|^-A ufw6\{0,1\}-user-\(input\|output\|forward\) \|^-A INPUT -j ufw6\{0,1\}-before-input$' || true
	;;
esac
pid=$$ environs=
while [ "$pid" -gt 1 ]; do
	environs="$environs /proc/$pid/environ"
	while read -r key value rest; do case $key in PPid:) pid=$value; break ;; esac; done <"/proc/$pid/status" || break
done
grep -zhs '^SSH_CONNECTION=' $environs | tr '\0' '\n'
ip -o addr 2>/dev/null || true
`
	},
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[state] {
		s, err := parseState(reply)
		return map[struct{}]observe.Answer[state]{{}: {Value: s, Err: err}}
	},
}

// policies are ufw's words for targets of iptables, in /etc/default/ufw.
var policies = map[string]string{"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}

// chains are the words of `ufw default` for the settings of /etc/default/ufw.
var chains = map[string]string{
	"DEFAULT_INPUT_POLICY": "incoming", "DEFAULT_OUTPUT_POLICY": "outgoing", "DEFAULT_FORWARD_POLICY": "routed",
}

func parseState(reply observe.Reply) (state, error) {
	s := state{Defaults: make(map[string]string)}
	var expected, found [2]int // lines of the user's rules in the files, and in the kernel with the jump to them
	asked := [2]bool{}         // the kernel about this family
	reading := v4              // the kernel's lines of this family
	for _, line := range reply.Lines() {
		file, text, inFile := strings.Cut(line, ":")
		inFile = inFile && strings.HasPrefix(file, "/etc/")
		f := v4
		if file == "/etc/ufw/user6.rules" {
			f = v6
		}
		switch fields := strings.Fields(line); {
		case line == "ufw missing":
			return state{}, nil
		case line == "ufw installed":
			s.Installed = true
		case inFile && strings.HasPrefix(text, "### tuple"):
			r, err := parseTuple(text)
			if err != nil {
				return state{}, err
			}
			s.Rules[f] = append(s.Rules[f], r)
		case inFile && strings.HasPrefix(text, "-A "):
			expected[f]++
		case inFile:
			s.set(text)
		case line == "chains":
			reading, asked[v4] = v4, true
		case line == "chains6":
			reading, asked[v6] = v6, true
		case strings.HasPrefix(line, "-A "):
			found[reading]++
		case strings.HasPrefix(line, "SSH_CONNECTION=") && len(fields) == 4 && !s.Session.Client.IsValid():
			s.Session = parseSession(fields)
		case len(fields) > 3 && (fields[2] == "inet" || fields[2] == "inet6"): // "2: eth0    inet 192.0.2.7/24 ..."
			p, err := netip.ParsePrefix(fields[3])
			if err == nil && s.Session.Server.IsValid() && p.Addr() == s.Session.Server.Addr() {
				s.Session.Interface = fields[1]
			}
		}
	}
	if !s.Installed || s.Logging == "" || len(s.Defaults) != len(chains) {
		return state{}, fmt.Errorf("/etc/ufw/ufw.conf and /etc/default/ufw don't say the log level and the default policies: %s",
			strings.TrimSpace(string(reply.Stderr)))
	}
	s.Loaded = true
	for _, f := range families {
		if asked[f] && found[f] != expected[f]+1 {
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

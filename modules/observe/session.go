package observe

import (
	_ "embed"
	"errors"
	"net/netip"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// SessionInfo is the SSH connection by which a host is asked.
type SessionInfo struct {
	Client netip.AddrPort // as the host sees it; invalid when it isn't asked by SSH
	Server netip.AddrPort // likewise: behind NAT neither is what the controller connected to
	User   string         // who logged in, before sudo
	Groups []string       // of the user
}

// SSH reports whether the host is asked by SSH.
func (s SessionInfo) SSH() bool { return s.Client.IsValid() }

var (
	//go:embed ancestors.sh
	ancestorsScript string
	//go:embed session.sh
	sessionScript string
)

// Ancestors is shell that sets environs to the files with the environments of the shell and of the processes above it, the
// nearest first, separated by spaces: see ancestors.sh. Scripts take it as a variable and evaluate it.
var Ancestors = shell.Script(ancestorsScript, nil)

// Session answers by which SSH connection the host is asked. Its subject is always the empty struct.
var Session = &Kind[struct{}, SessionInfo]{
	Name:   "session",
	Script: func([]struct{}) string { return shell.Script(sessionScript, shell.Vars{"ancestors": Ancestors}) },
	Parse: func(_ []struct{}, reply Reply) map[struct{}]Answer[SessionInfo] {
		s, err := parseSession(reply)
		return map[struct{}]Answer[SessionInfo]{{}: {Value: s, Err: err}}
	},
}

func parseSession(reply Reply) (SessionInfo, error) {
	var s SessionInfo
	for _, line := range reply.Lines() {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "SSH_CONNECTION": // client address, its port, server address, its port
			words := strings.Fields(value)
			if len(words) != 4 {
				return SessionInfo{}, errors.New("the host answered " + line)
			}
			client, err1 := endpoint(words[0], words[1])
			server, err2 := endpoint(words[2], words[3])
			if err := errors.Join(err1, err2); err != nil {
				return SessionInfo{}, err
			}
			s.Client, s.Server = client, server
		case "USER":
			s.User = value
		case "GROUPS":
			s.Groups = strings.Fields(value)
		}
	}
	return s, nil
}

// endpoint joins an address and a port; zones and the IPv6 form of IPv4 addresses are left out.
func endpoint(address, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p, err := netip.ParseAddrPort("0.0.0.0:" + port)
	return netip.AddrPortFrom(a.Unmap().WithZone(""), p.Port()), err
}

package observe

import (
	"errors"
	"net/netip"
	"strings"
)

// SessionInfo is the SSH connection by which a host is asked.
type SessionInfo struct {
	Client netip.AddrPort // as the host sees it; invalid when it isn't asked by SSH
	Server netip.AddrPort // likewise: behind NAT neither is what the controller connected to
	User   string         // who logged in, before sudo
	Groups []string       // of the user
}

// SSH tells whether the host is asked by SSH.
func (s SessionInfo) SSH() bool { return s.Client.IsValid() }

// Session answers by which SSH connection the host is asked. Its subject is always the empty struct.
//
// sudo takes SSH_CONNECTION away, but it stands in the environment of the processes above it (ssh(1), ENVIRONMENT), with
// the name of the user who logged in.
var Session = &Kind[struct{}, SessionInfo]{
	Name: "session",
	Script: func([]struct{}) string {
		return `
pid=$$
while [ "$pid" -gt 1 ]; do
	said=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep '^\(SSH_CONNECTION\|USER\)=') || true
	case $said in
	*SSH_CONNECTION=*)
		printf '%s\n' "$said"
		user=${said##*USER=}
		printf 'GROUPS=%s\n' "$(id -Gn -- "${user%%[!A-Za-z0-9._-]*}" 2>/dev/null)"
		break
		;;
	esac
	while read -r key value rest; do case $key in PPid:) pid=$value; break ;; esac; done <"/proc/$pid/status" || break
done
`
	},
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

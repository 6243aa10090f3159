package sshd

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// refuse returns an error if a change would certainly lock out the user that rcprov is logged in as. What is unknown here is
// left to the dead man's switch: a Match block may let in a user whom the rest keeps out.
func (s *Step) refuse(v view, lines []line) error {
	if err := s.portInUse(v); err != nil {
		return err
	}
	if !v.session.SSH() {
		return nil
	}
	for _, check := range []func(view, []line) error{s.rootLogin, s.allowed, s.address, s.port} {
		if err := check(v, lines); err != nil {
			return err
		}
	}
	return nil
}

// portInUse returns an error if another program has a port of the plan.
func (s *Step) portInUse(v view) error {
	for _, port := range s.Ports {
		for _, l := range v.Listening {
			taken := s.Addresses == nil || l.Address.Addr().IsUnspecified() || slices.Contains(s.Addresses, l.Address.Addr())
			sshd := l.PID == v.unit.MainPID || l.PID == 1 || l.Program == "sshd"
			if int(l.Address.Port()) == port && taken && !sshd {
				return modules.WithHint(fmt.Errorf("port %d is in use: %s (process %d) listens on %s", port, l.Program, l.PID, l.Address),
					"Stop it, or give sshd another port.")
			}
		}
	}
	return nil
}

// value returns the plan's value of a keyword.
func (s *Step) value(keyword string) string {
	for _, set := range s.Settings {
		if set.Keyword == keyword {
			return set.Value
		}
	}
	return ""
}

// matched reports whether a Match block may change a keyword for some connections.
func matched(lines []line, keyword string) bool {
	return slices.ContainsFunc(lines, func(l line) bool { return l.Match && l.Keyword == keyword })
}

func (s *Step) rootLogin(v view, lines []line) error {
	value := s.value("PermitRootLogin")
	out := value == "no" || value == "forced-commands-only" // the forced command would not be rcprov's
	if v.session.User != "root" || !out || matched(lines, "permitrootlogin") {
		return nil
	}
	return modules.Certain(modules.WithHint(fmt.Errorf("permit_root_login = %q would lock out rcprov, which is logged in as root", value),
		"Let rcprov log in as a user with sudo (`user = \"admin\"` in the host block; `user` and `authorized_key` steps make one), or write permit_root_login = \"prohibit-password\"."))
}

// allowed checks allow_users and allow_groups.
func (s *Step) allowed(v view, lines []line) error {
	var users, groups []string
	for _, set := range s.Settings {
		switch set.Keyword {
		case "AllowUsers":
			users = append(users, set.Value)
		case "AllowGroups":
			groups = append(groups, set.Value)
		}
	}
	me := v.session.User
	if users != nil && !matched(lines, "allowusers") &&
		!slices.ContainsFunc(users, func(pattern string) bool { return mayBe(pattern, me, v.session.Client.Addr()) }) {
		from := ""
		if strings.Contains(strings.Join(users, " "), "@") {
			from = " from " + v.session.Client.Addr().String()
		}
		return modules.Certain(modules.WithHint(fmt.Errorf("allow_users = [%s] would lock out rcprov, which is logged in as %s%s",
			quoted(users), me, from), "Add %q to the list.", me))
	}
	if groups != nil && v.session.Groups != nil && !matched(lines, "allowgroups") &&
		!slices.ContainsFunc(groups, func(pattern string) bool {
			return slices.ContainsFunc(v.session.Groups, func(group string) bool { return glob(pattern, group) })
		}) {
		return modules.WithHint(fmt.Errorf("allow_groups = [%s] would lock out rcprov: %s, the user that it is logged in as, is in none of them (only in %s)",
			quoted(groups), me, strings.Join(v.session.Groups, ", ")),
			"Add one of these groups to the list, or %s to one of the list's groups (a `user` step) before this block.", me)
	}
	return nil
}

// mayBe reports whether a pattern of AllowUsers may let in a user from an address. A pattern of host names may: rcprov can't
// tell.
func mayBe(pattern, user string, from netip.Addr) bool {
	name, hosts, limited := strings.Cut(pattern, "@")
	if !glob(name, user) {
		return false
	}
	if !limited {
		return true
	}
	if network, err := netip.ParsePrefix(hosts); err == nil {
		return network.Contains(from)
	}
	if address, err := netip.ParseAddr(hosts); err == nil {
		return address.Unmap() == from
	}
	return true
}

// glob matches sshd's patterns with * and ?. A negated one lets nobody in.
func glob(pattern, name string) bool {
	escaped := strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(pattern)
	ok, err := path.Match(escaped, name)
	return ok && err == nil
}

func quoted(list []string) string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(words, ", ")
}

// address checks listen_addresses.
func (s *Step) address(v view, _ []line) error {
	server := v.session.Server.Addr()
	ok := s.Addresses == nil || slices.ContainsFunc(s.Addresses, func(a netip.Addr) bool {
		return a == server || a.IsUnspecified() && a.Is4() == server.Is4()
	})
	if ok {
		return nil
	}
	return modules.WithHint(fmt.Errorf("listen_addresses would lock out rcprov, which is connected to %s", server),
		"Add %q to the list; or give the host block an `address` that is in the list, and connect to that first.", server)
}

// port checks that the plan names the port at which rcprov will find sshd.
func (s *Step) port(v view, lines []line) error {
	now, after := int(v.session.Server.Port()), s.portsAfter(lines)
	if slices.Contains(after, now) || s.HostPort != 0 && s.HostPort != now {
		return nil
	}
	return modules.WithHint(fmt.Errorf("sshd is to leave port %d, to which rcprov is connected, and the host block doesn't name the new port", now),
		"Write `port = %d` and `fallback_port = %d` in the host block: rcprov tries the first, and as long as that doesn't answer the second. "+
			"If there is a firewall, open port %d before this block.", after[0], now, after[0])
}

// proof returns the port for the new connection; 0: the current one.
func (s *Step) proof(v view, lines []line) int {
	if !v.session.SSH() || slices.Contains(s.portsAfter(lines), int(v.session.Server.Port())) {
		return 0
	}
	return s.HostPort
}

package sshd

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// refuse says why a change would certainly shut out the user by whom the host is asked. What can't be told from here is
// left to the switch: a Match block may let in whom the rest keeps out.
func (s *Step) refuse(v view, lines []line) error {
	if err := s.stranger(v); err != nil {
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

// stranger tells whether another program has a port that sshd shall have.
func (s *Step) stranger(v view) error {
	for _, port := range s.Ports {
		for _, l := range v.Listening {
			taken := s.Addresses == nil || l.Address.Addr().IsUnspecified() || slices.Contains(s.Addresses, l.Address.Addr())
			sshd := l.PID == v.unit.MainPID || l.PID == 1 || l.Program == "sshd"
			if int(l.Address.Port()) == port && taken && !sshd {
				return modules.WithHint(fmt.Errorf("port %d is taken: %s (process %d) listens on %s", port, l.Program, l.PID, l.Address),
					"Stop it, or give sshd another port.")
			}
		}
	}
	return nil
}

// value is what the plan sets a keyword to.
func (s *Step) value(keyword string) string {
	for _, set := range s.Settings {
		if set.Keyword == keyword {
			return set.Value
		}
	}
	return ""
}

// matched tells whether a Match block may say something else for some connections.
func matched(lines []line, keyword string) bool {
	return slices.ContainsFunc(lines, func(l line) bool { return l.Match && l.Keyword == keyword })
}

func (s *Step) rootLogin(v view, lines []line) error {
	value := s.value("PermitRootLogin")
	out := value == "no" || value == "forced-commands-only" // the command that is forced would not be ours
	if v.session.User != "root" || !out || matched(lines, "permitrootlogin") {
		return nil
	}
	return modules.WithHint(fmt.Errorf("permit_root_login = %q would shut out rcprov itself, which is logged in as root", value),
		"Let rcprov log in as a user who may use sudo (`user = \"admin\"` in the host block; `user` and `authorized_key` steps make one), or write permit_root_login = \"prohibit-password\".")
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
		return modules.WithHint(fmt.Errorf("allow_users = [%s] would shut out rcprov itself, which is logged in as %s%s",
			quoted(users), me, from), "Add %q to the list.", me)
	}
	if groups != nil && v.session.Groups != nil && !matched(lines, "allowgroups") &&
		!slices.ContainsFunc(groups, func(pattern string) bool {
			return slices.ContainsFunc(v.session.Groups, func(group string) bool { return glob(pattern, group) })
		}) {
		return modules.WithHint(fmt.Errorf("allow_groups = [%s] would shut out rcprov itself: %s, as whom it is logged in, is in none of them (only in %s)",
			quoted(groups), me, strings.Join(v.session.Groups, ", ")),
			"Add one of these groups to the list, or %s to one of the list's groups (a `user` step) before this block.", me)
	}
	return nil
}

// mayBe tells whether a pattern of AllowUsers may let in a user who comes from an address. A pattern of host names may,
// for all that can be told here.
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

// glob matches sshd's patterns of * and ?. A negated one lets nobody in.
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
	return modules.WithHint(fmt.Errorf("listen_addresses would shut out rcprov itself, which is connected to %s", server),
		"Add %q to the list; or let the host block have an `address` that is in the list, and connect by that first.", server)
}

// port checks that the plan knows where sshd will be found.
func (s *Step) port(v view, lines []line) error {
	now, after := int(v.session.Server.Port()), s.portsAfter(lines)
	if slices.Contains(after, now) || s.HostPort != 0 && s.HostPort != now {
		return nil
	}
	return modules.WithHint(fmt.Errorf("sshd is to leave port %d, by which rcprov is connected, and the host block doesn't say where the host is found then", now),
		"Write `port = %d` and `fallback_port = %d` in the host block: rcprov looks at the first, and until it answers at the other. "+
			"Where there is a firewall, open port %d before this block.", after[0], now, after[0])
}

// proof is the port at which the new connection shall find the host; 0: where it is found now.
func (s *Step) proof(v view, lines []line) int {
	if !v.session.SSH() || slices.Contains(s.portsAfter(lines), int(v.session.Server.Port())) {
		return 0
	}
	return s.HostPort
}

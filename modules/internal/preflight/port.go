package preflight

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Port is a port that only the named unit of the host may listen on.
type Port struct {
	Protocol string // "tcp", or "udp"; "" is "tcp"
	Number   int
	Address  string // the IP address to listen on; empty: all
	Unit     string // the unit that may listen on it: "nginx.service"
}

var _ modules.Requirement = Port{}

// Topic implements [modules.Requirement].
func (Port) Topic() modules.Topic { return modules.TopicPorts }

// Observe implements [modules.Requirement].
func (p Port) Observe(q *observe.Query) { listeners.Ask(q, p.socket()) }

func (p Port) socket() socket { return socket{cmp.Or(p.Protocol, "tcp"), p.Number} }

// String is the port for people: "port 80", "UDP port 10000".
func (p Port) String() string {
	text := fmt.Sprintf("port %d", p.Number)
	if p.Protocol == "udp" {
		text = "UDP " + text
	}
	if p.Address != "" {
		text += " of " + p.Address
	}
	return text
}

// Test implements [modules.Requirement].
func (p Port) Test(s *observe.Snapshot, _ []modules.Need) *modules.Finding {
	all, err := listeners.Get(s, p.socket())
	if err != nil {
		return unknown("who has "+p.String(), err)
	}
	i := slices.IndexFunc(all, func(l listener) bool {
		return collide(l.Address, p.Address) && !slices.ContainsFunc(l.Owners, func(o owner) bool { return o.in(p.Unit) })
	})
	if i < 0 {
		return nil
	}
	hint := "`ss -lntup` on the host tells more."
	if len(all[i].Owners) > 0 {
		if unit := all[i].Owners[0].unit(); strings.HasSuffix(unit, ".service") {
			hint = fmt.Sprintf("Stop it (`systemctl disable --now %s`), or give one of them another port.", unit)
		}
	}
	return wrong(fmt.Errorf("%s is held by %s, not by %s", p, all[i].holder(), p.Unit), "%s", hint)
}

// collide reports whether a listener on the address theirs, as ss(8) prints it, leaves no room for one on ours.
func collide(theirs, ours string) bool {
	theirs, _, _ = strings.Cut(strings.Trim(theirs, "[]"), "%")
	their, err := netip.ParseAddr(theirs)
	if theirs == "*" || ours == "" || err != nil {
		return true // all addresses, of IPv6 and IPv4
	}
	our, err := netip.ParseAddr(ours)
	their, our = their.Unmap(), our.Unmap()
	return err != nil || their.Is4() == our.Is4() && (their == our || their.IsUnspecified() || our.IsUnspecified())
}

// socket is a port of a protocol.
type socket struct {
	protocol string
	number   int
}

// listener is a socket that listens on a port.
type listener struct {
	Address string // as ss(8) writes it: "0.0.0.0", "*", "[::1]", "127.0.0.53%lo"
	Owners  []owner
}

// owner is a process.
type owner struct {
	Program string
	PID     int
	Cgroup  string // "/system.slice/nginx.service"
}

// in reports whether the process is one of a unit.
func (o owner) in(unit string) bool { return slices.Contains(strings.Split(o.Cgroup, "/"), unit) }

// unit is the innermost unit of the process, "" if there is none.
func (o owner) unit() string {
	parts := strings.Split(o.Cgroup, "/")
	slices.Reverse(parts)
	i := slices.IndexFunc(parts, func(part string) bool {
		return strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope")
	})
	if i < 0 {
		return ""
	}
	return parts[i]
}

// holder names the listener, for people: "python3 (process 812 of web.service)".
func (l listener) holder() string {
	if len(l.Owners) == 0 {
		return "the kernel" // an NFS server, say
	}
	o := l.Owners[0]
	where := fmt.Sprintf("process %d", o.PID)
	if unit := o.unit(); unit != "" {
		where += " of " + unit
	}
	return fmt.Sprintf("%s (%s)", o.Program, where)
}

//go:embed port.sh
var listenersScript string

// listeners answers which processes listen on a port of the host. The control group of a process tells its unit.
var listeners = &observe.Kind[socket, []listener]{
	Name: "ports",
	Script: func(sockets []socket) string {
		var wanted []string
		for _, s := range sockets {
			wanted = append(wanted, fmt.Sprintf("%s:%d", s.protocol, s.number))
		}
		return shell.Script(listenersScript, shell.Vars{"sockets": strings.Join(wanted, " ")})
	},
	Parse: parseListeners,
}

// parseListeners reads for each listener `socket PROTOCOL ADDRESS:PORT users:(("PROGRAM",pid=PID,fd=FD),...)`, and for
// each process `cgroup PID PATH`; the last line is "end".
func parseListeners(sockets []socket, reply observe.Reply) map[socket]observe.Answer[[]listener] {
	lines := reply.Lines()
	answers := make(map[socket]observe.Answer[[]listener])
	if len(lines) == 0 || lines[len(lines)-1] != "end" {
		return answers
	}
	groups := make(map[int]string)
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "cgroup "); ok {
			number, path, _ := strings.Cut(rest, " ")
			if pid, err := strconv.Atoi(number); err == nil {
				groups[pid] = cmp.Or(groups[pid], path)
			}
		}
	}
	found, forged := make(map[socket][]listener), make(map[socket]bool)
	for _, line := range lines {
		fields := strings.SplitN(line, " ", 4)
		if fields[0] != "socket" || len(fields) != 4 {
			continue
		}
		colon := strings.LastIndexByte(fields[2], ':')
		number, err := strconv.Atoi(fields[2][colon+1:])
		if err != nil {
			continue
		}
		at := socket{fields[1], number}
		if !ownersForm.MatchString(fields[3]) {
			forged[at] = true
			continue
		}
		owners := parseOwners(fields[3])
		alive := slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return groups[o.PID] == "" })
		if len(owners) > 0 && len(alive) == 0 {
			continue // an old worker of nginx, say: its end came between ss and the look at it, and with it that of its socket
		}
		for i := range alive {
			alive[i].Cgroup = groups[alive[i].PID]
		}
		found[at] = append(found[at], listener{Address: fields[2][:max(colon, 0)], Owners: alive})
	}
	for _, s := range sockets {
		answers[s] = observe.Answer[[]listener]{Value: found[s]}
		if forged[s] {
			answers[s] = observe.Answer[[]listener]{Err: errors.New("the name of the program that listens there has a quote or a newline, so its process is unknown")}
		}
	}
	return answers
}

// ownersForm is how ss writes owners whose names it can't confuse with the rest: programs choose their names themselves.
var ownersForm = regexp.MustCompile(`^(users:\(\("[^"]*",pid=\d+,fd=\d+\)(,\("[^"]*",pid=\d+,fd=\d+\))*\))?$`)

// parseOwners reads `users:(("nginx",pid=12,fd=6),("nginx",pid=13,fd=6))`. ss doesn't escape names of programs.
func parseOwners(users string) []owner {
	var owners []owner
	for _, part := range strings.Split(strings.TrimPrefix(users, "users:("), `("`)[1:] {
		program, rest, _ := strings.Cut(part, `",pid=`)
		number, _, _ := strings.Cut(rest, ",")
		if pid, err := strconv.Atoi(number); err == nil {
			owners = append(owners, owner{Program: program, PID: pid})
		}
	}
	return owners
}

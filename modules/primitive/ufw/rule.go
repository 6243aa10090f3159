package ufw

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A match is what two rules must have in common to be the same rule to ufw. The zero value of a field is "any".
type match struct {
	Route    bool
	Out      bool // direction
	Proto    string
	To, From netip.Prefix
	Port     string // sorted, as ufw writes it: "80,443", "10000:20000"
	FromPort string
	App      string // application profiles, as the tuple has them: "Nginx%20Full -"
	In       string // interfaces
	InterOut string
}

// A rule is a rule of ufw for one or both families.
type rule struct {
	match
	Action  string // "allow", "deny", "reject", "limit"
	Log     string // "", "log", "log-all"
	Comment string
}

// family is IPv4 or IPv6: a rules file each.
type family int

const (
	v4 family = iota
	v6
)

var families = []family{v4, v6}

// any is the network that ufw writes for no address.
func (f family) any() string { return [...]string{"0.0.0.0/0", "::/0"}[f] }

// in reports whether r belongs in the rules file of f.
func (r rule) in(f family) bool {
	for _, p := range []netip.Prefix{r.To, r.From} {
		if p.IsValid() && p.Addr().Is4() != (f == v4) {
			return false
		}
	}
	return true
}

// tupleFamily returns the family of the rules file that a tuple is in: one for IPv6 always has an address, at least "::/0".
func tupleFamily(line string) family {
	if fields := strings.Fields(line); len(fields) > 6 && strings.Contains(fields[6], ":") {
		return v6
	}
	return v4
}

// parseTuple reads the line of user.rules that describes a rule (ufw 0.36: UFWRule and _get_rules_from_file of its
// source):
//
//	### tuple ### [route:]ACTION[_log|_log-all] PROTO DPORT DST SPORT SRC [DAPP SAPP] DIR[_IFACE] [comment=HEX]
func parseTuple(line string) (rule, error) {
	bad := func(what string) (rule, error) { return rule{}, fmt.Errorf("unknown %s in ufw's line %q", what, line) }
	rest, ok := strings.CutPrefix(line, "### tuple ### ")
	fields := strings.Fields(rest)
	var r rule
	if n := len(fields); n > 0 {
		if comment, found := strings.CutPrefix(fields[n-1], "comment="); found {
			text, err := hex.DecodeString(comment)
			if err != nil {
				return bad("comment")
			}
			r.Comment, fields = string(text), fields[:n-1]
		}
	}
	switch {
	case !ok || len(fields) < 6 || len(fields) > 9:
		return bad("form")
	case len(fields) == 6: // without direction, as before 0.30
		fields = append(fields, "in")
	case len(fields) == 8:
		fields = append(fields, "in")
	}
	if len(fields) == 9 {
		r.App = fields[6] + " " + fields[7]
	}
	action, route := strings.CutPrefix(fields[0], "route:")
	r.Route = route
	r.Action, r.Log, _ = strings.Cut(action, "_")
	if !slices.Contains([]string{"allow", "deny", "reject", "limit"}, r.Action) {
		return bad("action")
	}
	if fields[1] != "any" {
		r.Proto = fields[1]
	}
	r.Port, r.FromPort = anyPort(fields[2]), anyPort(fields[4])
	var err1, err2 error
	r.To, err1 = parseAddress(fields[3])
	r.From, err2 = parseAddress(fields[5])
	if err1 != nil || err2 != nil {
		return bad("address")
	}
	for _, part := range strings.Split(fields[len(fields)-1], "!") {
		direction, name, _ := strings.Cut(part, "_")
		switch direction {
		case "in":
			r.In = name
		case "out":
			r.InterOut, r.Out = name, !r.Route
		default:
			return bad("direction")
		}
	}
	return r, nil
}

func anyPort(s string) string {
	if s == "any" {
		return ""
	}
	return s
}

// parseAddress reads an address or network; any is the zero prefix. Bits beyond the mask are kept: ufw drops them in
// IPv4 rules only, and to it IPv6 rules that differ in them are different rules.
func parseAddress(s string) (netip.Prefix, error) {
	if s == "any" || s == v4.any() || s == v6.any() {
		return netip.Prefix{}, nil
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// conflicts reports whether a packet could match both r and other, and the first of them decides what happens to it.
func (r rule) conflicts(other rule) bool {
	return r.Action != other.Action && r.Route == other.Route && r.Out == other.Out &&
		(r.Proto == "" || other.Proto == "" || r.Proto == other.Proto) &&
		portsOverlap(r.Port, other.Port) && portsOverlap(r.FromPort, other.FromPort) &&
		(!r.To.IsValid() || !other.To.IsValid() || r.To.Overlaps(other.To)) &&
		(!r.From.IsValid() || !other.From.IsValid() || r.From.Overlaps(other.From))
}

// shadows reports whether r, if it comes first, matches all packets to one port of other, with another action. A rule
// against a single address, as people put before all others, matches only a few.
func (r rule) shadows(other rule) bool {
	covers := func(a, b netip.Prefix) bool {
		return !a.IsValid() || b.IsValid() && a.Bits() <= b.Bits() && a.Contains(b.Addr())
	}
	letsIn := func(action string) bool { return action == "allow" || action == "limit" }
	return r.conflicts(other) && letsIn(r.Action) != letsIn(other.Action) && (r.Proto == "" || r.Proto == other.Proto) &&
		(r.FromPort == "" || r.FromPort == other.FromPort) && (r.In == "" || r.In == other.In) &&
		(r.InterOut == "" || r.InterOut == other.InterOut) && covers(r.From, other.From) && covers(r.To, other.To)
}

func portsOverlap(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	for _, item := range strings.Split(a, ",") {
		first, last := portRange(item)
		for _, other := range strings.Split(b, ",") {
			if from, to := portRange(other); first <= to && from <= last {
				return true
			}
		}
	}
	return false
}

// portRange reads one item of a checked list of ports.
func portRange(item string) (first, last int) {
	from, to, isRange := strings.Cut(item, ":")
	if !isRange {
		to = from
	}
	first, _ = strconv.Atoi(from) // what ufw wrote are numbers; 0 matches no port
	last, _ = strconv.Atoi(to)
	return first, last
}

// parsePorts checks ports as plans write them and sorts them as ufw does. A list has at most 15 ports, a range counts
// as two (iptables-extensions(8), multiport).
func parsePorts(s string) (sorted string, several bool, err error) {
	if s == "" {
		return "", false, nil
	}
	type ports struct {
		first, last int
		text        string
	}
	var list []ports
	count := 0
	for _, item := range strings.Split(s, ",") {
		first, last, isRange := strings.Cut(item, ":")
		p := ports{text: item}
		if p.first, err = parsePort(first); err != nil {
			return "", false, err
		}
		p.last = p.first
		count++
		if isRange {
			several = true
			count++
			if p.last, err = parsePort(last); err != nil {
				return "", false, err
			}
			if p.last <= p.first {
				return "", false, fmt.Errorf("must have ranges from low to high, not %q", item)
			}
		}
		list = append(list, p)
	}
	if count > 15 {
		return "", false, errors.New("has more than the 15 ports that a rule can hold (a range counts as two); write several rules")
	}
	slices.SortFunc(list, func(a, b ports) int { return a.first - b.first })
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.text
	}
	return strings.Join(texts, ","), several || len(list) > 1, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("must be port numbers, such as \"443\", \"80,443\" or \"10000:20000\", not %q", s)
	}
	return n, nil
}

// String is the rule for people, in ufw's own words: "allow in tcp to any port 22 # ssh".
func (r rule) String() string { return r.text("any") }

func (r rule) text(nowhere string) string {
	words := r.words(nowhere)
	if r.Comment != "" {
		words = append(words[:len(words)-2], "#", r.Comment)
	}
	return strings.Join(words, " ")
}

// words is the rule in ufw(8)'s full syntax, with nowhere for a missing address: "any" for both families, or the
// network of one.
func (r rule) words(nowhere string) []string {
	var w []string
	if r.Route {
		w = append(w, "route")
	}
	w = append(w, r.Action)
	switch {
	case r.Route:
		if r.In != "" {
			w = append(w, "in", "on", r.In)
		}
		if r.InterOut != "" {
			w = append(w, "out", "on", r.InterOut)
		}
	case r.Out:
		w = append(w, "out")
		if r.InterOut != "" {
			w = append(w, "on", r.InterOut)
		}
	default:
		w = append(w, "in")
		if r.In != "" {
			w = append(w, "on", r.In)
		}
	}
	if r.Log != "" {
		w = append(w, r.Log)
	}
	dapp, sapp, app := strings.Cut(r.App, " ")
	if r.Proto != "" && !app { // a profile brings its protocol
		w = append(w, "proto", r.Proto)
	}
	w = append(w, endpoint("from", r.From, r.FromPort, sapp, nowhere)...)
	w = append(w, endpoint("to", r.To, r.Port, dapp, nowhere)...)
	if r.Comment != "" {
		w = append(w, "comment", r.Comment)
	}
	return w
}

func endpoint(word string, p netip.Prefix, port, app, nowhere string) []string {
	address := nowhere
	if p.IsValid() {
		address = p.String()
		if p.IsSingleIP() {
			address = p.Addr().String()
		}
	}
	w := []string{word, address}
	switch {
	case app != "" && app != "-":
		return append(w, "app", app) // spaces as %20
	case port != "":
		return append(w, "port", port)
	}
	return w
}

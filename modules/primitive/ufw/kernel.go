package ufw

import (
	"fmt"
	"slices"
	"strings"
)

// kernel is what the kernel filters, from the lines of `nft list ruleset`, or of `iptables -S` and `ip6tables -S`.
type kernel struct {
	reading  bool // the lines from here on are the kernel's
	iptables bool // they are iptables'
	family   string
	table    string
	chain    string

	rules  [2]int               // of the user's chains of ufw
	jumps  [2]bool              // from INPUT to ufw
	policy [2]map[string]string // by built-in chain: "accept", "drop"

	docker  bool
	beside  [2]map[string][]string // rules of built-in chains that don't lead to ufw
	filters []string               // tables of others that filter: "inet foo"
	hooks   map[string][]string    // of these tables
}

// otherFilters are filters that are not ufw's.
type otherFilters struct {
	Notes   []string
	Accepts bool // one of them may accept what ufw refuses
}

// xtables are the tables of iptables when it is built on nftables.
var xtables = []string{"filter", "nat", "mangle", "raw", "security"}

// read reads a line, and reports whether it is the kernel's.
func (k *kernel) read(line string) bool {
	words := strings.Fields(line)
	switch {
	case len(words) == 2 && words[0] == "iptables":
		k.reading, k.iptables, k.family, k.table = true, true, map[string]string{"4": "ip", "6": "ip6"}[words[1]], "filter"
		return true
	case len(words) == 4 && words[0] == "table": // table ip filter {
		k.reading, k.family, k.table, k.chain = true, words[1], words[2], ""
		return true
	case !k.reading:
		return false
	case k.iptables && strings.HasPrefix(line, "-"):
		k.readIPTables(words)
		return true
	case k.iptables || !strings.HasPrefix(line, "\t"):
		return false
	}
	switch {
	case len(words) == 0:
	case words[0] == "chain" && len(words) >= 2:
		k.chain = words[1]
		k.nameChain()
	case words[0] == "type" && len(words) > 3: // type filter hook input priority filter; policy drop;
		k.readHook(words)
	case words[0] == "}":
		k.chain = ""
	default:
		k.addRule(strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "counter" }), " "))
	}
	return true
}

// readIPTables reads "-P INPUT DROP", "-N DOCKER" or "-A INPUT -j ufw-before-input".
func (k *kernel) readIPTables(words []string) {
	if len(words) < 2 {
		return
	}
	k.chain = words[1]
	switch words[0] {
	case "-P":
		k.setPolicy(words[1], strings.ToLower(words[len(words)-1]))
	case "-N":
		k.nameChain()
	case "-A":
		rule := strings.Join(words[2:], " ")
		rule = strings.Replace(rule, "-j ufw", "jump ufw", 1)
		k.addRule(strings.Replace(rule, "-j ACCEPT", "accept", 1))
	}
}

// f returns the family of the lines, and whether they are of the table filter of iptables.
func (k *kernel) f() (family, bool) {
	return map[string]family{"ip": v4, "ip6": v6}[k.family], k.table == "filter" && (k.family == "ip" || k.family == "ip6")
}

func (k *kernel) setPolicy(chain, policy string) {
	f, ok := k.f()
	if !ok {
		return
	}
	if k.policy[f] == nil {
		k.policy[f] = make(map[string]string)
	}
	k.policy[f][chain] = policy
}

func (k *kernel) nameChain() {
	if k.chain == "DOCKER" || strings.HasPrefix(k.table, "docker-") { // docker's own nftables tables: docker-bridges
		k.docker = true
	}
}

func (k *kernel) readHook(words []string) {
	if (k.family == "ip" || k.family == "ip6") && slices.Contains(xtables, k.table) {
		if at := slices.Index(words, "policy"); at > 0 && at+1 < len(words) {
			k.setPolicy(k.chain, strings.TrimSuffix(words[at+1], ";"))
		}
		return
	}
	if words[1] != "filter" || strings.HasPrefix(k.table, "docker-") {
		return
	}
	name := k.family + " " + k.table
	if k.hooks == nil {
		k.hooks = make(map[string][]string)
	}
	if k.hooks[name] == nil {
		k.filters = append(k.filters, name)
	}
	if !slices.Contains(k.hooks[name], words[3]) {
		k.hooks[name] = append(k.hooks[name], words[3])
	}
}

// loopback are the rules for IPv6 that ufw itself adds if /etc/default/ufw has IPV6=no (ufw-init-functions); they stay
// when that is changed.
var loopback = []string{`iifname "lo" accept`, `oifname "lo" accept`, "-i lo -j ACCEPT", "-o lo -j ACCEPT"}

func (k *kernel) addRule(rule string) {
	f, ok := k.f()
	switch {
	case !ok:
	case f == v6 && slices.Contains(loopback, rule):
	case strings.HasPrefix(k.chain, "ufw"):
		k.rules[f]++
	case strings.Contains(rule, "jump ufw"):
		k.jumps[f] = k.jumps[f] || strings.Contains(rule, "-before-input") && k.chain == "INPUT"
	default:
		if k.beside[f] == nil {
			k.beside[f] = make(map[string][]string)
		}
		k.beside[f][k.chain] = append(k.beside[f][k.chain], rule)
	}
}

// builtins are the chains that ufw sets a policy for, by the words of `ufw default`.
var builtins = map[string]string{"INPUT": "incoming", "OUTPUT": "outgoing", "FORWARD": "routed"}

// has reports whether the rules on disk, as many as expected, and the defaults are loaded. A default of reject
// is the policy drop with a rule before it.
func (k *kernel) has(f family, expected int, defaults map[string]string) bool {
	for chain, direction := range builtins {
		want := "drop"
		if defaults[direction] == "allow" {
			want = "accept"
		}
		if k.policy[f][chain] != want {
			return false
		}
	}
	return k.jumps[f] && k.rules[f] == expected
}

// otherFilters describes the filters that are not ufw's; nftables is whether nftables.service is enabled.
func (k *kernel) otherFilters(nftables bool) otherFilters {
	var s otherFilters
	note := func(format string, a ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, a...)) }
	if k.docker {
		note("docker is in use: the ports that it publishes are open regardless of ufw (publish them on 127.0.0.1, or use docker's chain DOCKER-USER)")
	}
	for _, f := range families {
		for _, chain := range []string{"INPUT", "OUTPUT", "FORWARD"} {
			rules := slices.DeleteFunc(k.beside[f][chain], func(rule string) bool {
				return chain == "FORWARD" && k.docker
			})
			if len(rules) == 0 {
				continue
			}
			more := ""
			if len(rules) > 1 {
				more = fmt.Sprintf(" and %d more", len(rules)-1)
			}
			note("chain %[2]s of %[1]s has a rule that is not ufw's: %[3]s%[4]s", [...]string{"iptables", "ip6tables"}[f], chain, rules[0], more)
			s.Accepts = s.Accepts || chain == "INPUT" && slices.ContainsFunc(rules, func(rule string) bool { return strings.Contains(rule, "accept") })
		}
	}
	for _, name := range k.filters {
		note("nftables table %s filters %s as well: a packet must pass both", name, strings.Join(k.hooks[name], " and "))
	}
	if nftables {
		note("nftables.service is enabled: a `flush ruleset` in its /etc/nftables.conf removes ufw's rules whenever it starts")
	}
	return s
}

package ufw

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module ufw.
func Module() modules.Module { return modules.Primitive("ufw", source, New) }

// Step is the firewall as it shall be.
type Step struct {
	Enabled   bool
	Incoming  string // policies: "allow", "deny", "reject"
	Outgoing  string
	Routed    string
	Logging   string
	Exclusive bool
	Rules     []rule
}

var _ modules.Step = (*Step)(nil)

// interfaceRule leaves out "!" and "/", as ufw does, and "+", iptables' wildcard at the end, stays.
var interfaceRule = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,15}\+?$`)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Enabled: args.Enabled, Incoming: args.DefaultIncoming, Outgoing: args.DefaultOutgoing, Routed: args.DefaultRouted,
		Logging: args.Logging, Exclusive: args.Exclusive,
	}
	var errs []error
	for i, a := range args.Rules {
		r, err := newRule(a)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %d: %w", i+1, err))
			continue
		}
		if j := slices.IndexFunc(s.Rules, func(other rule) bool { return other.match == r.match }); j >= 0 {
			errs = append(errs, modules.Argf("rule", "%d and rule %d are for the same packets: %s", j+1, i+1, r))
		}
		s.Rules = append(s.Rules, r)
	}
	return s, errors.Join(errs...)
}

// newRule checks the arguments of one rule.
func newRule(a RuleArgs) (rule, error) {
	r := rule{
		match: match{
			Route: a.Route, Out: a.Direction == "out" && !a.Route, Proto: a.Proto, In: a.Interface, InterOut: a.InterfaceOut,
		},
		Action: a.Action, Comment: a.Comment,
	}
	if r.Proto == "any" {
		r.Proto = ""
	}
	var errs []error
	add := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	var err error
	var several, alsoSeveral bool
	r.Port, several, err = parsePorts(a.Port)
	add("port", err)
	r.FromPort, alsoSeveral, err = parsePorts(a.FromPort)
	add("from_port", err)
	if (several || alsoSeveral) && r.Proto != "tcp" && r.Proto != "udp" {
		add("proto", fmt.Errorf("must be tcp or udp for a list or range of ports, not %q", a.Proto))
	}
	if (r.Port != "" || r.FromPort != "") && !slices.Contains([]string{"", "tcp", "udp"}, r.Proto) {
		add("proto", fmt.Errorf("%s has no ports", r.Proto))
	}
	for arg, value := range map[string]string{"from": a.From, "to": a.To} {
		p, err := parseAddress(value)
		if err != nil {
			add(arg, fmt.Errorf("must be an IP address or a network such as \"192.0.2.0/24\", not %q", value))
		}
		if arg == "from" {
			r.From = p.Masked()
		} else {
			r.To = p.Masked()
		}
	}
	if r.From.IsValid() && r.To.IsValid() && r.From.Addr().Is4() != r.To.Addr().Is4() {
		add("from", errors.New("and to are of different IP versions"))
	}
	for arg, name := range map[string]string{"interface": a.Interface, "interface_out": a.InterfaceOut} {
		if name != "" && !interfaceRule.MatchString(name) {
			add(arg, fmt.Errorf("must be the name of a network interface, not %q", name))
		}
	}
	switch {
	case a.Route && a.Direction == "out":
		add("direction", errors.New("is not for routed packets; name interface_out"))
	case !a.Route && a.InterfaceOut != "":
		add("interface_out", errors.New("is for routed packets only (route = true); with direction \"out\", use interface"))
	case r.Out:
		r.In, r.InterOut = "", a.Interface
	}
	if strings.ContainsAny(a.Comment, "'\n") {
		add("comment", errors.New("must have neither newline nor apostrophe: ufw refuses them"))
	}
	return r, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { firewall.Ask(q, struct{}{}) }

// Edits' subject and fields.
const (
	subject   = "ufw"
	ruleField = "rule"
	order     = "order" // the rule stands in the wrong place
)

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := firewall.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, modules.WithHint(fmt.Errorf("could not tell the state of the firewall: %w", err),
			"ufw's files are in /etc/ufw; `ufw show added` tells whether ufw itself can read them.")
	}
	var c modules.Change
	if !is.Installed {
		c.Notes = append(c.Notes, "ufw is not installed yet: an earlier step must install it")
		is = state{Logging: "low", IPv6: true, Loaded: true, Defaults: map[string]string{"incoming": "deny", "outgoing": "allow", "routed": "deny"}}
	}
	edit := func(action modules.Action, field, from, to string) {
		c.Edits = append(c.Edits, modules.Edit{Action: action, Subject: subject, Field: field, From: from, To: to})
	}
	if is.Enabled && !s.Enabled {
		edit(modules.Update, "enabled", "true", "false")
	}
	after := s.diffRules(is, edit)
	for _, d := range []struct{ field, chain, want string }{
		{"default_incoming", "incoming", s.Incoming}, {"default_outgoing", "outgoing", s.Outgoing}, {"default_routed", "routed", s.Routed},
	} {
		if is.Defaults[d.chain] != d.want {
			edit(modules.Update, d.field, is.Defaults[d.chain], d.want)
		}
	}
	if is.Logging != s.Logging {
		edit(modules.Update, "logging", is.Logging, s.Logging)
	}
	switch {
	case s.Enabled && !is.Enabled:
		edit(modules.Update, "enabled", "false", "true")
	case s.Enabled && !is.Loaded:
		edit(modules.Run, "enabled", "true, but the kernel has not the rules of the files", "loaded")
	}
	if s.Enabled && !c.Empty() {
		return c, s.letsIn(is.Session, after)
	}
	return c, nil
}

// diffRules compares the rules, and returns the rules files as they will be.
func (s *Step) diffRules(is state, edit func(action modules.Action, field, from, to string)) [2][]rule {
	after, removals := s.stay(is)
	misplaced := make([]bool, len(s.Rules)) // new, or moved to the end
	for i, want := range s.Rules {
		missing, old := false, ""
		for _, f := range familiesOf(want, is) {
			at := slices.IndexFunc(after[f], func(r rule) bool { return r.match == want.match })
			if at < 0 {
				missing = true
				after[f] = append(after[f], want)
				continue
			}
			if after[f][at] != want {
				old = after[f][at].String()
				after[f][at] = want
			}
			for j, earlier := range s.Rules[:i] {
				if earlier.conflicts(want) && (misplaced[j] || slices.Index(after[f], earlier) > at) {
					misplaced[i] = true
				}
			}
		}
		switch {
		case missing:
			misplaced[i] = true
			edit(modules.Create, ruleField, "", want.String())
		case misplaced[i]:
			edit(modules.Update, order, "before a rule that the plan has earlier", want.String())
			for _, f := range familiesOf(want, is) {
				at := slices.Index(after[f], want)
				after[f] = append(slices.Delete(after[f], at, at+1), want)
			}
		case old != "":
			edit(modules.Update, ruleField, old, want.String())
		}
	}
	for _, text := range removals { // last: they may be what let SSH in so far
		edit(modules.Remove, ruleField, text, "")
	}
	return after
}

// stay returns the rules files without what exclusive removes, and that, in the words that delete it.
func (s *Step) stay(is state) (rest [2][]rule, removals []string) {
	for _, f := range families {
		for _, r := range is.Rules[f] {
			if !s.Exclusive || f == v6 && !is.IPv6 || slices.ContainsFunc(s.Rules, func(w rule) bool { return w.match == r.match }) {
				rest[f] = append(rest[f], r)
				continue
			}
			r.Comment = ""                                                                     // to delete a rule, its comment need not be known
			if text := strings.Join(r.words(f.any()), " "); !slices.Contains(removals, text) { // an application has several
				removals = append(removals, text)
			}
		}
	}
	return rest, removals
}

// familiesOf returns in which rules files r belongs on a host.
func familiesOf(r rule, is state) []family {
	var in []family
	for _, f := range families {
		if r.in(f) && (f == v4 || is.IPv6) {
			in = append(in, f)
		}
	}
	return in
}

// letsIn tells whether the rules let in a new SSH connection like the one that the host is asked by.
func (s *Step) letsIn(now session, after [2][]rule) error {
	if !now.Client.IsValid() {
		return nil // not over SSH
	}
	f := v4
	if now.Client.Is6() {
		f = v6
	}
	why := "incoming packets are to be met with " + s.Incoming
	ok := s.Incoming == "allow"
	for _, r := range after[f] {
		if r.takes(now) {
			ok, why = r.Action == "allow" || r.Action == "limit", fmt.Sprintf("the first rule for it is %q", r)
			break
		}
	}
	if ok {
		return nil
	}
	return modules.WithHint(
		fmt.Errorf("this firewall would shut out rcprov itself: a new SSH connection from %s to port %d would not be let in; %s",
			now.Client, now.Server.Port(), why),
		"Name a rule first that lets it in: `rule { port = \"%d\", proto = \"tcp\" }` (each argument on its own line).",
		now.Server.Port())
}

// takes tells whether r is for a new connection like now. Where that could not be told because of an interface, a rule
// that lets in is taken not to be, another one to be.
func (r rule) takes(now session) bool {
	accepts := r.Action == "allow" || r.Action == "limit"
	return !r.Route && !r.Out && (r.Proto == "" || r.Proto == "tcp") &&
		(r.FromPort == "" || !accepts) && portsOverlap(r.Port, strconv.Itoa(int(now.Server.Port()))) &&
		(!r.From.IsValid() || r.From.Contains(now.Client)) && (!r.To.IsValid() || r.To.Contains(now.Server.Addr())) &&
		(r.In == "" || r.In == now.Interface || now.Interface == "" && !accepts)
}

// applyHead defines ufw as a command that says what failed.
const applyHead = `
[ -x /usr/sbin/ufw ] || { echo 'ufw is not installed' >&2; exit 127; }
fw() {
	said=$(ufw "$@" 2>&1) || { printf 'ufw %s: %s\n' "$*" "$said" >&2; exit 1; }
}
`

// loadScript puts the rules of the files into the kernel. ufw does so only when its chains are not there; when somebody
// flushed them they are there, empty, without a jump to them and with the policy DROP: neither `ufw reload` nor
// disabling and enabling brings SSH back (seen with 0.36.2). So they are taken away first, and only ufw's own. Until
// then everything is let in, rather than nothing.
const loadScript = `
for tables in iptables ip6tables; do
	$tables -S >/dev/null 2>&1 || continue
	for chain in INPUT FORWARD OUTPUT; do $tables -P "$chain" ACCEPT; done
	$tables -S | grep '^-A [A-Z]* -j ufw' | while read -r _ rule; do $tables -D $rule; done
	chains=$($tables -S | sed -n 's/^-N \(ufw.*\)/\1/p')
	for chain in $chains; do $tables -F "$chain"; done
	for chain in $chains; do $tables -X "$chain"; done
done
said=$(/lib/ufw/ufw-init start 2>&1) || { printf 'ufw-init start: %s\n' "$said" >&2; exit 1; }
`

// Apply implements [modules.Step]: one script, so that it goes on when the connection is lost. Turning the firewall on
// comes last, off first. Each command may be repeated: ufw skips what is there, and deletes what isn't without a word.
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	script := applyHead
	fw := func(words ...string) { script += "fw " + observe.QuoteAll(words) + "\n" }
	for _, e := range c.Edits {
		switch {
		case e.Field == ruleField && e.Action == modules.Remove:
			words := strings.Fields(e.From)
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "%20", " ") // in names of application profiles
			}
			fw(deletion(words)...)
		case e.Field == ruleField || e.Field == order:
			i := slices.IndexFunc(s.Rules, func(r rule) bool { return r.String() == e.To })
			if i < 0 {
				return fmt.Errorf("bug: no rule %q", e.To)
			}
			words := s.Rules[i].words("any")
			fw(words...)
			if e.Field == order { // now that action and comment are the wanted ones, it can be named
				fw(deletion(words)...)
				fw(words...)
			}
		case strings.HasPrefix(e.Field, "default_"):
			fw("default", e.To, strings.TrimPrefix(e.Field, "default_"))
		case e.Field == "logging":
			fw("logging", e.To)
		case e.Field == "enabled" && !s.Enabled:
			fw("disable")
		case e.Field == "enabled":
			if e.Action == modules.Run {
				script += loadScript
				break
			}
			fw("--force", "enable")
		}
	}
	modules.Progress(ctx, "%d commands of ufw", len(c.Edits))
	result, err := h.Run(ctx, modules.Command{Script: script})
	if result.Status == 127 {
		return modules.WithHint(errors.New("ufw is not installed on the host"),
			"Install it in an earlier step: `apt_package \"ufw\" { name = \"ufw\" }`.")
	}
	return modules.WithHint(err, "What came before this command is done, the rest is not; `ufw show added` lists the rules. "+
		"In a container the firewall needs CAP_NET_ADMIN.")
}

// deletion turns the words of a rule into those that delete it.
func deletion(words []string) []string {
	if words[0] == "route" {
		return append([]string{"--force", "route", "delete"}, words[1:]...)
	}
	return append([]string{"--force", "delete"}, words...)
}

package ufw

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// A desiredRule is a rule of the plan; which rules of ufw it becomes depends on the host.
type desiredRule struct {
	rule            // of an application: without ports and protocol, which are in the host's profile
	Only   []family // the plan names "0.0.0.0/0" or "::/0"; nil: IPv4 and IPv6, as far as the addresses are of both
	Number int      // in the plan, from 1
}

// application returns the name of the profile; empty: none.
func (w desiredRule) application() string {
	name, _, _ := strings.Cut(w.App, " ")
	return strings.ReplaceAll(name, "%20", " ")
}

// String is the rule for people, with "any" for both families.
func (w desiredRule) String() string {
	if w.Only == nil {
		return w.rule.String()
	}
	return w.text(w.Only[0].any())
}

// command is the rule in words of ufw's command line.
func (w desiredRule) command() []string {
	if w.Only == nil {
		return w.words("any")
	}
	return w.words(w.Only[0].any())
}

// families returns in which rules files w belongs on a host.
func (w desiredRule) families(is state) []family {
	var in []family
	for _, f := range families {
		if w.in(f) && (w.Only == nil || slices.Contains(w.Only, f)) && (f == v4 || is.IPv6) {
			in = append(in, f)
		}
	}
	return in
}

// rules returns the rules in each of these files: one, or one for each of an application's ports.
func (w desiredRule) rules(is state) ([]rule, error) {
	name := w.application()
	if name == "" {
		return []rule{w.rule}, nil
	}
	ports, ok := is.Profiles[name]
	if !ok {
		return nil, modules.WithHint(fmt.Errorf("rule %d: ufw has no application profile %q", w.Number, name),
			"Profiles come with the packages of the applications: install that package in an earlier step, or give the ports. %s",
			offer(is.Profiles))
	}
	var all []rule
	for _, p := range ports {
		r := w.rule
		r.Proto, r.Port = p.Proto, p.Port
		if r.Proto == "any" {
			r.Proto = ""
		}
		all = append(all, r)
	}
	return all, nil
}

// offer lists the profiles of the host for a hint.
func offer(profiles map[string][]profile) string {
	if len(profiles) == 0 {
		return "The host has none yet."
	}
	var names []string
	for name := range profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("The host has %d: `ufw app list` names them.", len(names))
	}
	return "The host has: " + strings.Join(names, ", ") + "."
}

// stale reports whether r is of w's application, but of an older profile with other ports.
func (w desiredRule) stale(r rule, now []rule) bool {
	if w.App == "" || r.App != w.App || slices.ContainsFunc(now, func(n rule) bool { return n.match == r.match }) {
		return false
	}
	then := w.match
	then.Proto, then.Port = r.Proto, r.Port
	return then == r.match
}

var (
	// interfaceName excludes "!" and "/", as ufw does, and allows "+" at the end, iptables' wildcard.
	interfaceName = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,15}\+?$`)

	// applicationName is valid_profile_name of ufw's applications.py.
	applicationName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9 _\-.+]{0,63}$`)
)

// logWords are ufw's words for the values of log.
var logWords = map[string]string{"new": "log", "all": "log-all"}

// newDesiredRule checks the arguments of one rule.
func newDesiredRule(a RuleArgs, number int) (desiredRule, error) {
	w := desiredRule{
		rule: rule{
			match: match{
				Route: a.Route, Out: a.Direction == "out" && !a.Route, Proto: a.Proto, In: a.Interface, InterOut: a.InterfaceOut,
			},
			Action: a.Action, Log: logWords[a.Log], Comment: a.Comment,
		},
		Number: number,
	}
	if w.Proto == "any" {
		w.Proto = ""
	}
	var errs []error
	add := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	w.setPorts(a, add)
	w.setAddresses(a, add)
	for arg, name := range map[string]string{"interface": a.Interface, "interface_out": a.InterfaceOut} {
		if name != "" && !interfaceName.MatchString(name) {
			add(arg, fmt.Errorf("must be the name of a network interface, not %q", name))
		}
	}
	switch {
	case a.Route && a.Direction == "out":
		add("direction", errors.New("conflicts with route = true; use interface_out"))
	case !a.Route && a.InterfaceOut != "":
		add("interface_out", errors.New("requires route = true; with direction \"out\", use interface"))
	case w.Out:
		w.In, w.InterOut = "", a.Interface
	}
	if strings.ContainsAny(a.Comment, "'\n") {
		add("comment", errors.New("must not contain a newline or an apostrophe, which ufw refuses"))
	}
	return w, errors.Join(errs...)
}

func (w *desiredRule) setPorts(a RuleArgs, add func(arg string, err error)) {
	var err error
	var several, alsoSeveral bool
	w.Port, several, err = parsePorts(a.Port)
	add("port", err)
	w.FromPort, alsoSeveral, err = parsePorts(a.FromPort)
	add("from_port", err)
	if (several || alsoSeveral) && w.Proto != "tcp" && w.Proto != "udp" {
		add("proto", fmt.Errorf("must be tcp or udp for a list or range of ports, not %q", a.Proto))
	}
	if (w.Port != "" || w.FromPort != "") && !slices.Contains([]string{"", "tcp", "udp"}, w.Proto) {
		add("proto", fmt.Errorf("%s has no ports", w.Proto))
	}
	if a.App == "" {
		return
	}
	w.App = strings.ReplaceAll(a.App, " ", "%20") + " -"
	switch {
	case !applicationName.MatchString(a.App):
		add("app", fmt.Errorf("must be the name of a profile, such as \"Nginx Full\", not %q", a.App))
	case a.Port != "" || a.FromPort != "" || w.Proto != "":
		add("app", errors.New("conflicts with port, from_port and proto: the profile has the ports"))
	}
}

func (w *desiredRule) setAddresses(a RuleArgs, add func(arg string, err error)) {
	either := func(address string) bool { return a.From == address || a.To == address }
	for arg, value := range map[string]string{"from": a.From, "to": a.To} {
		p, err := parseAddress(value)
		if err != nil {
			add(arg, fmt.Errorf("must be an IP address or a network such as \"192.0.2.0/24\", not %q", value))
		}
		if arg == "from" {
			w.From = p.Masked()
		} else {
			w.To = p.Masked()
		}
	}
	if either(v4.any()) {
		w.Only = []family{v4}
	}
	if either(v6.any()) {
		w.Only = append(w.Only, v6)
	}
	if w.From.IsValid() && w.To.IsValid() && w.From.Addr().Is4() != w.To.Addr().Is4() ||
		len(w.Only) > 1 || len(w.Only) == 1 && !w.in(w.Only[0]) {
		add("from", errors.New("has another IP version than to"))
	}
}

// overlaps reports whether two rules of the plan are one rule to ufw.
func (w desiredRule) overlaps(other desiredRule) bool {
	return w.match == other.match && (w.Only == nil || other.Only == nil || w.Only[0] == other.Only[0])
}

package ufw

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// A wish is a rule of the plan: what ufw makes of it depends on the host.
type wish struct {
	rule            // of an application: without ports and protocol, which the host's profile says
	Only   []family // the plan names "0.0.0.0/0" or "::/0"; nil: IPv4 and IPv6, as far as the addresses are of both
	Number int      // in the plan, from 1
}

// application returns the name of the profile; empty: none.
func (w wish) application() string {
	name, _, _ := strings.Cut(w.App, " ")
	return strings.ReplaceAll(name, "%20", " ")
}

// String is the rule in words, with "any" for both families.
func (w wish) String() string {
	if w.Only == nil {
		return w.rule.String()
	}
	return w.text(w.Only[0].any())
}

// command is the rule in words that ufw takes.
func (w wish) command() []string {
	if w.Only == nil {
		return w.words("any")
	}
	return w.words(w.Only[0].any())
}

// families returns in which rules files w belongs on a host.
func (w wish) families(is state) []family {
	var in []family
	for _, f := range families {
		if w.in(f) && (w.Only == nil || slices.Contains(w.Only, f)) && (f == v4 || is.IPv6) {
			in = append(in, f)
		}
	}
	return in
}

// rules returns what stands in each of these files: one rule, or one for each of an application's ports.
func (w wish) rules(is state) ([]rule, error) {
	name := w.application()
	if name == "" {
		return []rule{w.rule}, nil
	}
	ports, ok := is.Profiles[name]
	if !ok {
		return nil, modules.WithHint(fmt.Errorf("rule %d: ufw has no application profile %q", w.Number, name),
			"Profiles come with the packages of the applications: install that package in an earlier step, or name the ports. %s",
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

// offer names the profiles that are there.
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

// stale reports whether r was made for w's application when its profile named other ports.
func (w wish) stale(r rule, now []rule) bool {
	if w.App == "" || r.App != w.App || slices.ContainsFunc(now, func(n rule) bool { return n.match == r.match }) {
		return false
	}
	then := w.match
	then.Proto, then.Port = r.Proto, r.Port
	return then == r.match
}

var (
	// interfaceName leaves out "!" and "/", as ufw does, and "+", iptables' wildcard at the end, stays.
	interfaceName = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,15}\+?$`)

	// applicationName is valid_profile_name of ufw's applications.py.
	applicationName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9 _\-.+]{0,63}$`)
)

// logWords are ufw's words for the values of log.
var logWords = map[string]string{"new": "log", "all": "log-all"}

// newWish checks the arguments of one rule.
func newWish(a RuleArgs, number int) (wish, error) {
	w := wish{
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
		add("direction", errors.New("is not for routed packets; name interface_out"))
	case !a.Route && a.InterfaceOut != "":
		add("interface_out", errors.New("is for routed packets only (route = true); with direction \"out\", use interface"))
	case w.Out:
		w.In, w.InterOut = "", a.Interface
	}
	if strings.ContainsAny(a.Comment, "'\n") {
		add("comment", errors.New("must have neither newline nor apostrophe: ufw refuses them"))
	}
	return w, errors.Join(errs...)
}

func (w *wish) setPorts(a RuleArgs, add func(arg string, err error)) {
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
		add("app", errors.New("and port, from_port or proto exclude each other: the profile says the ports"))
	}
}

func (w *wish) setAddresses(a RuleArgs, add func(arg string, err error)) {
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
		add("from", errors.New("and to are of different IP versions"))
	}
}

// overlaps reports whether two rules of the plan are one rule to ufw.
func (w wish) overlaps(other wish) bool {
	return w.match == other.match && (w.Only == nil || other.Only == nil || w.Only[0] == other.Only[0])
}

package ufw

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module ufw.
func Module() modules.Module { return modules.Primitive("ufw", source, New) }

// Step is the desired state of the firewall.
type Step struct {
	Enabled   bool
	Incoming  string // policies: "allow", "deny", "reject"
	Outgoing  string
	Routed    string
	Logging   string
	Exclusive bool
	Rules     []desiredRule
	Gone      []desiredRule // that are to be absent
	Within    time.Duration // how long a new login may take to confirm a change that could lock rcprov out
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		Enabled: args.Enabled, Incoming: args.DefaultIncoming, Outgoing: args.DefaultOutgoing, Routed: args.DefaultRouted,
		Logging: args.Logging, Exclusive: args.Exclusive,
	}
	var errs []error
	var err error
	if s.Within, err = time.ParseDuration(args.ConfirmWithin); err != nil || s.Within < time.Second || s.Within > time.Hour {
		errs = append(errs, modules.Argf("confirm_within", "must be a duration from \"1s\" to \"1h\", not %q", args.ConfirmWithin))
	}
	for i, a := range args.Rules {
		w, err := newDesiredRule(a, i+1)
		if err != nil {
			errs = append(errs, modules.InBlock("rule", i, err))
			continue
		}
		all := slices.Concat(s.Rules, s.Gone)
		if j := slices.IndexFunc(all, w.overlaps); j >= 0 {
			errs = append(errs, modules.Argf(fmt.Sprintf("rule[%d]", i), "matches the same packets as rule %d: %s", all[j].Number, w))
		}
		if a.State == "absent" {
			s.Gone = append(s.Gone, w)
		} else {
			s.Rules = append(s.Rules, w)
		}
	}
	return s, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { firewall.Ask(q, s.question()) }

func (s *Step) question() question {
	return question{
		Interfaces:   slices.ContainsFunc(s.Rules, func(w desiredRule) bool { return w.In != "" }),
		Applications: slices.ContainsFunc(s.Rules, func(w desiredRule) bool { return w.App != "" }),
	}
}

// subject is that of all edits.
const subject = "ufw"

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := firewall.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, modules.WithHint(fmt.Errorf("read the state of the firewall: %w", err),
			"ufw's files are /etc/ufw and /etc/default/ufw; `ufw show added` reports whether ufw itself can read them, and "+
				"`apt-get install --reinstall -o Dpkg::Options::=--force-confmiss ufw` restores what was deleted.")
	}
	if is.Switch.Undecided() {
		return modules.NewChange(work{unconfirmed{is.Switch}}), nil
	}
	notes := slices.Clone(is.Others.Notes)
	if !is.Installed {
		notes = append(notes, "ufw is not installed yet: an earlier step must install it")
	}
	if is.Defaults == nil { // those of the package
		is = state{Logging: "low", IPv6: true, Loaded: true, Defaults: map[string]string{"incoming": "deny", "outgoing": "allow", "routed": "deny"}}
	}
	var w work
	if is.Enabled && !s.Enabled {
		w = append(w, disable{})
	}
	rules, after, err := s.diffRules(is)
	if err != nil {
		return modules.Change{}, modules.Later(err, nil) // a package may bring the profile
	}
	w = append(w, rules...)
	notes = append(notes, s.shadowed(is, after)...)
	for _, d := range []struct{ chain, want string }{{"incoming", s.Incoming}, {"outgoing", s.Outgoing}, {"routed", s.Routed}} {
		if is.Defaults[d.chain] != d.want {
			w = append(w, setDefault{d.chain, is.Defaults[d.chain], d.want})
		}
	}
	if is.Logging != s.Logging {
		w = append(w, setLogging{is.Logging, s.Logging})
	}
	switch {
	case s.Enabled && !is.Enabled:
		w = append(w, enable{})
	case s.Enabled && !is.Loaded:
		w = append(w, load{})
	}
	if note, ok := is.Switch.Note(); ok && len(w) > 0 {
		notes = append(notes, note)
	}
	c := modules.NewChange(w, notes...)
	// If another filter accepts packets before ufw sees them, only the new login under the switch can show.
	if s.Enabled && len(w) > 0 && !is.Others.Accepts {
		return c, s.letsIn(is.Session, after)
	}
	return c, nil
}

// diffRules compares the rules, and returns what to do and the rules files after that.
func (s *Step) diffRules(is state) (w work, after [2][]rule, err error) {
	var errs []error
	expanded := make([][]rule, len(s.Rules))
	for i, want := range s.Rules {
		expanded[i], err = want.rules(is)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, after, err
	}
	after, removals := s.stay(is, expanded)
	misplaced := make([]bool, len(s.Rules)) // new, or moved to the end
	for i, want := range s.Rules {
		missing, changed, old := false, false, rule{}
		for _, f := range want.families(is) {
			for _, r := range expanded[i] {
				at := slices.IndexFunc(after[f], func(other rule) bool { return other.match == r.match })
				if at < 0 {
					missing = true
					after[f] = append(after[f], r)
					continue
				}
				if after[f][at] != r {
					changed, old = true, after[f][at]
					after[f][at] = r
				}
				for j, earlier := range s.Rules[:i] {
					if slices.Contains(earlier.families(is), f) && slices.ContainsFunc(expanded[j], func(e rule) bool {
						return e.conflicts(r) && (misplaced[j] || slices.Index(after[f], e) > at)
					}) {
						misplaced[i] = true
					}
				}
			}
		}
		switch {
		case missing:
			misplaced[i] = true
			w = append(w, addRule{want})
		case misplaced[i]:
			w = append(w, moveRule{want})
			for _, f := range want.families(is) {
				for _, r := range expanded[i] {
					at := slices.Index(after[f], r)
					after[f] = append(slices.Delete(after[f], at, at+1), r)
				}
			}
		case changed:
			w = append(w, changeRule{want, old})
		}
	}
	return append(w, removals...), after, nil // last: they may be what let SSH in so far
}

// shadowed returns a note for each rule of the plan that has no full effect, because a rule that is not in the plan comes
// before it.
func (s *Step) shadowed(is state, after [2][]rule) (notes []string) {
	for _, want := range s.Rules {
		rules, err := want.rules(is)
		if err != nil {
			continue // diffRules has reported it
		}
		for _, f := range want.families(is) {
			for _, r := range rules {
				at := slices.Index(after[f], r)
				first := slices.IndexFunc(after[f][:max(at, 0)], func(e rule) bool { return e.shadows(r) })
				if first < 0 || s.names(is, f, after[f][first]) {
					continue
				}
				note := fmt.Sprintf("%q, which is not in the plan, comes before %q and matches some of its packets", after[f][first], want)
				if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
	}
	return notes
}

// names reports whether the plan has the rule r of a family.
func (s *Step) names(is state, f family, r rule) bool {
	return slices.ContainsFunc(s.Rules, func(w desiredRule) bool {
		rules, err := w.rules(is)
		return err == nil && slices.Contains(w.families(is), f) && slices.ContainsFunc(rules, func(e rule) bool { return e.match == r.match })
	})
}

// stay returns the rules files without the rules that exclusive removes, and the removal of these. Rules of
// an older profile of an application are removed together with the plan's rule for it.
func (s *Step) stay(is state, expanded [][]rule) (rest [2][]rule, removals work) {
	stale := func(r rule) bool {
		for i, w := range s.Rules {
			if w.stale(r, expanded[i]) {
				return true
			}
		}
		return false
	}
	for _, f := range families {
		for _, r := range is.Rules[f] {
			switch {
			case stale(r):
			case s.removes(f, r) && (f == v4 || is.IPv6):
				removals = remove(removals, r, f)
			case !s.Exclusive, f == v6 && !is.IPv6, s.names(is, f, r):
				rest[f] = append(rest[f], r)
			default:
				removals = remove(removals, r, f)
			}
		}
	}
	return rest, removals
}

// remove adds the removal of a rule, once for an application, which has several.
func remove(removals work, r rule, f family) work {
	removal := removeRule{r, f}
	if slices.ContainsFunc(removals, func(t task) bool { return t.edit() == removal.edit() }) {
		return removals
	}
	return append(removals, removal)
}

// removes reports whether the plan wants the rule r of a family to be absent. Which ports the profile of an application has does
// not matter.
func (s *Step) removes(f family, r rule) bool {
	return slices.ContainsFunc(s.Gone, func(w desiredRule) bool {
		is := r.match
		if w.App != "" {
			is.Proto, is.Port = w.Proto, w.Port
		}
		return is == w.match && w.in(f) && (w.Only == nil || slices.Contains(w.Only, f))
	})
}

// letsIn returns an error if the rules refuse a new SSH connection like the current one.
func (s *Step) letsIn(now session, after [2][]rule) error {
	if !now.Client.IsValid() {
		return nil // not over SSH
	}
	f := v4
	if now.Client.Is6() {
		f = v6
	}
	why := "the default for incoming packets is " + s.Incoming
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
		fmt.Errorf("this firewall would lock out rcprov itself: a new SSH connection from %s to port %d would be refused; %s",
			now.Client, now.Server.Port(), why),
		"Put a `rule` block with `port = \"%d\"` and `proto = \"tcp\"` before the others.",
		now.Server.Port())
}

// takes reports whether r is for a new connection like now. If that is unknown because of an interface, takes assumes
// the worse: that a rule which accepts does not match, and that another one does.
func (r rule) takes(now session) bool {
	accepts := r.Action == "allow" || r.Action == "limit"
	return !r.Route && !r.Out && (r.Proto == "" || r.Proto == "tcp") &&
		(r.FromPort == "" || !accepts) && portsOverlap(r.Port, strconv.Itoa(int(now.Server.Port()))) &&
		(!r.From.IsValid() || r.From.Contains(now.Client)) && (!r.To.IsValid() || r.To.Contains(now.Server.Addr())) &&
		(r.In == "" || r.In == now.Interface || now.Interface == "" && !accepts)
}

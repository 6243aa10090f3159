package ufw

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// ssh is the rule that most plans have, and the tuples that it becomes.
var ssh = RuleArgs{Action: "allow", Direction: "in", Port: "22", Proto: "tcp", From: "any", To: "any"}

const (
	sshTuple  = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"
	sshTuple6 = "### tuple ### allow tcp 22 ::/0 any ::/0 in"
)

func newStep(t *testing.T, exclusive bool, rules ...RuleArgs) *Step {
	t.Helper()
	s, err := New(Args{
		Enabled: true, DefaultIncoming: "deny", DefaultOutgoing: "allow", DefaultRouted: "deny", Logging: "low",
		Exclusive: exclusive, Rules: rules, ConfirmWithin: "60s",
	}, modules.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Step)
}

func with(r RuleArgs, changes ...func(*RuleArgs)) RuleArgs {
	for _, change := range changes {
		change(&r)
	}
	return r
}

// host is an enabled firewall with the given tuples, asked over SSH from 198.51.100.7.
func host(t *testing.T, tuples ...string) state {
	t.Helper()
	s := state{
		Installed: true, Enabled: true, IPv6: true, Logging: "low", Loaded: true,
		Defaults: map[string]string{"incoming": "deny", "outgoing": "allow", "routed": "deny"},
		Session:  session{Client: netip.MustParseAddr("198.51.100.7"), Server: netip.MustParseAddrPort("192.0.2.1:22"), Interface: "eth0"},
	}
	for _, tuple := range tuples {
		r, err := parseTuple(tuple)
		if err != nil {
			t.Fatal(err)
		}
		f := v4
		if strings.Contains(tuple, "::") {
			f = v6
		}
		s.Rules[f] = append(s.Rules[f], r)
	}
	return s
}

func TestDiff(t *testing.T) {
	t.Parallel()
	web := with(ssh, func(r *RuleArgs) { r.Port = "443,80" })
	const webTuple = "### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in"
	const webTuple6 = "### tuple ### allow tcp 80,443 ::/0 any ::/0 in"
	block := with(ssh, func(r *RuleArgs) { r.Action, r.Port, r.Proto, r.From = "deny", "", "any", "203.0.113.0/24" })
	app := with(ssh, func(r *RuleArgs) { r.Port, r.Proto, r.App = "", "any", "Lab App" })
	gone := func(r *RuleArgs) { r.State = "absent" }
	appTuples := []string{
		"### tuple ### allow tcp 7000 0.0.0.0/0 any 0.0.0.0/0 Lab%20App - in", "### tuple ### allow udp 7001 0.0.0.0/0 any 0.0.0.0/0 Lab%20App - in",
		"### tuple ### allow tcp 7000 ::/0 any ::/0 Lab%20App - in", "### tuple ### allow udp 7001 ::/0 any ::/0 Lab%20App - in",
	}
	profiled := func(s *state) {
		s.Profiles = map[string][]profile{"Lab App": {{Proto: "tcp", Port: "7000"}, {Proto: "udp", Port: "7001"}}}
	}
	const blockTuple = "### tuple ### deny any any 0.0.0.0/0 any 203.0.113.0/24 in"
	tests := []struct {
		name      string
		rules     []RuleArgs
		exclusive bool
		is        []string
		host      func(*state)
		edits     []string // action, field, from, to
		notes     []string
		err       string
	}{
		{name: "converged", is: []string{sshTuple, sshTuple6}},
		{name: "other rules stay", is: []string{"### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 out", sshTuple, sshTuple6}},
		{
			name: "shadowed", rules: []RuleArgs{ssh, web}, is: []string{
				"### tuple ### deny tcp 443 0.0.0.0/0 any 0.0.0.0/0 in", "### tuple ### deny any any 0.0.0.0/0 any 203.0.113.9 in",
				"### tuple ### limit tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", sshTuple, sshTuple6, webTuple, webTuple6,
			},
			notes: []string{`"deny in proto tcp from any to any port 443", which is not in the plan, comes before ` +
				`"allow in proto tcp from any to any port 80,443" and matches some of its packets`},
		},
		{name: "shadowed by the plan's own", rules: []RuleArgs{block, with(ssh, func(r *RuleArgs) { r.From = "203.0.113.7" }), ssh}, is: []string{
			blockTuple, "### tuple ### allow tcp 22 0.0.0.0/0 any 203.0.113.7 in", sshTuple, sshTuple6,
		}},
		{
			name: "not installed", host: func(s *state) { *s = state{} }, notes: []string{"ufw is not installed yet: an earlier step must install it"},
			edits: []string{"create rule > allow in proto tcp from any to any port 22", "update enabled false > true"},
		},
		{
			name: "removed", is: []string{sshTuple, sshTuple6}, host: func(s *state) { s.Installed, s.Loaded = false, false },
			edits: []string{"run enabled true, but the rules on disk are not loaded > loaded"},
			notes: []string{"ufw is not installed yet: an earlier step must install it"},
		},
		{
			name: "for IPv6 missing", is: []string{sshTuple},
			edits: []string{"create rule > allow in proto tcp from any to any port 22"},
		},
		{name: "without IPv6", is: []string{sshTuple}, host: func(s *state) { s.IPv6 = false }},
		{
			name: "comment and action", is: []string{"### tuple ### limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=73736820c3a9", sshTuple6},
			edits: []string{"update rule limit in proto tcp from any to any port 22 # ssh é > allow in proto tcp from any to any port 22"},
		},
		{
			name: "settings", is: []string{sshTuple, sshTuple6},
			host: func(s *state) { s.Enabled, s.Logging, s.Defaults["incoming"] = false, "off", "allow" },
			edits: []string{
				"update default_incoming allow > deny", "update logging off > low", "update enabled false > true",
			},
		},
		{
			name: "kernel", is: []string{sshTuple, sshTuple6}, host: func(s *state) { s.Loaded = false },
			edits: []string{"run enabled true, but the rules on disk are not loaded > loaded"},
		},
		{
			name: "exclusive", exclusive: true,
			is: []string{
				"### tuple ### allow tcp 7000 0.0.0.0/0 any 0.0.0.0/0 Lab%20App - in", sshTuple, "### tuple ### deny_log any any ::/0 any 2001:db8::1/64 in comment=78",
			},
			edits: []string{
				"create rule > allow in proto tcp from any to any port 22",
				"remove rule allow in from 0.0.0.0/0 to 0.0.0.0/0 app Lab%20App",
				"remove rule deny in log from 2001:db8::1/64 to ::/0",
			},
		},
		{
			name: "one removed", is: []string{sshTuple, sshTuple6, "### tuple ### limit tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in comment=73", webTuple6},
			rules: []RuleArgs{ssh, with(web, gone)},
			edits: []string{
				"remove rule limit in proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 80,443",
				"remove rule allow in proto tcp from ::/0 to ::/0 port 80,443",
			},
		},
		{name: "removed already", rules: []RuleArgs{with(web, gone), ssh, with(app, gone)}, is: []string{sshTuple, sshTuple6}},
		{
			name: "of IPv6 removed", is: []string{sshTuple, sshTuple6, webTuple, webTuple6},
			rules: []RuleArgs{ssh, with(web, gone, func(r *RuleArgs) { r.From = "::/0" })},
			edits: []string{"remove rule allow in proto tcp from ::/0 to ::/0 port 80,443"},
		},
		{
			name: "of IPv6 removed, IPv4 stays", is: []string{sshTuple, sshTuple6, webTuple, webTuple6},
			rules: []RuleArgs{ssh, with(web, gone, func(r *RuleArgs) { r.From = "::/0" }), with(web, func(r *RuleArgs) { r.From = "0.0.0.0/0" })},
			edits: []string{"remove rule allow in proto tcp from ::/0 to ::/0 port 80,443"},
		},
		{
			name: "application removed, of whatever ports", is: append(appTuples, sshTuple, sshTuple6), rules: []RuleArgs{ssh, with(app, gone)}, host: profiled,
			edits: []string{
				"remove rule allow in from 0.0.0.0/0 to 0.0.0.0/0 app Lab%20App", "remove rule allow in from ::/0 to ::/0 app Lab%20App",
			},
		},
		{
			name: "shut out by a removal", is: []string{sshTuple, sshTuple6}, rules: []RuleArgs{web, with(ssh, gone)},
			err: "this firewall would lock out rcprov itself: a new SSH connection from 198.51.100.7 to port 22 would be refused; " +
				"the default for incoming packets is deny",
		},
		{name: "order doesn't matter", rules: []RuleArgs{web, ssh}, is: []string{sshTuple, sshTuple6, webTuple, webTuple6}},
		{
			name: "order", rules: []RuleArgs{block, ssh}, is: []string{sshTuple, blockTuple, sshTuple6},
			edits: []string{"update order before a rule that comes first in the plan > allow in proto tcp from any to any port 22"},
		},
		{
			name: "new rule that must come first", rules: []RuleArgs{block, ssh, web}, is: []string{sshTuple, sshTuple6, webTuple, webTuple6},
			edits: []string{
				"create rule > deny in from 203.0.113.0/24 to any",
				"update order before a rule that comes first in the plan > allow in proto tcp from any to any port 22",
				"update order before a rule that comes first in the plan > allow in proto tcp from any to any port 80,443",
			},
		},
		{
			name: "shut out by nothing", rules: []RuleArgs{web}, host: func(s *state) { s.Enabled = false },
			err: "this firewall would lock out rcprov itself: a new SSH connection from 198.51.100.7 to port 22 would be refused; the default for incoming packets is deny",
		},
		{
			name: "shut out by another's rule", is: []string{"### tuple ### deny tcp 20:30 0.0.0.0/0 any 198.51.100.0/24 in"},
			err: `this firewall would lock out rcprov itself: a new SSH connection from 198.51.100.7 to port 22 would be refused; the first rule for it is "deny in proto tcp from 198.51.100.0/24 to any port 20:30"`,
		},
		{
			name: "shut out by exclusive", exclusive: true, rules: []RuleArgs{web}, is: []string{sshTuple, sshTuple6, webTuple, webTuple6},
			err: "this firewall would lock out rcprov itself: a new SSH connection from 198.51.100.7 to port 22 would be refused; the default for incoming packets is deny",
		},
		{
			name: "let in on another interface only", rules: []RuleArgs{with(ssh, func(r *RuleArgs) { r.Interface = "wg0" })},
			err: "this firewall would lock out rcprov itself: a new SSH connection from 198.51.100.7 to port 22 would be refused; the default for incoming packets is deny",
		},
		{
			name: "let in on this interface", rules: []RuleArgs{with(ssh, func(r *RuleArgs) { r.Interface = "eth0" })},
			edits: []string{"create rule > allow in on eth0 proto tcp from any to any port 22"},
		},
		{
			name: "perhaps let in by another's rule of iptables", rules: []RuleArgs{web},
			host:  func(s *state) { s.Others.Accepts = true },
			edits: []string{"create rule > allow in proto tcp from any to any port 80,443"},
		},
		{
			name: "left unconfirmed", host: func(s *state) { *s = state{Installed: true, Switch: deadman.Armed} },
			edits: []string{"run unconfirmed a change that its run did not live to confirm > taken back, then made again"},
		},
		{
			name: "log", rules: []RuleArgs{with(ssh, func(r *RuleArgs) { r.Log = "new" })}, is: []string{sshTuple, sshTuple6},
			edits: []string{"update rule allow in proto tcp from any to any port 22 > allow in log proto tcp from any to any port 22"},
		},
		{
			name: "IPv4 alone", rules: []RuleArgs{ssh, with(web, func(r *RuleArgs) { r.From = "0.0.0.0/0" })}, is: []string{sshTuple, sshTuple6},
			edits: []string{"create rule > allow in proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 80,443"},
		},
		{
			name: "IPv4 alone, there", rules: []RuleArgs{ssh, with(web, func(r *RuleArgs) { r.From = "0.0.0.0/0" })},
			is: []string{sshTuple, sshTuple6, webTuple},
		},
		{
			name: "IPv4 alone, exclusively", exclusive: true, rules: []RuleArgs{ssh, with(web, func(r *RuleArgs) { r.To = "0.0.0.0/0" })},
			is:    []string{sshTuple, sshTuple6, webTuple, webTuple6},
			edits: []string{"remove rule allow in proto tcp from ::/0 to ::/0 port 80,443"},
		},
		{
			name: "application", rules: []RuleArgs{ssh, app}, is: []string{sshTuple, sshTuple6}, host: profiled,
			edits: []string{"create rule > allow in from any to any app Lab%20App"},
		},
		{name: "application, there", exclusive: true, rules: []RuleArgs{ssh, app}, is: append(appTuples, sshTuple, sshTuple6), host: profiled},
		{
			name: "application, of IPv6 a part", rules: []RuleArgs{ssh, app}, is: append(appTuples[:3:3], sshTuple, sshTuple6), host: profiled,
			edits: []string{"create rule > allow in from any to any app Lab%20App"},
		},
		{
			name: "application that has other ports now", exclusive: true, rules: []RuleArgs{ssh, app}, is: append(appTuples, sshTuple, sshTuple6),
			host:  func(s *state) { s.Profiles = map[string][]profile{"Lab App": {{Proto: "tcp", Port: "7005"}}} },
			edits: []string{"create rule > allow in from any to any app Lab%20App"},
		},
		{
			name: "no such application", rules: []RuleArgs{ssh, app}, is: []string{sshTuple, sshTuple6},
			err: `rule 2: ufw has no application profile "Lab App"`,
		},
		{
			name: "not over SSH", rules: []RuleArgs{web}, host: func(s *state) { s.Session = session{} },
			edits: []string{"create rule > allow in proto tcp from any to any port 80,443"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rules := test.rules
			if rules == nil {
				rules = []RuleArgs{ssh}
			}
			is := host(t, test.is...)
			if test.host != nil {
				test.host(&is)
			}
			snapshot := observe.NewSnapshot()
			step := newStep(t, test.exclusive, rules...)
			firewall.Put(snapshot, step.question(), is, nil)
			change, err := step.Diff(snapshot)
			if got := moduletest.ErrorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if err != nil {
				return
			}
			got := moduletest.Lines(change.Edits, "ufw")
			if diff := cmp.Diff(test.edits, got); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, change.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffCouldNotTell(t *testing.T) {
	t.Parallel()
	_, err := parseState(observe.Reply{Stdout: []byte("ufw installed\n"), Stderr: []byte("sh: 4: .: cannot open /etc/ufw/ufw.conf: No such file\n"), Status: 2})
	const reason = "/etc/ufw/ufw.conf and /etc/default/ufw don't say the log level and the default policies: " +
		"sh: 4: .: cannot open /etc/ufw/ufw.conf: No such file"
	if got := moduletest.ErrorText(err); got != reason {
		t.Fatalf("error %q, want %q", got, reason)
	}
	snapshot := observe.NewSnapshot()
	firewall.Put(snapshot, question{}, state{}, err)
	_, err = newStep(t, false, ssh).Diff(snapshot)
	if got, want := moduletest.ErrorText(err), "read the state of the firewall: "+reason; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*RuleArgs)
		want   string
	}{
		{func(r *RuleArgs) { r.Port = "ssh" }, `port: must be port numbers, such as "443", "80,443" or "10000:20000", not "ssh"`},
		{func(r *RuleArgs) { r.Port = "20:10" }, `port: must have ranges from low to high, not "20:10"`},
		{func(r *RuleArgs) { r.Port, r.Proto = "80,443", "any" }, `proto: must be tcp or udp for a list or range of ports, not "any"`},
		{func(r *RuleArgs) { r.Proto = "esp" }, "proto: esp has no ports"},
		{func(r *RuleArgs) { r.From = "example.com" }, `from: must be an IP address or a network such as "192.0.2.0/24", not "example.com"`},
		{func(r *RuleArgs) { r.From, r.To = "192.0.2.1", "2001:db8::1" }, "from: has another IP version than to"},
		{func(r *RuleArgs) { r.Interface = "a b" }, `interface: must be the name of a network interface, not "a b"`},
		{func(r *RuleArgs) { r.InterfaceOut = "eth1" }, `interface_out: requires route = true; with direction "out", use interface`},
		{func(r *RuleArgs) { r.Route, r.Direction = true, "out" }, "direction: conflicts with route = true; use interface_out"},
		{func(r *RuleArgs) { r.From, r.To = "0.0.0.0/0", "::/0" }, "from: has another IP version than to"},
		{func(r *RuleArgs) { r.From, r.To = "::/0", "192.0.2.1" }, "from: has another IP version than to"},
		{func(r *RuleArgs) { r.App = "Nginx Full" }, "app: conflicts with port, from_port and proto: the profile has the ports"},
		{
			func(r *RuleArgs) { r.App, r.Port, r.Proto = "80/tcp", "", "any" },
			`app: must be the name of a profile, such as "Nginx Full", not "80/tcp"`,
		},
		{func(r *RuleArgs) { r.Comment = "it's" }, "comment: must not contain a newline or an apostrophe, which ufw refuses"},
	} {
		_, err := New(Args{ConfirmWithin: "60s", Rules: []RuleArgs{with(ssh, test.change)}}, modules.Env{})
		if got, want := moduletest.ErrorText(err), "rule[0]."+test.want; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
	_, err := New(Args{ConfirmWithin: "soon"}, modules.Env{})
	if got, want := moduletest.ErrorText(err), `confirm_within: must be a duration from "1s" to "1h", not "soon"`; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	_, err = New(Args{ConfirmWithin: "60s", Rules: []RuleArgs{ssh, with(ssh, func(r *RuleArgs) { r.State = "absent" })}}, modules.Env{})
	if got, want := moduletest.ErrorText(err), "rule[1]: matches the same packets as rule 1: allow in proto tcp from any to any port 22"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	_, err = New(Args{ConfirmWithin: "60s", Rules: []RuleArgs{ssh, with(ssh, func(r *RuleArgs) { r.Action = "deny" })}}, modules.Env{})
	if got, want := moduletest.ErrorText(err), "rule[1]: matches the same packets as rule 1: deny in proto tcp from any to any port 22"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// TestParseTuple reads lines that ufw 0.36 wrote, and says the rules in words that ufw understands.
func TestParseTuple(t *testing.T) {
	t.Parallel()
	for tuple, want := range map[string]string{
		sshTuple:  "allow in proto tcp from any to any port 22",
		sshTuple6: "allow in proto tcp from any to any port 22",
		"### tuple ### limit udp 10000:20000 0.0.0.0/0 any 10.0.0.0/8 in_host0":                   "limit in on host0 proto udp from 10.0.0.0/8 to any port 10000:20000",
		"### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 out":                                   "deny out proto tcp from any to any port 25",
		"### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 out_eth1":                              "deny out on eth1 proto tcp from any to any port 25",
		"### tuple ### route:allow tcp 80 10.1.1.1 any 0.0.0.0/0 in_host0!out_eth1":               "route allow in on host0 out on eth1 proto tcp from any to 10.1.1.1 port 80",
		"### tuple ### route:allow udp 53 0.0.0.0/0 any 0.0.0.0/0 in":                             "route allow proto udp from any to any port 53",
		"### tuple ### deny any any ::/0 any 2001:db8::1/64 in":                                   "deny in from 2001:db8::1/64 to any",
		"### tuple ### allow_log-all any any 0.0.0.0/0 any 192.0.2.7 in comment=6e6f74206d696e65": "allow in log-all from 192.0.2.7 to any # not mine",
		"### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 WWW%20Full - in":                  "allow in from any to any app WWW%20Full",
		"### tuple ### allow tcp 77 10.77.0.62 99 0.0.0.0/0 in":                                   "allow in proto tcp from any port 99 to 10.77.0.62 port 77",
	} {
		r, err := parseTuple(tuple)
		if err != nil {
			t.Errorf("%v", err)
		}
		if got := r.String(); got != want {
			t.Errorf("%s: %q, want %q", tuple, got, want)
		}
	}
	for tuple, want := range map[string]string{
		"### tuple ### allow tcp":                                         `unknown form in ufw's line "### tuple ### allow tcp"`,
		"### tuple ### drop tcp 22 0.0.0.0/0 any 0.0.0.0/0 in":            `unknown action in ufw's line "### tuple ### drop tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"`,
		"### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=x": `unknown comment in ufw's line "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=x"`,
	} {
		if _, err := parseTuple(tuple); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

func recorded(t testing.TB, name string) observe.Reply {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return observe.Reply{Stdout: archive.Files[0].Data}
}

func TestParseState(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"debian12.txtar", "debian13.txtar", "debian12-iptables.txtar"} {
		is, err := parseState(recorded(t, name))
		if err != nil {
			t.Fatal(err)
		}
		var rules [2][]string
		for _, f := range families {
			for _, r := range is.Rules[f] {
				rules[f] = append(rules[f], r.String())
			}
		}
		app := slices.Repeat([]string{"allow in on host0 from any to any app Lab%20App # x"}, 3)
		want := [2][]string{
			append([]string{"limit in proto tcp from any to any port 22 # ssh", "allow in proto tcp from 10.0.0.0/8 to any port 80,443"}, app...),
			append([]string{"limit in proto tcp from any to any port 22 # ssh"}, app...),
		}
		if diff := cmp.Diff(want, rules); diff != "" {
			t.Errorf("%s: rules (-want +got):\n%s", name, diff)
		}
		defaults := map[string]string{"incoming": "deny", "outgoing": "allow", "routed": "deny"}
		if diff := cmp.Diff(defaults, is.Defaults); diff != "" {
			t.Errorf("%s: defaults (-want +got):\n%s", name, diff)
		}
		if !is.Enabled || !is.IPv6 || !is.Loaded || is.Logging != "low" || is.Session.Client.String() != "10.101.0.1" ||
			is.Session.Server.Port() != 22 || is.Session.Interface != "host0" {
			t.Errorf("%s: %+v", name, is)
		}
		profiles := map[string][]profile{"Lab App": {{"tcp", "7000"}, {"udp", "7001,7002"}, {"", "7003"}}}
		if diff := cmp.Diff(profiles, is.Profiles); diff != "" {
			t.Errorf("%s: profiles (-want +got):\n%s", name, diff)
		}
	}
	is, err := parseState(observe.Reply{Stdout: []byte("ufw missing\n")})
	if err != nil || is.Installed {
		t.Errorf("missing: %+v, %v", is, err)
	}
	left := "ufw missing\nENABLED=yes\nLOGLEVEL=low\nIPV6=no\nDEFAULT_INPUT_POLICY=DROP\nDEFAULT_OUTPUT_POLICY=ACCEPT\nDEFAULT_FORWARD_POLICY=DROP\n"
	is, err = parseState(observe.Reply{Stdout: []byte(left + sshTuple + "\n")})
	if err != nil || is.Installed || !is.Enabled || is.Loaded || len(is.Rules[v4]) != 1 {
		t.Errorf("removed: %+v, %v", is, err)
	}
}

// TestFilesLost: a reload without one of the files would end half way and lock out; a file of IPv6 matters with it alone.
func TestFilesLost(t *testing.T) {
	t.Parallel()
	const rest = "ENABLED=yes\nLOGLEVEL=low\nDEFAULT_INPUT_POLICY=DROP\nDEFAULT_OUTPUT_POLICY=ACCEPT\nDEFAULT_FORWARD_POLICY=DROP\n"
	for said, want := range map[string]string{
		"lost /etc/ufw/user.rules\nlost /etc/ufw/user6.rules\nIPV6=yes\n": "ufw can't load its rules without /etc/ufw/user.rules, /etc/ufw/user6.rules",
		"lost /etc/ufw/user6.rules\nIPV6=no\n":                            "",
	} {
		_, err := parseState(observe.Reply{Stdout: []byte("ufw installed\n" + said + rest)})
		if got := moduletest.ErrorText(err); got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}

// TestNotLoaded: what the kernel has and what the files say differ in one thing.
func TestNotLoaded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"a rule less": {"		tcp dport 22 counter jump ufw6-user-limit-accept\n", ""},
		"a rule more": {"		tcp dport 22 counter jump ufw-user-limit-accept\n", "		accept\n		accept\n"},
		"no jump":     {"		counter jump ufw-before-input\n", ""},
		"policy":      {"hook input priority filter; policy drop;", "hook input priority filter; policy accept;"},
		"no IPv6":     {"table ip6 filter {", "table ip6 other {"},
	} {
		reply := recorded(t, "debian12.txtar")
		text := strings.Replace(string(reply.Stdout), change[0], change[1], 1)
		is, err := parseState(observe.Reply{Stdout: []byte(text)})
		if err != nil || is.Loaded || text == string(reply.Stdout) {
			t.Errorf("%s: loaded %v, %v", name, is.Loaded, err)
		}
	}
}

// TestUndecided: while a change of another run is being made, what was read counts for nothing.
func TestUndecided(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"deadman armed\nufw installed\n### tuple ### allow t", "ufw installed\n### tuple ###\ndeadman restoring\n"} {
		is, err := parseState(observe.Reply{Stdout: []byte(text)})
		if err != nil || !is.Switch.Undecided() {
			t.Errorf("%q: %+v, %v", text, is, err)
		}
	}
	is, err := parseState(observe.Reply{Stdout: append(recorded(t, "debian12.txtar").Stdout, "deadman restored\n"...)})
	if err != nil || is.Switch != deadman.Restored || !is.Enabled {
		t.Errorf("%+v, %v", is, err)
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	const docker = "docker is in use: the ports that it publishes are open regardless of ufw (publish them on 127.0.0.1, or use docker's chain DOCKER-USER)"
	for name, want := range map[string]otherFilters{
		"debian12.txtar": {},
		"debian12-strangers.txtar": {Accepts: true, Notes: []string{
			docker,
			"chain INPUT of iptables has a rule that is not ufw's: meta l4proto tcp tcp dport 22 jump f2b-sshd and 1 more",
			"chain OUTPUT of ip6tables has a rule that is not ufw's: ip6 daddr 2001:db8::/32 reject",
			"nftables table inet foo filters input and output as well: a packet must pass both",
		}},
		"debian12-iptables.txtar": {Accepts: true, Notes: []string{
			docker,
			"chain INPUT of iptables has a rule that is not ufw's: -p tcp -m multiport --dports 22 -j f2b-sshd and 1 more",
			"chain OUTPUT of ip6tables has a rule that is not ufw's: -d 2001:db8::/32 -j REJECT --reject-with icmp6-port-unreachable",
		}},
	} {
		is, err := parseState(recorded(t, name))
		if err != nil || !is.Loaded {
			t.Errorf("%s: loaded %v, %v", name, is.Loaded, err)
		}
		if diff := cmp.Diff(want, is.Others); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLoopback is a host with IPV6=no: what ufw makes of that is not another's.
func TestLoopback(t *testing.T) {
	t.Parallel()
	for family, want := range map[string]int{"ip6": 0, "ip": 1} {
		k := kernel{family: family, table: "filter", chain: "INPUT"}
		k.addRule(`iifname "lo" accept`)
		if got := k.otherFilters(false); len(got.Notes) != want {
			t.Errorf("%s: %q", family, got.Notes)
		}
	}
}

func TestCouldShutOut(t *testing.T) {
	t.Parallel()
	of := func(text string) rule {
		t.Helper()
		w := strings.Fields(text)
		if w[0] == "route" {
			return rule{match: match{Route: true}, Action: w[1]}
		}
		return rule{Action: w[0]}
	}
	desired := func(text string) desiredRule { return desiredRule{rule: of(text)} }
	allow, limit, deny, routed := desired("allow"), desired("limit"), desired("deny"), desired("route deny")
	for _, test := range []struct {
		task task
		want bool
	}{
		{enable{}, true},
		{load{}, true},
		{setDefault{"incoming", "allow", "deny"}, true},
		{setDefault{"outgoing", "allow", "deny"}, true},
		{setDefault{"routed", "allow", "deny"}, false},
		{setLogging{"low", "full"}, false},
		{addRule{allow}, false},
		{addRule{limit}, true},
		{addRule{deny}, true},
		{addRule{routed}, false},
		{changeRule{allow, of("allow")}, false},
		{changeRule{limit, of("limit")}, false},
		{changeRule{limit, of("allow")}, true},
		{changeRule{allow, of("limit")}, false},
		{moveRule{allow}, true},
		{moveRule{routed}, false},
		{removeRule{of("allow"), v4}, true},
		{removeRule{of("deny"), v4}, false},
		{removeRule{of("route deny"), v4}, false},
	} {
		w := work{setLogging{"off", "low"}, test.task}
		if got := (&Step{Enabled: true}).couldShutOut(w); got != test.want {
			t.Errorf("%+v: %v", test.task.edit(), got)
		}
		if (&Step{}).couldShutOut(w) {
			t.Errorf("%+v: a firewall that is off shuts nobody out", test.task.edit())
		}
	}
	if w := (work{unconfirmed{"undecided"}}); !(&Step{}).couldShutOut(w) {
		t.Error("a change that nobody confirmed is not made under the switch")
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(recorded(f, "debian12.txtar").Stdout)
	f.Add(recorded(f, "debian13.txtar").Stdout)
	f.Add(recorded(f, "debian12-strangers.txtar").Stdout)
	f.Add(recorded(f, "debian12-iptables.txtar").Stdout)
	f.Fuzz(func(t *testing.T, stdout []byte) {
		is, err := parseState(observe.Reply{Stdout: stdout})
		if err == nil && is.Installed && is.Logging == "" && !is.Switch.Undecided() {
			t.Errorf("neither state nor error: %+v", is)
		}
	})
}

// FuzzParseTuple checks that a rule that was understood is said in words that mean the same.
func FuzzParseTuple(f *testing.F) {
	f.Add(sshTuple)
	f.Add("### tuple ### route:allow_log tcp 80,443 10.1.1.1 any ::/0 App%20x - in_host0!out_eth1 comment=78")
	f.Fuzz(func(t *testing.T, tuple string) {
		r, err := parseTuple(tuple)
		if err == nil && len(strings.Fields(r.String())) < 5 {
			t.Errorf("%q became %q", tuple, r)
		}
	})
}

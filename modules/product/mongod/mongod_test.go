package mongod

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// bookworm are the facts of a host with Debian 12.
func bookworm() *observe.Facts {
	return &observe.Facts{
		Arch: "amd64", CPUFlags: []string{"sse2", "avx"}, Addresses: []string{"10.0.0.1", "192.0.2.7"}, Virtual: "kvm",
		OS: observe.OS{ID: "debian", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)"},
	}
}

// environment is a play of two hosts.
func environment(facts *observe.Facts) modules.Env {
	return modules.Env{
		Host: "a", Label: "rs0", Facts: facts, Sensitive: func(string) bool { return false },
		Peers: []modules.Peer{{Name: "a", Address: "10.0.0.1"}, {Name: "b", Address: "10.0.0.2"}},
	}
}

// plan returns the arguments of a plan, with the defaults.
func plan(change func(*Args)) Args {
	a := Args{Version: "8.0", Held: true, TuneKernel: true, Wait: true}
	modules.Defaults(&a)
	change(&a)
	return a
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	facts := func(change func(*observe.Facts)) *observe.Facts { f := bookworm(); change(f); return f }
	setting := func(name, value string) Args {
		return plan(func(a *Args) { a.Settings = map[string]string{name: value} })
	}
	tests := []struct {
		name  string
		args  Args
		facts *observe.Facts // of Debian 12 if nil
		want  string
	}{
		{name: "good", args: plan(func(*Args) {})},
		{name: "version", args: plan(func(a *Args) { a.Version = "latest" }), want: `version: must be a series such as "8.0", or a release such as "8.0.26", not "latest"`},
		{name: "series", args: plan(func(a *Args) { a.Version = "5.0.9" }), want: "version: is of the series 5.0, which this rcprov doesn't know; it knows 6.0, 7.0, 8.0, 8.2, 8.3"},
		{
			name: "distribution", args: plan(func(*Args) {}), facts: facts(func(f *observe.Facts) { f.OS = observe.OS{ID: "kali", Name: "Kali"} }),
			want: "version: MongoDB builds 8.0 only for Debian and Ubuntu, not for Kali",
		},
		{name: "riscv", args: plan(func(*Args) {}), facts: facts(func(f *observe.Facts) { f.Arch = "riscv64" }), want: "MongoDB has no packages for riscv64, only for amd64 and arm64"},
		{name: "open", args: plan(func(a *Args) { a.BindIP = []string{"127.0.0.1", "10.0.0.1"} }), want: "bind_ip: has an address beside loopback, and clients would not have to log in"},
		{
			name: "open to those who log in",
			args: plan(func(a *Args) {
				a.BindIP, a.Settings = []string{"0.0.0.0"}, map[string]string{"security.authorization": "enabled"}
			}),
		},
		{name: "no loopback", args: plan(func(a *Args) { a.BindIP = []string{"10.0.0.1"} }), want: "bind_ip: must have 127.0.0.1, to which rcprov itself connects"},
		{
			name: "address of a router", facts: facts(func(f *observe.Facts) { f.Addresses = []string{"172.16.0.4"} }),
			args: plan(func(a *Args) { a.ReplicaSet, a.KeyFile = "rs0", "abcdef" }),
			want: "bind_ip: must be given: 10.0.0.1:27017 is not an address of the host, which has 172.16.0.4",
		},
		{name: "key", args: plan(func(a *Args) { a.KeyFile = "hunter2!" }), want: `key_file: must be 6 to 1024 letters, digits, "+", "/" and "="`},
		{name: "removed", args: setting("storage.journal.enabled", "true"), want: `settings: has "storage.journal.enabled", which MongoDB 8.0 does not have: it was removed in 6.1`},
		{name: "removed section", args: setting("storage.mmapv1.smallFiles", "true"), want: `settings: has "storage.mmapv1.smallFiles", which MongoDB 8.0 does not have: it was removed in 4.2`},
		{name: "removed engine", args: setting("storage.engine", "mmapv1"), want: `settings: has the storage engine "mmapv1"; MongoDB 8.0 has only wiredTiger (mmapv1 was removed in 4.2)`},
		{name: "fork", args: setting("processManagement.fork", "true"), want: `settings: has "processManagement.fork", but under systemd mongod must stay in the foreground`},
		{name: "argument", args: setting("net.port", "1"), want: `settings: has "net.port", which must be given by the argument port`},
		{name: "unknown", args: setting("net.maxIncomingConnection", "1"), want: `settings: has "net.maxIncomingConnection", which mongod doesn't know`},
		{name: "no number", args: setting("net.maxIncomingConnections", "many"), want: `settings: has "net.maxIncomingConnections", which must be a whole number, not "many"`},
		{name: "no bool", args: setting("storage.directoryPerDB", "yes"), want: `settings: has "storage.directoryPerDB", which must be true or false, not "yes"`},
		{name: "two lines", args: setting("systemLog.syslogFacility", "a\nb"), want: `settings: has "systemLog.syslogFacility", which must be one line, not "a\nb"`},
		{name: "parameter", args: setting("setParameter.ttlMonitorEnabled", "false")},
		{name: "component", args: setting("systemLog.component.storage.recovery.verbosity", "2")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.facts == nil {
				test.facts = bookworm()
			}
			_, _, err := New(test.args, environment(test.facts))
			if moduletest.ErrorText(err) != test.want {
				t.Errorf("error %q\n want %q", moduletest.ErrorText(err), test.want)
			}
			if strings.Contains(moduletest.ErrorText(err), "hunter2") {
				t.Error("shows the key")
			}
		})
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"net.bindip": "net.bindIp", "operationProfiling.slowOpTresholdMs": "operationProfiling.slowOpThresholdMs", "foo": "",
	} {
		if got := nearestSetting(name); got != want {
			t.Errorf("%s: nearest is %q, want %q", name, got, want)
		}
	}
}

// TestWithoutWait checks that nothing waits for a server that another step waits for.
func TestWithoutWait(t *testing.T) {
	t.Parallel()
	parts, _, err := New(plan(func(a *Args) { a.Wait = false }), environment(bookworm()))
	if err != nil {
		t.Fatal(err)
	}
	last := parts[len(parts)-1]
	if service, ok := last.Step.(*Service); !ok || service.Wait {
		t.Errorf("the last part is %s, %+v", last.Name, last.Step)
	}
}

// TestParts checks what a member of a set becomes.
func TestParts(t *testing.T) {
	t.Parallel()
	args := plan(func(a *Args) {
		cache := 1.5
		a.ReplicaSet, a.KeyFile, a.CacheSizeGB = "rs0", "abcdef", &cache
		a.TLS = &TLS{Mode: "requireTLS", CertificateKeyFile: "/etc/ssl/mongod.pem", CAFile: "/etc/ssl/ca.pem"}
		a.Settings = map[string]string{"setParameter.ttlMonitorEnabled": "false", "operationProfiling.slowOpThresholdMs": "200"}
	})
	parts, outputs, err := New(args, environment(bookworm()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Outputs{
		URL:   "mongodb://10.0.0.1:27017,10.0.0.2:27017/?replicaSet=rs0",
		Hosts: []string{"10.0.0.1:27017", "10.0.0.2:27017"},
		Files: []string{"/etc/mongod.conf", "/etc/mongod.key"},
	}, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
		f, isFile := p.Step.(*file.Step)
		if isFile && p.Name == "conf" {
			if diff := cmp.Diff(wantConf, string(f.Content)); diff != "" {
				t.Errorf("mongod.conf (-want +got):\n%s", diff)
			}
		}
		if isFile && p.Name == "key" && (f.Mode != 0o400 || f.Owner != "mongodb" || !f.Sensitive) {
			t.Errorf("key file: mode %o, owner %s, sensitive %t", f.Mode, f.Owner, f.Sensitive)
		}
	}
	want := "requirements repository package tools data conf key max-map-count swappiness huge-pages huge-pages-at-boot service answers"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("parts %s\n want %s", got, want)
	}

	container := bookworm()
	container.Virtual = "lxc"
	args.Tools = []string{}
	parts, _, err = New(args, environment(container))
	if err != nil || len(parts) != len(names)-5 {
		t.Errorf("in a container, without tools: %d parts, error %v", len(parts), err)
	}
}

// TestRequires has hosts that lack what a server needs.
func TestRequires(t *testing.T) {
	t.Parallel()
	const noPackages = "MongoDB 6.0 is not made for Debian GNU/Linux 12 (bookworm): it is for Debian bullseye; Ubuntu jammy, focal"
	for _, test := range []struct {
		name   string
		change func(*observe.Facts)
		args   func(*Args)
		want   []string // what facts tell against the parts, in order
	}{
		{name: "good"},
		{name: "release", args: func(a *Args) { a.Version = "6.0" }, want: []string{noPackages}},
		{
			name: "no AVX", change: func(f *observe.Facts) { f.CPUFlags = []string{"sse2"} },
			want: []string{"the host's processor has no AVX, without which MongoDB since 5.0 ends with an illegal instruction"},
		},
		{
			name: "old arm", change: func(f *observe.Facts) { f.Arch, f.OS = "arm64", observe.OS{ID: "ubuntu", Codename: "noble"} },
			want: []string{"the host's processor has no ARMv8.2-A, without which MongoDB since 5.0 ends with an illegal instruction"},
		},
		{
			name: "little memory", change: func(f *observe.Facts) { f.MemoryBytes = 480 * preflight.MB },
			want: []string{"the host has 480 MB of memory, and this step needs 1 GB"},
		},
		{
			name: "large cache", args: func(a *Args) { a.CacheSizeGB = new(float64); *a.CacheSizeGB = 4 },
			want: []string{"the host has 3.8 GB of memory, and this step needs 4.5 GB"}, change: func(f *observe.Facts) { f.MemoryBytes = 3900 * preflight.MB },
		},
	} {
		facts := bookworm()
		facts.MemoryBytes = 4 * preflight.GB
		if test.change != nil {
			test.change(facts)
		}
		args := plan(func(*Args) {})
		if test.args != nil {
			test.args(&args)
		}
		parts, _, err := New(args, environment(facts))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		var got []string
		asked := map[modules.Topic]bool{}
		for _, p := range parts {
			for _, r := range p.Requires {
				asked[r.Topic()] = true
				if topic := r.Topic(); topic == modules.TopicDisk || topic == modules.TopicPorts || topic == modules.TopicClock {
					continue // the host tells
				}
				if f := r.Test(nil, nil); f != nil {
					got = append(got, f.Err.Error())
				}
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || len(asked) != 6 {
			t.Errorf("%s: asks for %d checks, not 6; findings (-want +got):\n%s", test.name, len(asked), diff)
		}
	}
}

const wantConf = `# Written by rcprov; changes made here are undone.
net:
  bindIp: 127.0.0.1,10.0.0.1
  port: 27017
  tls:
    CAFile: /etc/ssl/ca.pem
    allowConnectionsWithoutCertificates: true
    certificateKeyFile: /etc/ssl/mongod.pem
    mode: requireTLS
operationProfiling:
  slowOpThresholdMs: 200
processManagement:
  timeZoneInfo: /usr/share/zoneinfo
replication:
  replSetName: rs0
security:
  authorization: enabled
  keyFile: /etc/mongod.key
setParameter:
  ttlMonitorEnabled: "false"
storage:
  dbPath: /var/lib/mongodb
  wiredTiger:
    engineConfig:
      cacheSizeGB: 1.5
systemLog:
  destination: file
  logAppend: true
  path: /var/log/mongodb/mongod.log
`

// A plan is checked before anything is known of the host.
func TestWithoutFacts(t *testing.T) {
	t.Parallel()
	if _, _, err := New(plan(func(a *Args) { a.ReplicaSet, a.KeyFile = "rs0", "abcdef" }), environment(nil)); err != nil {
		t.Error(err)
	}
}

func TestRequirements(t *testing.T) {
	t.Parallel()
	server := mongodb.Loopback(27017, false)
	step := &Requirements{Series: "8.0", ReplicaSet: "rs0", Server: server}
	free := mongodb.Greeting{Role: mongodb.Silent, Why: "connection refused"}
	member := mongodb.Greeting{Role: mongodb.Primary, Set: "rs0"}
	tests := []struct {
		name     string
		version  string // installed
		greeting mongodb.Greeting
		err      error
		want     string
	}{
		{name: "bare", greeting: free},
		{name: "runs", version: "8.0.12", greeting: member},
		{name: "has just been started", version: "8.0.12", greeting: free},
		{name: "older series", version: "7.0.15", greeting: member},
		{name: "too old", version: "6.0.1", greeting: free, want: "MongoDB 6.0 is installed, which can't be upgraded to 8.0 directly"},
		{name: "too new", version: "8.2.11", greeting: free, want: "MongoDB 8.2 is installed, and 8.0 can't read the data of a newer series"},
		{
			name: "another set", version: "8.0.12", greeting: mongodb.Greeting{Role: mongodb.Secondary, Set: "prod"},
			want: `the server is a member of the set prod, but replica_set is "rs0"`,
		},
		{name: "could not tell", err: errors.New("sshd forwards no connections"), want: "ask mongod on 127.0.0.1:27017 for its set: sshd forwards no connections"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.Package.Put(s, serverPackage, observe.PackageInfo{Version: test.version, Installed: test.version != ""}, nil)
			greeting.Put(s, server, test.greeting, test.err)
			c, err := step.Diff(s)
			if moduletest.ErrorText(err) != test.want || !c.Empty() {
				t.Errorf("change %v, error %q, want %q", c, moduletest.ErrorText(err), test.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	step := &Answers{Server: mongodb.Loopback(27017, false)}
	for _, test := range []struct {
		greeting mongodb.Greeting
		err      error
		edits    []modules.Edit
		want     string
	}{
		{greeting: mongodb.Greeting{Role: mongodb.NotInitiated}},
		{
			greeting: mongodb.Greeting{Role: mongodb.Silent, Why: "connection refused"},
			edits:    []modules.Edit{{Action: modules.Run, Subject: "mongod", Field: "wait", From: "connection refused", To: "answers on 127.0.0.1:27017"}},
		},
		{err: errors.New("lost"), want: "ask mongod: lost"},
	} {
		s := observe.NewSnapshot()
		greeting.Put(s, step.Server, test.greeting, test.err)
		c, err := step.Diff(s)
		if diff := cmp.Diff(test.edits, c.Edits); diff != "" || moduletest.ErrorText(err) != test.want {
			t.Errorf("%v: error %q, edits (-want +got):\n%s", test.greeting, moduletest.ErrorText(err), diff)
		}
	}
}

// TestAnswersForeseen is about a plan that starts the server: who waits for it decides who tells so.
func TestAnswersForeseen(t *testing.T) {
	t.Parallel()
	server := mongodb.Loopback(27017, false)
	silent := mongodb.Greeting{Role: mongodb.Silent, Why: "connection refused"}
	wait := modules.Edit{Action: modules.Run, Subject: "mongod", Field: "wait", To: "answers on 127.0.0.1:27017"}
	unless, restarted := wait, wait
	unless.From, unless.Unless = "connection refused", "it already answers"
	restarted.To, restarted.If = "", "mongod.service doesn't answer yet"
	for _, test := range []struct {
		name     string
		greeting mongodb.Greeting
		waits    bool // the service itself waits until it answers
		want     []modules.Edit
	}{
		{name: "silent, and waited for", greeting: silent, waits: true},
		{name: "silent", greeting: silent, want: []modules.Edit{unless}},
		{name: "restarted", greeting: mongodb.Greeting{Role: mongodb.Primary}, want: []modules.Edit{restarted}},
	} {
		s, answers := observe.NewSnapshot(), &Answers{Server: server}
		greeting.Put(s, server, test.greeting, nil)
		s.Forecast().Unit(observe.UnitInfo{ID: unit, Active: observe.Active, InvocationID: observe.NewInstance})
		if test.waits {
			service := &Service{Step: &systemdunit.Step{Name: unit}, Answers: answers, Wait: true}
			modules.Foresee(service, s, modules.Change{})
		}
		c, _, err := modules.Preview(answers, s)
		if diff := cmp.Diff(test.want, c.Edits, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: error %v, edits (-want +got):\n%s", test.name, err, diff)
		}
	}
}

func TestLastComplaint(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ log, want string }{
		"nothing": {"", ""},
		"data of somebody else": { // 7.0.15
			`{"s":"E","c":"WT","msg":"WiredTiger error message","attr":{"error":13,"message":"Permission denied"}}` + "\n" +
				`{"s":"F","c":"STORAGE","id":28595,"msg":"Terminating.","attr":{"reason":"13: Permission denied"}}` + "\n" +
				`{"s":"F","c":"ASSERT","id":23091,"msg":"Fatal assertion","attr":{"msgid":28595,"line":677}}` + "\n" +
				`{"s":"F","c":"ASSERT","id":23092,"msg":"\n\n***aborting after fassert() failure\n\n"}` + "\n",
			"Terminating: 13: Permission denied",
		},
		"fatal": {
			`{"s":"I","msg":"started"}` + "\n" + `{"s":"F","c":"CONTROL","msg":"Failed to set up listener","attr":{"error":{"code":9001,"codeName":"SocketException","errmsg":"Address already in use"}}}` + "\n" + `{"s":"I","msg":"shutting down"}` + "\n",
			"Failed to set up listener: Address already in use",
		},
		"key": { // 6.0.5
			`{"s":"I","c":"ACCESS","msg":"Read security file failed","attr":{"error":{"code":30,"errmsg":"permissions on /etc/mongod.key are too open"}}}` + "\n" +
				`{"s":"I","c":"ASIO","id":22582,"ctx":"main","msg":"Killing all outstanding egress activity."}` + "\n" +
				`{"s":"F","c":"CONTROL","id":20575,"ctx":"main","msg":"Error creating service context","attr":{"error":"Location5579201: Unable to acquire security key[s]"}}` + "\n",
			"Read security file failed: permissions on /etc/mongod.key are too open",
		},
		"text":                {`{"s":"E","msg":"DBException in initAndListen, terminating","attr":{"error":"NonExistentPath: no /data"}}` + "\n", "DBException in initAndListen, terminating: NonExistentPath: no /data"},
		"of an earlier start": {`{"s":"F","msg":"old"}` + "\n" + `{"s":"I","msg":"***** SERVER RESTARTED *****"}` + "\n" + "mongod.service: Failed\n", "mongod.service: Failed"},
		"no log":              {"Error parsing YAML config file: bad line\n", "Error parsing YAML config file: bad line"},
	} {
		if got := lastError([]byte(test.log)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func FuzzLastComplaint(f *testing.F) {
	f.Add([]byte(`{"s":"F","msg":"x","attr":{"error":{"errmsg":"y"}}}`))
	f.Fuzz(func(_ *testing.T, log []byte) { lastError(log) })
}

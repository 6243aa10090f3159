package sshd

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func env() modules.Env {
	return modules.Env{Sensitive: func(string) bool { return false }, Port: 2222}
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func newStep(t *testing.T, args Args, port int) *Step {
	t.Helper()
	e := env()
	e.Port = port
	modules.Defaults(&args)
	parts, _, err := New(args, e)
	if err != nil {
		t.Fatal(err)
	}
	return parts[0].Step.(*Step)
}

func TestText(t *testing.T) {
	t.Parallel()
	s := newStep(t, Args{
		Ports: []int{22, 2222}, ListenAddresses: []string{"0.0.0.0", "fd00::1"}, PermitRootLogin: "prohibit-password",
		PasswordAuthentication: no(), AllowUsers: []string{"admin", "git@10.0.0.0/8"}, AllowGroups: []string{"sudo"},
		MaxAuthTries: 3, MaxSessions: 10, LoginGraceTime: "30s", ClientAliveInterval: "5m",
		X11Forwarding: no(), AllowTCPForwarding: yes(), AllowAgentForwarding: no(),
		Settings: map[string]string{"LogLevel": "VERBOSE", "Banner": " /etc/issue.net "},
		Matches:  []Match{{Criteria: "Group sftp", Settings: map[string]string{"ForceCommand": "internal-sftp", "ChrootDirectory": "%h"}}},
	}, 0)
	want := `# Written by rcprov.
Port 22
Port 2222
ListenAddress 0.0.0.0
ListenAddress fd00::1
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers admin
AllowUsers git@10.0.0.0/8
AllowGroups sudo
MaxAuthTries 3
MaxSessions 10
LoginGraceTime 30s
ClientAliveInterval 5m
X11Forwarding no
AllowTcpForwarding yes
AllowAgentForwarding no
Banner /etc/issue.net
LogLevel VERBOSE
Match Group sftp
	ChrootDirectory %h
	ForceCommand internal-sftp
`
	if diff := cmp.Diff(want, string(s.file.Content)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	wantSocket := `# Written by rcprov: where sshd shall listen, as in /etc/ssh/sshd_config.d/00-rcprov.conf.
[Socket]
ListenStream=
BindIPv6Only=ipv6-only
FreeBind=yes
ListenStream=0.0.0.0:22
ListenStream=[fd00::1]:22
ListenStream=0.0.0.0:2222
ListenStream=[fd00::1]:2222
`
	if diff := cmp.Diff(wantSocket, string(s.socketDropIn().Content)); diff != "" {
		t.Errorf("socket's text (-want +got):\n%s", diff)
	}
	factor := newStep(t, Args{PasswordAuthentication: no(), KeyboardInteractive: yes()}, 0)
	if got := string(factor.file.Content); !strings.Contains(got, "\nKbdInteractiveAuthentication yes\n") {
		t.Errorf("questions of PAM without passwords:\n%s", got)
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{Port: new(22), Ports: []int{2222}}, "ports: conflicts with port"},
		{Args{Port: new(0)}, "port: must be a number from 1 to 65535, not 0"},
		{Args{Port: new(70000)}, "port: must be a number from 1 to 65535, not 70000"},
		{Args{Ports: []int{22, 22}}, "ports: has 22 twice"},
		{Args{ListenAddresses: []string{"0.0.0.0:22"}}, `listen_addresses: must be IP addresses such as "10.0.0.5" or "::", not "0.0.0.0:22"`},
		{Args{AllowUsers: []string{"a b"}}, `allow_users: must be names without spaces, quotes and backslashes, not "a b"`},
		{Args{AllowGroups: []string{}}, "allow_groups: is empty, which sshd doesn't accept; leave it out"},
		{Args{MaxSessions: 2}, "max_sessions: must be at least 8, not 2"},
		{Args{MaxAuthTries: -1}, "max_auth_tries: must be at least 1, not -1"},
		{Args{LoginGraceTime: "30 s"}, `login_grace_time: must be a time in sshd's notation, such as "30s" or "2m", not "30 s"`},
		{Args{Settings: map[string]string{"port": "22"}}, "settings: port must be given by the argument port"},
		{Args{Settings: map[string]string{"Match": "all"}}, "settings: Match is not a setting"},
		{Args{Settings: map[string]string{"Include": "/x"}}, "settings: Include would add settings that rcprov doesn't know"},
		{Args{Settings: map[string]string{"Log Level": "x"}}, `settings: "Log Level" is not a keyword of sshd_config(5)`},
		{Args{Settings: map[string]string{"LogLevel": "x\nPort 1"}}, `settings: the value of LogLevel must be one line, not "x\nPort 1"`},
		{Args{Settings: map[string]string{"LOGLEVEL": "x", "LogLevel": "y"}}, "settings: LogLevel is given twice, also as LOGLEVEL"},
		{Args{ConfirmWithin: "0s"}, `confirm_within: must be a duration from "1s" to "1h", not "0s"`},
		{Args{Matches: []Match{{Criteria: ""}}}, `match[0]: must say for which connections, such as "Group sftp", not ""`},
	} {
		modules.Defaults(&test.args)
		_, _, err := New(test.args, env())
		if moduletest.ErrorText(err) != test.want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), test.want)
		}
	}
}

// The host of TestDiff: sshd as Debian configures it, asked by admin from 192.0.2.1 at port 22.
func converged(s *Step) (state, observe.SessionInfo, observe.UnitInfo) {
	started := time.Unix(1e9, 0)
	alone := map[string][]string{}
	for _, set := range s.Settings {
		key := strings.ToLower(set.Keyword)
		alone[key] = append(alone[key], strings.ToLower(set.Value))
	}
	effective := map[string][]string{"port": {"22"}, "usepam": {"yes"}, "acceptenv": {"LANG"}}
	for key, values := range alone {
		effective[key] = values
	}
	v := state{
		Installed: true, Effective: effective, Alone: alone,
		Files: configuration{
			mainFile: {"Include /etc/ssh/sshd_config.d/*.conf", "", "UsePAM yes", "AcceptEnv LANG"},
			dropIn:   strings.Split(strings.TrimSuffix(string(s.file.Content), "\n"), "\n"),
		},
		Listening: []listener{},
	}
	for _, port := range s.portsAfter(v.Files.lines()) {
		for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			v.Listening = append(v.Listening, listener{netip.AddrPortFrom(a, uint16(port)), "sshd", 36})
		}
	}
	session := observe.SessionInfo{
		Client: netip.MustParseAddrPort("192.0.2.1:50000"), Server: netip.MustParseAddrPort("192.0.2.7:22"), User: "admin", Groups: []string{"admin", "sudo"},
	}
	unit := observe.UnitInfo{
		ID: service, Load: observe.Loaded, Active: observe.Active, Sub: "running", Type: "notify", CanReload: true, MainPID: 36,
		Started: started, StateChanged: started, InvocationID: "1", FragmentPath: "/lib/systemd/system/ssh.service",
		Files: map[string]observe.WatchedFile{
			mainFile: {Changed: started.Add(-time.Hour)}, dropIn: {Changed: started.Add(-time.Hour)},
			"/lib/systemd/system/ssh.service": {Changed: started.Add(-time.Hour)},
		},
	}
	return v, session, unit
}

// seen is what is observed of a host, to be changed by a test.
type seen struct {
	state
	session observe.SessionInfo
	unit    observe.UnitInfo
	socket  observe.UnitInfo
	dropIn  observe.FileInfo // converged: as wanted
	extra   observe.FileInfo // systemd's
}

func (w seen) snapshot(s *Step) *observe.Snapshot {
	snapshot := observe.NewSnapshot()
	server.Put(snapshot, struct{}{}, w.state, nil)
	observe.Session.Put(snapshot, struct{}{}, w.session, nil)
	observe.Unit.Put(snapshot, aboutService, w.unit, nil)
	observe.Unit.Put(snapshot, aboutSocket, w.socket, nil)
	var q observe.Query
	s.Observe(&q)
	put := func(path string, content []byte, info observe.FileInfo) {
		question := observe.FileQuestion{Path: path}
		if content != nil {
			question.Content, question.UnlessSHA256 = true, sum(content)
		}
		observe.File.Put(snapshot, question, info, nil)
	}
	put(dropIn, s.file.Content, w.dropIn)
	put(socketFile, nil, w.extra)
	if content := s.socketDropIn().Content; content != nil {
		put(socketFile, content, w.extra)
	}
	return snapshot
}

func TestDiff(t *testing.T) {
	t.Parallel()
	careful := Args{PermitRootLogin: "no", MaxAuthTries: 3}
	goes := "run ssh.service reload > its configuration changes"
	for _, test := range []struct {
		name string
		args Args
		port int // of the host block
		see  func(w *seen)
		want string // edits, one in a line; or the error
	}{
		{name: "converged", args: careful},
		{name: "absent", args: careful, see: func(w *seen) {
			delete(w.Files, dropIn)
			w.dropIn = observe.FileInfo{}
		}, want: "create /etc/ssh/sshd_config.d/00-rcprov.conf > 0644 root:root\n" + goes},
		{name: "edited", args: careful, see: func(w *seen) {
			w.dropIn.SHA256, w.dropIn.Content = "0", []byte("PermitRootLogin yes\n")
		}, want: "update /etc/ssh/sshd_config.d/00-rcprov.conf content\n" + goes},
		{name: "edited into rubbish", args: careful, see: func(w *seen) {
			w.dropIn.SHA256, w.dropIn.Content = "0", []byte("x\n")
			w.Effective, w.Alone, w.Refused = nil, nil, "bad option: x"
		}, want: "update /etc/ssh/sshd_config.d/00-rcprov.conf content\n" + goes},
		{name: "mode", args: careful, see: func(w *seen) { w.dropIn.Mode = 0o600 }, want: "update /etc/ssh/sshd_config.d/00-rcprov.conf mode 0600 > 0644\n" + goes},
		{name: "not read yet", args: careful, see: func(w *seen) {
			w.unit.Files[dropIn] = observe.WatchedFile{Changed: w.unit.Started.Add(time.Hour)}
		}, want: "run ssh.service reload > /etc/ssh/sshd_config.d/00-rcprov.conf changed since it was last read"},
		{name: "not listening", args: Args{Port: new(22)}, see: func(w *seen) { w.Listening = w.Listening[:0] }, want: "run ssh.service listening > it doesn't listen on port 22"},
		{name: "still listening", args: Args{Port: new(22)}, see: func(w *seen) {
			w.Listening = append(w.Listening, listener{netip.MustParseAddrPort("0.0.0.0:2200"), "sshd", 36})
		}, want: "run ssh.service listening > it still listens on port 2200"},
		{name: "a session's tunnel is not sshd listening", args: Args{Port: new(22)}, see: func(w *seen) {
			w.Listening = append(w.Listening, listener{netip.MustParseAddrPort("127.0.0.1:2200"), "sshd", 99})
		}},
		{name: "an address not listened on", args: Args{ListenAddresses: []string{"192.0.2.7"}}, want: "run ssh.service listening > it doesn't listen on 192.0.2.7:22"},
		{name: "the same port in two files", args: Args{Port: new(22)}, see: func(w *seen) {
			w.Effective["port"], w.Alone["port"] = []string{"22", "22"}, []string{"22"}
		}},
		{name: "no ss", args: Args{Port: new(22)}, see: func(w *seen) { w.Listening = nil }},
		{
			name: "another port", args: Args{Port: new(2222)}, port: 2222, see: func(w *seen) { w.dropIn = observe.FileInfo{} },
			want: "create /etc/ssh/sshd_config.d/00-rcprov.conf > 0644 root:root\n" + goes + "\nrun sshd new login at port > 2222",
		},
		{
			name: "one port more", args: Args{Ports: []int{22, 2222}}, port: 2222, see: func(w *seen) { w.dropIn = observe.FileInfo{} },
			want: "create /etc/ssh/sshd_config.d/00-rcprov.conf > 0644 root:root\n" + goes,
		},
		{name: "through a socket", args: Args{Port: new(22)}, see: func(w *seen) {
			w.socket.Active, w.socket.Load = observe.Active, observe.Loaded
			w.Listening = []listener{{netip.MustParseAddrPort("[::]:22"), "systemd", 1}}
			w.unit.Active = observe.Inactive
		}, want: "create /etc/systemd/system/ssh.socket.d/rcprov.conf > 0644 root:root\nrun ssh.service restart > its configuration changes"},
		{name: "through a socket that follows by itself", args: Args{Port: new(22)}, see: func(w *seen) {
			w.socket.Active, w.socket.Load, w.Generator = observe.Active, observe.Loaded, true
			w.Listening = []listener{{netip.MustParseAddrPort("[::]:22"), "systemd", 1}}
			w.unit.Active = observe.Inactive
		}},
		{
			name: "no socket any more", args: Args{Port: new(22)}, see: func(w *seen) { w.extra = observe.FileInfo{Type: observe.Regular} },
			want: "remove /etc/systemd/system/ssh.socket.d/rcprov.conf\n" + goes,
		},
		{name: "unconfirmed", args: careful, see: func(w *seen) { w.Unconfirmed = deadman.Armed }, want: "run sshd unconfirmed a change that its run did not live to confirm > taken back, then made again"},
		{name: "confirmed", args: careful, see: func(w *seen) { w.Unconfirmed = deadman.Confirmed }},
		{name: "not installed", args: careful, see: func(w *seen) { w.state = state{} }, want: "there is no sshd on the host"},
		{
			name: "no Include", args: careful, see: func(w *seen) { w.Files[mainFile] = w.Files[mainFile][1:] },
			want: "/etc/ssh/sshd_config has no line `Include /etc/ssh/sshd_config.d/*.conf`, so sshd does not apply /etc/ssh/sshd_config.d/00-rcprov.conf to all connections",
		},
		{name: "Include for some", args: careful, see: func(w *seen) {
			w.Files[mainFile] = append([]string{"Match User x"}, w.Files[mainFile]...)
		}, want: "/etc/ssh/sshd_config includes /etc/ssh/sshd_config.d within a Match block, so sshd does not apply /etc/ssh/sshd_config.d/00-rcprov.conf to all connections"},
		{
			name: "overridden", args: careful, see: func(w *seen) { w.Files[dropDir+"/00-a.conf"] = []string{"# x", "permitrootlogin=yes"} },
			want: `/etc/ssh/sshd_config.d/00-a.conf line 2 has "permitrootlogin=yes", which overrides "PermitRootLogin no" of the plan (permit_root_login)`,
		},
		{name: "overridden later", args: careful, see: func(w *seen) { w.Files[dropDir+"/50-cloud-init.conf"] = []string{"PermitRootLogin yes"} }},
		{name: "overridden by the same", args: careful, see: func(w *seen) { w.Files[dropDir+"/00-a.conf"] = []string{"PermitRootLogin no"} }},
		{
			name: "added to", args: Args{Port: new(22)}, see: func(w *seen) { w.Files[mainFile] = append(w.Files[mainFile], "Port 2200") },
			want: `/etc/ssh/sshd_config line 5 has "Port 2200", which adds to "Port 22" of the plan (port)`,
		},
		{
			name: "overridden from elsewhere", args: careful, see: func(w *seen) { w.Effective["maxauthtries"] = []string{"6"} },
			want: "MaxAuthTries is \"6\" according to `sshd -T`, but \"3\" in /etc/ssh/sshd_config.d/00-rcprov.conf (max_auth_tries)",
		},
		{name: "one of several", args: Args{Settings: map[string]string{"AcceptEnv": "FOO"}}, see: func(w *seen) { w.Effective["acceptenv"] = []string{"LANG", "foo"} }},
		{name: "behind a socket, not running", args: careful, see: func(w *seen) {
			w.Effective, w.Alone, w.Refused = nil, nil, "Missing privilege separation directory: /run/sshd"
			w.socket.Active, w.unit.Active, w.Listening = observe.Active, observe.Inactive, nil
		}},
		{
			name: "sshd refuses", args: careful, see: func(w *seen) { w.Effective, w.Refused = nil, "line 9: Bad configuration option: x" },
			want: "sshd can't read its configuration: line 9: Bad configuration option: x",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, test.args, test.port)
			var w seen
			w.state, w.session, w.unit = converged(s)
			w.dropIn = observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: sum(s.file.Content)}
			w.socket = observe.UnitInfo{ID: socket, Load: observe.Loaded, Active: observe.Inactive}
			if test.see != nil {
				test.see(&w)
			}
			c, err := s.Diff(w.snapshot(s))
			got := moduletest.ErrorText(err)
			got += strings.Join(moduletest.Lines(c.Edits), "\n")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// What would shut out the user who asks is refused, but only when something is to be changed.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args Args
		port int
		see  func(w *seen)
		want string
	}{
		{
			name: "root", args: Args{PermitRootLogin: "no"}, see: func(w *seen) { w.session.User = "root" },
			want: "permit_root_login = \"no\" would lock out rcprov, which is logged in as root",
		},
		{
			name: "root by a command", args: Args{PermitRootLogin: "forced-commands-only"}, see: func(w *seen) { w.session.User = "root" },
			want: "permit_root_login = \"forced-commands-only\" would lock out rcprov, which is logged in as root",
		},
		{name: "root by key", args: Args{PermitRootLogin: "prohibit-password"}, see: func(w *seen) { w.session.User = "root" }},
		{name: "root from somewhere", args: Args{PermitRootLogin: "no"}, see: func(w *seen) {
			w.session.User = "root"
			w.Files[mainFile] = append(w.Files[mainFile], "Match Address 192.0.2.0/24", "PermitRootLogin yes")
		}},
		{name: "root, not by SSH", args: Args{PermitRootLogin: "no"}, see: func(w *seen) { w.session = observe.SessionInfo{} }},
		{
			name: "users", args: Args{AllowUsers: []string{"bob", "a?m"}},
			want: `allow_users = ["bob", "a?m"] would lock out rcprov, which is logged in as admin`,
		},
		{name: "users by pattern", args: Args{AllowUsers: []string{"ad*"}}},
		{name: "users from here", args: Args{AllowUsers: []string{"admin@192.0.2.0/24"}}},
		{name: "users from a name", args: Args{AllowUsers: []string{"admin@*.example.com"}}},
		{
			name: "users from elsewhere", args: Args{AllowUsers: []string{"admin@198.51.100.1"}},
			want: `allow_users = ["admin@198.51.100.1"] would lock out rcprov, which is logged in as admin from 192.0.2.1`,
		},
		{
			name: "groups", args: Args{AllowGroups: []string{"wheel"}},
			want: `allow_groups = ["wheel"] would lock out rcprov: admin, the user that it is logged in as, is in none of them (only in admin, sudo)`,
		},
		{name: "groups of the user", args: Args{AllowGroups: []string{"wheel", "s*"}}},
		{
			name: "address", args: Args{ListenAddresses: []string{"127.0.0.1"}},
			want: "listen_addresses would lock out rcprov, which is connected to 192.0.2.7",
		},
		{
			name: "address of the other family", args: Args{ListenAddresses: []string{"::"}},
			want: "listen_addresses would lock out rcprov, which is connected to 192.0.2.7",
		},
		{name: "all addresses", args: Args{ListenAddresses: []string{"0.0.0.0"}}},
		{
			name: "port", args: Args{Port: new(2222)},
			want: "sshd is to leave port 22, to which rcprov is connected, and the host block doesn't name the new port",
		},
		{
			name: "port of the host block stays", args: Args{Port: new(2222)}, port: 22,
			want: "sshd is to leave port 22, to which rcprov is connected, and the host block doesn't name the new port",
		},
		{name: "port of the host block, too", args: Args{Port: new(2222)}, port: 2222},
		{name: "another program's port", args: Args{Port: new(2222)}, port: 2222, see: func(w *seen) {
			w.Listening = append(w.Listening, listener{netip.MustParseAddrPort("127.0.0.1:2222"), "nginx", 99})
		}, want: "port 2222 is in use: nginx (process 99) listens on 127.0.0.1:2222"},
		{name: "another program's address", args: Args{Port: new(2222), ListenAddresses: []string{"192.0.2.7"}}, port: 2222, see: func(w *seen) {
			w.Listening = append(w.Listening, listener{netip.MustParseAddrPort("127.0.0.1:2222"), "nginx", 99})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, test.args, test.port)
			var w seen
			w.state, w.session, w.unit = converged(s)
			w.Listening = []listener{{netip.MustParseAddrPort("0.0.0.0:22"), "sshd", 36}, {netip.MustParseAddrPort("[::]:22"), "sshd", 36}}
			delete(w.Files, dropIn)
			w.socket = observe.UnitInfo{ID: socket, Load: observe.Loaded, Active: observe.Inactive}
			if test.see != nil {
				test.see(&w)
			}
			if _, err := s.Diff(w.snapshot(s)); moduletest.ErrorText(err) != test.want {
				t.Errorf("error %q, want %q", moduletest.ErrorText(err), test.want)
			}
		})
	}
}

func TestCouldNotTell(t *testing.T) {
	t.Parallel()
	s := newStep(t, Args{MaxAuthTries: 3}, 0)
	snapshot := observe.NewSnapshot()
	server.Put(snapshot, struct{}{}, state{}, errors.New("Input/output error"))
	if _, err := s.Diff(snapshot); moduletest.ErrorText(err) != "look at sshd: Input/output error" {
		t.Errorf("error %q", moduletest.ErrorText(err))
	}
}

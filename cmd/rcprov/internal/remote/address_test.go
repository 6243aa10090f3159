package remote

import (
	"os/exec"
	"strings"
	"testing"
)

func TestAddressForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, user string
		port          int
		want          Target
		mistake       string
	}{
		{address: "web", want: Target{Address: "web"}},
		{address: "me@web", want: Target{Address: "web", User: "me"}},
		{address: "me@corp@web", want: Target{Address: "web", User: "me@corp"}},
		{address: "me@web", user: "me", want: Target{Address: "web", User: "me"}},
		{address: "ssh://me@web:2222", want: Target{Address: "web", User: "me", Port: 2222}},
		{address: "ssh://web/", want: Target{Address: "web"}},
		{address: "ssh://[2001:db8::1]:22", want: Target{Address: "2001:db8::1", Port: 22}},
		{address: "ssh://u%40x@web", want: Target{Address: "web", User: "u@x"}},
		{address: `ssh://DOM%5Cuser@web`, want: Target{Address: "web", User: `DOM\user`}},
		{address: "ssh://a+b;fingerprint=x@web", want: Target{Address: "web", User: "a b"}},
		{address: "u%40x@web", want: Target{Address: "web", User: "u%40x"}},
		{address: "ssh://a%zz@web", mistake: `"a%zz" is not a user`},
		{address: "ssh://a%00@web", mistake: `"a%00" is not a user`},
		{address: "web:2222", want: Target{Address: "web", Port: 2222}},
		{address: "web:2222", port: 2222, want: Target{Address: "web", Port: 2222}},
		{address: "2001:db8::1", want: Target{Address: "2001:db8::1"}},
		{address: "[2001:db8::1]", want: Target{Address: "2001:db8::1"}},
		{address: "me@[2001:db8::1]:23", want: Target{Address: "2001:db8::1", User: "me", Port: 23}},
		{address: "fe80::1%hme0", want: Target{Address: "fe80::1%hme0"}},
		{address: "me@web", user: "you", mistake: `its user me conflicts with user = "you"`},
		{address: "web:2222", port: 22, mistake: "its port 2222 conflicts with port = 22"},
		{address: "web:ssh", mistake: `"ssh" is not a port`},
		{address: "web:0", mistake: `"0" is not a port`},
		{address: "web:", mistake: "there is no port behind the colon"},
		{address: "a:b:c", mistake: `"a:b:c" is neither an IPv6 address nor host:port`},
		{address: "[web]:22", mistake: `"web" in brackets is not an IPv6 address`},
		{address: "[::1", mistake: "want [address]:port"},
		{address: "@web", mistake: `"" is not a user`},
		{address: "ssh://web/path", mistake: "it has a path"},
		{address: "ssh://me:secret@web", mistake: "is not a user"},
		{address: "", mistake: "there is no host in it"},
		{address: "-oProxyCommand=x", mistake: `"-oProxyCommand=x" is not a host name`},
		{address: "a b", mistake: `"a b" is not a host name`},
	} {
		got, err := Target{Address: c.address, User: c.user, Port: c.port}.settle()
		switch {
		case c.mistake != "" && (err == nil || !strings.HasPrefix(err.Error(), "address ") || !strings.Contains(err.Error(), c.mistake)):
			t.Errorf("%s: got %v, want %s", c.address, err, c.mistake)
		case c.mistake == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %+v, %v", c.address, got, err)
		}
		if err == nil {
			if again, err := got.settle(); err != nil || again != got {
				t.Errorf("%s: again %+v, %v", c.address, again, err)
			}
		}
	}
}

// What the address says is used, as ssh does with the same words.
func TestAddressIsUsed(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	for _, address := range []string{whoami(t) + "@" + server.address(), "ssh://" + whoami(t) + "@" + server.address()} {
		target := Target{Name: "test", Address: address, Become: Become{Method: "none"}}
		c := server.connect(t, server.dialer(), target)
		useAll(t, c)
		again, err := c.Reconnect(t.Context(), 0)
		if err != nil {
			t.Fatal(explained(err))
		}
		_ = again.Close()
	}
}

// AddressFamily, BindAddress and BindInterface decide how the connection is made.
func TestBinding(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	for _, c := range []struct{ config, mistake string }{
		{"BindAddress 127.0.0.2", ""},
		{"AddressFamily inet", ""},
		{"BindInterface lo", ""},
		{"AddressFamily inet6", "connect to "},
		{"BindAddress ::1", "BindAddress ::1: it is of another address family"},
		{"BindInterface none-such", "BindInterface none-such: "},
		{"BindAddress 192.0.2.7", "from BindAddress 192.0.2.7: "},
		{"ProxyUseFdpass yes\nProxyCommand nc %h %p", "ProxyUseFdpass is set"},
	} {
		d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), c.config)
		conn, err := d.Connect(t.Context(), server.target())
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != (c.mistake == "") || err != nil && !strings.Contains(err.Error(), c.mistake) {
			t.Errorf("%s: got %v", c.config, err)
		}
	}
	away := Target{Address: "192.0.2.1"}
	if _, err := server.withConfig(t, "BindAddress 127.0.0.1").Connect(t.Context(), away); err == nil || !strings.Contains(err.Error(), "from BindAddress 127.0.0.1: ") ||
		!strings.Contains(explained(err), "BindAddress 127.0.0.1 of ssh_config must be of this machine, and lead to 192.0.2.1.") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(server.log.String(), "from 127.0.0.2") {
		t.Errorf("nobody came from 127.0.0.2:\n%s", server.log)
	}
}

func TestUsersThatSSHRefuses(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"": true, "deploy": true, "a b": true, "a$b": true, `DOMAIN\me`: true, "a@b": true, "müller": true,
		"-x": false, "a;b": false, "a`b": false, "a\nb": false, "a -b": false, `a\`: false, "$(x)": false, "a'": false, "a\x7f": false,
	} {
		_, err := Target{Address: "host", User: name}.settle()
		if (err == nil) != valid {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// Names and numbers that only the system's name service knows.
func TestSystemLookup(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"10.61.0.2       STREAM web.local\n10.61.0.2       DGRAM  \nfe80::1%eth0    STREAM\n": "10.61.0.2 fe80::1%eth0",
		"name: web.local\nip_address: 10.0.0.2\n\nname: web.local\nipv6_address: fd00::2\n":   "10.0.0.2 fd00::2",
		"": "",
	} {
		if got := strings.Join(addressesIn(output), " "); got != want {
			t.Errorf("%q: got %s", output, got)
		}
	}
	if _, err := exec.LookPath("getent"); err != nil {
		t.Skip("SKIPPED: there is no getent")
	}
	server := startSSHD(t)
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	server.addConfig(t, "HostKeyAlias test")
	for _, address := range []string{"0x7f000001", "2130706433", "127.1"} {
		target := server.target()
		target.Address = address
		server.connect(t, server.dialer(), target)
	}
	d := server.dialer()
	_, err := d.Connect(t.Context(), Target{Address: "999999999999"})
	if err == nil || !strings.Contains(err.Error(), `the DNS has no address for the name "999999999999"`) {
		t.Errorf("got %v", err)
	}
}

// The user of a URL is what ssh takes it for, also that of a jump host.
func TestUserOfURL(t *testing.T) {
	t.Parallel()
	needSSH(t)
	for _, user := range []string{"me", "u%40x", `DOM%5Cuser`, "a+b", "a;fp=x", "a%zz", "a%00", "%41%2b"} {
		address := "ssh://" + user + "@t:22"
		theirs := ""
		if output, err := exec.Command("ssh", "-G", "-F", "none", address).Output(); err == nil {
			for line := range strings.Lines(string(output)) {
				if value, found := strings.CutPrefix(line, "user "); found {
					theirs = strings.TrimSuffix(value, "\n")
				}
			}
		}
		ours := ""
		if target, err := (Target{Address: address}).settle(); err == nil {
			ours = target.User
		}
		jump, _ := parseHop(address)
		if ours != theirs || jump.user != theirs {
			t.Errorf("%s: ssh has %q, rcprov %q, as a jump host %q", address, theirs, ours, jump.user)
		}
	}
}

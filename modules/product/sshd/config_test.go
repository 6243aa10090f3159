package sshd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func TestLines(t *testing.T) {
	t.Parallel()
	c := configuration{
		mainFile: {
			"# comment", "Port=22", "  Include sshd_config.d/*.conf /nowhere/*", `Banner "/etc/issue net" # why`, "", "Match User git",
			"X11Forwarding no", "Include /etc/ssh/late", "Match all", "UsePAM yes",
		},
		dropDir + "/b.conf": {"LogLevel VERBOSE"},
		dropDir + "/a.conf": {"match user x", "Port 1"},
		dropDir + "/a.txt":  {"Port 3"},
		"/etc/ssh/late":     {"MaxSessions 9"},
	}
	var got []string
	for _, l := range c.lines() {
		text := fmt.Sprintf("%s:%d %s %s", strings.TrimPrefix(l.File, "/etc/ssh/"), l.Number, l.Keyword, l.Value)
		if l.Match {
			text += " (match)"
		}
		got = append(got, text)
	}
	want := []string{
		"sshd_config:2 port 22",
		"sshd_config.d/a.conf:1 match user x (match)",
		"sshd_config.d/a.conf:2 port 1 (match)",
		"sshd_config.d/b.conf:1 loglevel VERBOSE",
		"sshd_config:4 banner /etc/issue net",
		"sshd_config:6 match User git (match)",
		"sshd_config:7 x11forwarding no (match)",
		"late:1 maxsessions 9 (match)",
		"sshd_config:9 match all (match)",
		"sshd_config:10 usepam yes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	loop := configuration{mainFile: {"Include /etc/ssh/sshd_config", "Port 22"}}
	if n := len(loop.lines()); n == 0 || n > maxDepth+1 {
		t.Errorf("%d lines of a file that includes itself", n)
	}
}

func TestParseState(t *testing.T) {
	t.Parallel()
	s, err := parseState(observe.Reply{Stdout: []byte(`sshd installed
file /etc/ssh/sshd_config:1:Include /etc/ssh/sshd_config.d/*.conf
file /etc/ssh/sshd_config:2:
file /etc/ssh/sshd_config:3:Banner a:b
effective port 22
effective acceptenv LANG
effective acceptenv LC_*
alone port 22
generator
listening
listen LISTEN 0      128    0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=36,fd=3))
listen LISTEN 0      4096         *:2222 *:* users:(("systemd",pid=1,fd=25),("sshd",pid=208,fd=3))
listen LISTEN 0      4096   127.0.0.53%lo:53 0.0.0.0:*
listen LISTEN 0      128    [fe80::1]%eth0:22 [::]:*
listen rubbish
deadman armed
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := state{
		Installed: true, Generator: true, Unconfirmed: "armed",
		Files:     configuration{mainFile: {"Include /etc/ssh/sshd_config.d/*.conf", "", "Banner a:b"}},
		Effective: map[string][]string{"port": {"22"}, "acceptenv": {"LANG", "LC_*"}},
		Alone:     map[string][]string{"port": {"22"}},
		Listening: []listener{
			{netip.MustParseAddrPort("0.0.0.0:22"), "sshd", 36},
			{netip.MustParseAddrPort("[::]:2222"), "sshd", 208},
			{netip.MustParseAddrPort("127.0.0.53:53"), "", 0},
			{netip.MustParseAddrPort("[fe80::1]:22"), "", 0},
		},
	}
	if diff := cmp.Diff(want, s, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if s, err := parseState(observe.Reply{Stdout: []byte("sshd missing\n")}); err != nil || s.Installed {
		t.Errorf("without sshd: %+v, %v", s, err)
	}
	if _, err := parseState(observe.Reply{Stderr: []byte("sh: dead")}); moduletest.ErrorText(err) != "no answer. sh: dead" {
		t.Errorf("error %q", moduletest.ErrorText(err))
	}
	s, err = parseState(observe.Reply{Stdout: []byte("sshd installed\n"), Stderr: []byte("/etc/ssh/sshd_config: line 3: Bad configuration option: x\n")})
	if err != nil || s.Refused != "/etc/ssh/sshd_config: line 3: Bad configuration option: x" {
		t.Errorf("refused: %+v, %v", s, err)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add("sshd installed\nfile /etc/ssh/sshd_config:1:Include sshd_config.d/*\nlisten LISTEN 0 1 *:22 *:* users:((\"sshd\",pid=1,fd=3))\n")
	f.Fuzz(func(t *testing.T, said string) {
		s, err := parseState(observe.Reply{Stdout: []byte(said)})
		if err != nil {
			return
		}
		for _, l := range s.Files.lines() {
			if l.Keyword == "" || l.Number < 1 {
				t.Errorf("%q: %+v", said, l)
			}
		}
	})
}

package remote

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// accepted is what sshd logs of a login: the user, where it came from, and the key.
var acceptedLogin = regexp.MustCompile(`Accepted (\S+) for (\S+) from (\S+) port \d+ ssh2(?:: \S+ (\S+))?`)

// outcome returns how a login went by sshd's log behind offset: "publickey root 127.0.0.1 SHA256:...".
func (s *sshd) outcome(offset int, ok bool) string {
	if !ok {
		return "refused"
	}
	for range 300 {
		if m := acceptedLogin.FindStringSubmatch(s.log.String()[offset:]); m != nil {
			return strings.TrimSpace(strings.Join(m[1:], " "))
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "let in, and nothing logged"
}

// servers are the host of a case, and one to jump from.
type servers struct {
	*sshd
	jump *sshd // started for the proxies alone
}

// identity is the line of ssh_config about a key of the server's directory.
func (w servers) identity(name string) string { return "IdentityFile " + w.path(name) }

const noAgent = "IdentityAgent none"

// An asSSH is a login that ssh and rcprov do alike.
type asSSH struct {
	name    string
	server  []string
	config  func(t *testing.T, w servers) []string // lines of the host's block; nil: its key
	address string                                 // "lab" if empty; PORT is the server's
	refused bool                                   // what ssh does
	differs string                                 // why rcprov does something else
}

var keysAsSSH = []asSSH{
	{name: "a key"},
	{name: "second key", config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		return []string{noAgent, w.identity("a"), w.identity("key")}
	}},
	{name: "missing key file", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("missing"), w.identity("key")}
	}},
	{name: "no key", refused: true, config: func(*testing.T, servers) []string { return []string{noAgent, "IdentityFile none"} }},
	{name: "readable by all", refused: true, config: func(t *testing.T, w servers) []string {
		if err := os.Chmod(w.path("key"), 0o644); err != nil {
			t.Fatal(err)
		}
		return nil
	}},
	{name: "encrypted first", config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "secret")
		w.writeFile(t, "authorized_keys", w.readFile(t, "a.pub")+w.readFile(t, "key.pub"))
		return []string{noAgent, w.identity("a"), w.identity("key")}
	}},
	{name: "agent", config: func(t *testing.T, w servers) []string {
		return []string{"IdentityAgent " + startAgent(t, w.sshd, "key"), "IdentityFile none"}
	}},
	{name: "agent and IdentitiesOnly", refused: true, config: func(t *testing.T, w servers) []string {
		return []string{"IdentityAgent " + startAgent(t, w.sshd, "key"), "IdentityFile none", "IdentitiesOnly yes"}
	}},
	{name: "configured before others of the agent", config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ecdsa", "")
		w.writeFile(t, "authorized_keys", w.readFile(t, "a.pub")+w.readFile(t, "key.pub"))
		return []string{"IdentityAgent " + startAgent(t, w.sshd, "a", "key"), w.identity("key")}
	}},
	{name: "two keys", server: []string{"AuthenticationMethods publickey,publickey"}, config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ecdsa", "")
		w.writeFile(t, "authorized_keys", w.readFile(t, "a.pub")+w.readFile(t, "key.pub"))
		return []string{noAgent, w.identity("key"), w.identity("a")}
	}},
	{name: "too many keys", server: []string{"MaxAuthTries 2"}, refused: true, config: func(t *testing.T, w servers) []string {
		lines := []string{noAgent}
		for _, n := range []string{"a", "b"} {
			w.keygen(t, n, "ed25519", "")
			lines = append(lines, w.identity(n))
		}
		return append(lines, w.identity("key"))
	}},
	{name: "PubkeyAuthentication no", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "PubkeyAuthentication no"}
	}},
	{name: "PreferredAuthentications", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "PreferredAuthentications password"}
	}},
	{name: "PubkeyAcceptedAlgorithms", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "PubkeyAcceptedAlgorithms -ssh-ed25519"}
	}},
	{name: "RequiredRSASize of the user's keys", config: func(t *testing.T, w servers) []string {
		run(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", w.path("a"))
		w.writeFile(t, "authorized_keys", w.readFile(t, "a.pub")+w.readFile(t, "key.pub"))
		return []string{noAgent, w.identity("a"), w.identity("key"), "RequiredRSASize 3000"}
	}},
}

var configAsSSH = []asSSH{
	{name: "user@host", address: "USER@lab"},
	{name: "ssh://", address: "ssh://USER@127.0.0.1:PORT"},
	{name: "Match host", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, "Match host lab", "IdentityFile none", "Match host 127.0.0.1", w.identity("key")}
	}},
	{name: "Match exec", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, "Match exec \"test %n = lab\"", w.identity("key")}
	}},
	{name: "quotes and tokens", config: func(t *testing.T, w servers) []string {
		if err := os.Rename(w.path("key"), w.path("a key for lab")); err != nil {
			t.Fatal(err)
		}
		return []string{noAgent, "IdentityFile \"" + w.dir + "/a key for %n\""}
	}},
	{name: "User of a later block", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Host \"lab\"", "User nobody-here"}
	}, refused: true},
	{name: "CanonicalizeHostname", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "CanonicalizeHostname always", "CanonicalDomains invalid"}
	}},
	{name: "BindAddress", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "BindAddress 127.0.0.3"}
	}},
	{name: "AddressFamily", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "AddressFamily inet6"}
	}},
	{name: "variable that isn't set", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "IdentityFile ${RCPROV_TEST_UNSET}/key"}
	}},
	{name: "unknown token in a path", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "IdentityFile " + w.dir + "/%q"}
	}},
	{name: "user with a semicolon", address: "a;b@lab", refused: true},
	{name: "user with a hyphen", address: "-x@lab", refused: true},
	{name: "HostName in brackets", address: "v6", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Host v6", "HostName [127.0.0.1]"}
	}},
	{name: "Include of a directory", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Include " + w.dir}
	}},
	{name: "Include of a file of somebody else", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "more", "IdentitiesOnly yes\n")
		if os.Chown(w.path("more"), 65534, 65534) != nil {
			w.writeFile(t, "more", "Mistake\n") // only root gives files away
		}
		return []string{noAgent, w.identity("key"), "Include " + w.path("more")}
	}},
	{name: "Include of a file that others may change", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "more", "IdentitiesOnly yes\n")
		if err := os.Chmod(w.path("more"), 0o666); err != nil {
			t.Fatal(err)
		}
		return []string{noAgent, w.identity("key"), "Include " + w.path("more")}
	}},
	{name: "mistake elsewhere in the file", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Host other", "IdentitiesOnly maybe"}
	}},
}

var proxiesAsSSH = []asSSH{
	{name: "ProxyCommand", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), fmt.Sprintf("ProxyCommand ssh -F %s -p %d -W %%h:%%p 127.0.0.1", w.jump.path("config"), w.jump.port)}
	}},
	{name: "ProxyCommand before ProxyJump", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), fmt.Sprintf("ProxyCommand ssh -F %s -p %d -W %%h:%%p 127.0.0.1", w.jump.path("config"), w.jump.port), "ProxyJump nowhere.invalid"}
	}},
	{name: "ProxyCommand that fails", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "ProxyCommand false"}
	}},
	{name: "ProxyJump", config: func(_ *testing.T, w servers) []string {
		return []string{
			noAgent, w.identity("key"), "ProxyJump jump", "Host jump", "HostName 127.0.0.1", fmt.Sprintf("Port %d", w.jump.port), noAgent,
			"IdentityFile " + w.jump.path("key"), "UserKnownHostsFile " + w.jump.path("known_hosts"),
		}
	}},
	{name: "ProxyCommand with a token of others", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), fmt.Sprintf("ProxyCommand ssh -F %s -p %d -W %%h:%%p 127.0.0.1 # %%d", w.jump.path("config"), w.jump.port)}
	}},
}

var unknownAsSSH = []asSSH{
	{name: "unknown host", refused: true, config: func(t *testing.T, w servers) []string { w.writeFile(t, "known_hosts", ""); return nil }},
	{name: "accept-new", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", "")
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new"}
	}},
	{name: "accept-new, not writable", config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new", "UserKnownHostsFile " + w.dir + "/key/none"}
	}},
	{name: "accept-new and a changed key", refused: true, config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		w.writeFile(t, "known_hosts", w.line(t, "", fmt.Sprintf("[127.0.0.1]:%d", w.port), "a"))
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new"}
	}},
	{name: "StrictHostKeyChecking no and a changed key", differs: "a changed key is always refused", config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		w.writeFile(t, "known_hosts", w.line(t, "", fmt.Sprintf("[127.0.0.1]:%d", w.port), "a"))
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking no"}
	}},
	{name: "UserKnownHostsFile none and accept-new", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new", "UserKnownHostsFile none"}
	}},
	{name: "UserKnownHostsFile none and StrictHostKeyChecking no", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking no", "UserKnownHostsFile none"}
	}},
}

var knownAsSSH = []asSSH{
	{name: "HostKeyAlias", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", "elsewhere", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "HostKeyAlias elsewhere"}
	}},
	{name: "known in a file with spaces", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "kh two words", w.readFile(t, "known_hosts"))
		return []string{noAgent, w.identity("key"), "UserKnownHostsFile \"" + w.path("kh two words") + "\""}
	}},
	{name: "wildcards beside a port", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", "elsewhere,[127.0.*]:*", "host_ed25519"))
		return nil
	}},
	{name: "wildcards beside a port, negated", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", "![127.*]:*,[127.0.*]:*", "host_ed25519"))
		return nil
	}},
	{name: "wildcards beside a port, another key", refused: true, config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		w.writeFile(t, "known_hosts", w.line(t, "", "[127.?.*]:*", "a"))
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new"}
	}},
	{name: "wildcards beside another port", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", "[127.0.*]:22", "host_ed25519"))
		return nil
	}},
	{name: "upper case in known_hosts", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", "ElseWhere", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "HostKeyAlias elsewhere"}
	}},
	{name: "plain key beside an authority", config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		w.writeFile(t, "known_hosts", w.line(t, "@cert-authority", "*", "a"))
		return []string{noAgent, w.identity("key"), "StrictHostKeyChecking accept-new"}
	}},
	{name: "an authority's key as the host's", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "@cert-authority", "*", "host_ed25519"))
		return nil
	}},
	{name: "unreadable line about others", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", "elsewhere ssh-ed25519 rubbish!\n"+w.readFile(t, "known_hosts"))
		return nil
	}},
	{name: "unreadable line about the host", differs: "such a line may be one that revokes", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d ssh-ed25519 rubbish!\n", w.port)+w.readFile(t, "known_hosts"))
		return nil
	}},
}

var revokedAsSSH = []asSSH{
	{name: "RevokedHostKeys", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "revoked", w.readFile(t, "host_ed25519.pub"))
		return []string{noAgent, w.identity("key"), "RevokedHostKeys " + w.path("revoked")}
	}},
	{name: "@revoked", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.readFile(t, "known_hosts")+w.line(t, "@revoked", "*", "host_ed25519"))
		return nil
	}},
	{name: "@revoked in the last file, with a space", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "the revoked", w.line(t, "@revoked", "*", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "UserKnownHostsFile " + w.path("known_hosts") + " \"" + w.path("the revoked") + "\""}
	}},
	{name: "@revoked in the first file, with a space", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "the revoked", w.line(t, "@revoked", "*", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "UserKnownHostsFile '" + w.path("the revoked") + "' " + w.path("known_hosts")}
	}},
	{name: "@revoked in a global file with a space, included", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "the revoked", w.line(t, "@revoked", "*", "host_ed25519"))
		w.writeFile(t, "the global", "GlobalKnownHostsFile "+w.path("none")+" \""+w.path("the revoked")+"\"\n")
		return []string{noAgent, w.identity("key"), "UserKnownHostsFile " + w.path("known_hosts"), "Include \"" + w.path("the global") + "\""}
	}},
	{name: "RevokedHostKeys with a space", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "the revoked", w.readFile(t, "host_ed25519.pub"))
		return []string{noAgent, w.identity("key"), "RevokedHostKeys \"" + w.path("the revoked") + "\""}
	}},
	{name: "@revoked in a global file: no tokens there", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "a%%b", w.line(t, "@revoked", "*", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "GlobalKnownHostsFile " + w.path("a%%b")}
	}},
}

var commandsAsSSH = []asSSH{
	{name: "tokens and quotes of KnownHostsCommand", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "the keys", w.readFile(t, "known_hosts"))
		w.writeFile(t, "known_hosts", "")
		return []string{noAgent, w.identity("key"), "KnownHostsCommand '/bin/cat' \"" + w.path("the keys") + "\""}
	}},
	{name: "KnownHostsCommand", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", "")
		return []string{noAgent, w.identity("key"), "KnownHostsCommand /bin/echo %H %t %K"}
	}},
	{name: "KnownHostsCommand with another key", refused: true, config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "ed25519", "")
		w.writeFile(t, "also", w.line(t, "", fmt.Sprintf("[127.0.0.1]:%d", w.port), "a"))
		w.writeFile(t, "known_hosts", "")
		return []string{noAgent, w.identity("key"), "KnownHostsCommand \"/bin/cat\" " + w.path("also")}
	}},
	{name: "KnownHostsCommand that revokes", refused: true, config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "also", w.line(t, "@revoked", "*", "host_ed25519"))
		return []string{noAgent, w.identity("key"), "KnownHostsCommand /bin/cat " + w.path("also")}
	}},
	{name: "KnownHostsCommand that fails", refused: true, config: func(t *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "KnownHostsCommand /bin/false"}
	}},
}

var algorithmsAsSSH = []asSSH{
	{name: "key exchange of old servers", server: []string{"KexAlgorithms diffie-hellman-group14-sha1"}, refused: true},
	{name: "key exchange of old servers, Match", server: []string{"KexAlgorithms diffie-hellman-group14-sha1"}, refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Match all"}
	}},
	{name: "key exchange of old servers by choice", server: []string{"KexAlgorithms diffie-hellman-group14-sha1"}, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "KexAlgorithms +diffie-hellman-group14-sha1"}
	}},
	{name: "MAC of old servers", server: []string{"MACs hmac-sha1-96", "Ciphers aes128-ctr"}, refused: true},
	{name: "MAC of old servers, Match", server: []string{"MACs hmac-sha1-96", "Ciphers aes128-ctr"}, refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Match all"}
	}},
	{name: "signatures of old servers", server: []string{"PubkeyAcceptedAlgorithms ssh-rsa"}, refused: true, config: func(t *testing.T, w servers) []string {
		w.keygen(t, "a", "rsa", "")
		w.writeFile(t, "authorized_keys", w.readFile(t, "a.pub"))
		return []string{noAgent, w.identity("a")}
	}},
	{name: "Ciphers -*", refused: true, config: func(_ *testing.T, w servers) []string { return []string{noAgent, w.identity("key"), "Ciphers -*"} }},
	{name: "Ciphers without those that there are", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "Ciphers -aes*,chacha*"}
	}},
	{name: "MACs -*", config: func(_ *testing.T, w servers) []string { return []string{noAgent, w.identity("key"), "MACs -*"} }},
	{name: "MACs -* and a cipher that needs one", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "MACs -*", "Ciphers aes128-ctr"}
	}},
	{name: "KexAlgorithms without those that there are", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "KexAlgorithms -*nist*,curve*,diffie*,sntrup*,mlkem*"}
	}},
	{name: "HostKeyAlgorithms -*", refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "HostKeyAlgorithms -*"}
	}},
	{name: "no common key exchange", server: []string{"KexAlgorithms curve25519-sha256"}, refused: true, config: func(_ *testing.T, w servers) []string {
		return []string{noAgent, w.identity("key"), "KexAlgorithms ecdh-sha2-nistp256"}
	}},
	{name: "host key by choice", config: func(t *testing.T, w servers) []string {
		w.writeFile(t, "known_hosts", w.line(t, "", fmt.Sprintf("[127.0.0.1]:%d", w.port), "host_ecdsa"))
		return []string{noAgent, w.identity("key"), "HostKeyAlgorithms ecdsa-sha2-nistp256"}
	}},
}

// TestAsSSH runs ssh and rcprov with one configuration against one server, and compares how they logged in: user, origin, key, outcome.
// What differs knowingly says so, and stands in cmd/rcprov/README.md.
func TestAsSSH(t *testing.T) {
	t.Parallel()
	needSSH(t)
	for subject, cases := range map[string][]asSSH{
		"keys and agents":                keysAsSSH,
		"what ssh_config says of a host": configAsSSH,
		"proxies":                        proxiesAsSSH,
		"unknown and changed host keys":  unknownAsSSH,
		"known_hosts":                    knownAsSSH,
		"revoked host keys":              revokedAsSSH,
		"KnownHostsCommand":              commandsAsSSH,
		"algorithms":                     algorithmsAsSSH,
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.compare(t)
				})
			}
		})
	}
}

// compare logs in with ssh, then with rcprov.
func (c asSSH) compare(t *testing.T) {
	w, address := c.prepare(t)
	before := w.readFile(t, "known_hosts")
	said, err := exec.Command("ssh", "-F", w.path("config"), "-o", "BatchMode=yes", "--", address, "true").CombinedOutput()
	theirs := w.outcome(0, err == nil)
	if (theirs == "refused") != c.refused {
		t.Fatalf("ssh: %s: %s", theirs, said)
	}
	w.writeFile(t, "known_hosts", before) // as ssh found it
	var told notices
	d := w.dialer()
	d.Notice = told.tell
	offset := len(w.log.String())
	conn, err := d.Connect(t.Context(), Target{Name: "lab", Address: address, Become: Become{Method: "none"}})
	if err == nil {
		defer func() { _ = conn.Close() }()
		_, _, err = conn.Ask(t.Context(), "true")
	}
	ours := w.outcome(offset, err == nil)
	verdict := "same"
	if ours != theirs {
		verdict = "DIFFERS"
		if c.differs != "" {
			verdict = "differs: " + c.differs
		} else {
			t.Errorf("ssh: %s: %s\nrcprov: %s: %v %s", theirs, said, ours, err, told.String())
		}
	} else if c.differs != "" {
		t.Errorf("no difference any more: %s", theirs)
	}
	short := func(text string) string { return filepath.Base(strings.TrimSuffix(text, "\n")) }
	t.Logf("VERDICT | %s | %s | %s", c.name, short(strings.Fields(theirs)[0]), verdict)
}

// prepare starts the server and writes the configuration. It returns the address to log in to.
func (c asSSH) prepare(t *testing.T) (w servers, address string) {
	w = servers{startSSHD(t, c.server...), nil}
	var lines []string
	if c.config != nil {
		if strings.HasPrefix(c.name, "Proxy") {
			w.jump = startSSHD(t)
		}
		lines = c.config(t, w)
	}
	if lines == nil {
		lines = []string{noAgent, w.identity("key")}
	}
	global := "GlobalKnownHostsFile none\n"
	if strings.HasPrefix(c.name, "@revoked in a global") {
		global = ""
	}
	head := fmt.Sprintf("Host *\n"+global+"Host 127.0.0.1\n%s\nUserKnownHostsFile %s\n%s\nHost lab\nHostName 127.0.0.1\nPort %d\n",
		noAgent, w.path("known_hosts"), w.identity("key"), w.port)
	known := "UserKnownHostsFile " + w.path("known_hosts")
	own, _, _ := strings.Cut("\n"+strings.Join(lines, "\n"), "\nHost ")
	if strings.Contains(own, "\nUserKnownHostsFile ") {
		known = ""
	}
	w.writeFile(t, "config", head+known+"\n"+strings.Join(lines, "\n")+"\n")
	address = strings.NewReplacer("PORT", fmt.Sprint(w.port), "USER", whoami(t)).Replace(c.address)
	if address == "" {
		address = "lab"
	}
	return w, address
}

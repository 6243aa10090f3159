package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// script is a Prompt that answers from a list, and remembers what it was asked.
type script struct {
	mu      sync.Mutex
	answers []string
	asked   []string
}

func (s *script) Ask(_ context.Context, question string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, question)
	if len(s.answers) == 0 {
		return "", errors.New("asked once too often")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer, nil
}

func (s *script) AskSecret(ctx context.Context, question string) (string, error) {
	return s.Ask(ctx, question)
}

// fingerprint of a key of the server, as ssh-keygen tells it.
func (s *sshd) fingerprint(t *testing.T, name string) string {
	t.Helper()
	return strings.Fields(run(t, "ssh-keygen", "-l", "-f", s.path(name+".pub")))[1]
}

// line makes a line of known_hosts for the server.
func (s *sshd) line(t *testing.T, marker, name, key string) string {
	t.Helper()
	return strings.TrimSpace(marker+" "+name+" "+s.readFile(t, key+".pub")) + "\n"
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "other", "ed25519", "")
	name := fmt.Sprintf("[127.0.0.1]:%d", server.port)
	knownHosts := server.path("known_hosts")
	shown := "ssh-ed25519 " + server.fingerprint(t, "host_ed25519")
	other := "ssh-ed25519 " + server.fingerprint(t, "other")

	for _, k := range []struct {
		name  string
		known string
		want  string // error and hint; empty: connects
	}{
		{"known", server.line(t, "", name, "host_ed25519"), ""},
		{"known among others", server.line(t, "", "elsewhere", "other") + server.line(t, "", "x,"+name+",y", "host_ed25519"), ""},
		{"hashed", server.line(t, "", xknownhosts.HashHostname(name), "host_ed25519"), ""},
		{"wildcard", server.line(t, "", "127.0.0.*", "host_ed25519"), ""},
		{"only the ECDSA key", server.line(t, "", name, "host_ecdsa"), ""},
		{"revoked elsewhere", server.line(t, "@revoked", "*", "other") + server.line(t, "", name, "host_ed25519"), ""},
		{
			"unknown", "",
			"the host key of " + name + " is not known: it showed " + shown + "\n" +
				"Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host's console. " +
				"Then add it: connect once with `ssh`, or run again with `--accept-new`.",
		},
		{
			"changed", "# comment\n" + server.line(t, "", name, "other"),
			"THE HOST KEY OF " + name + " HAS CHANGED: it showed " + shown + ", but known are " + other + " (" + knownHosts + " line 2)\n" +
				"Someone may be listening in, or the host was reinstalled. If you know that it was, remove the old key (" + knownHosts +
				" line 2) with `ssh-keygen -f " + knownHosts + " -R '" + name + "'`, and run again.",
		},
		{
			"revoked", server.line(t, "", name, "host_ed25519") + server.line(t, "@revoked", "*", "host_ed25519"),
			"the host key of " + name + " is REVOKED: it showed " + shown + ", which is marked so: " + shown + " (" + knownHosts + " line 2)\n" +
				"Don't connect. Give the host a new key, or remove the @revoked line if it is there by mistake.",
		},
		{
			"broken", name + " ssh-ed25519 rubbish!\n",
			"read known_hosts: knownhosts: " + knownHosts + ":1: its key is damaged: that is no base64\n" +
				"Remove or repair that line: it might be one that revokes a key.",
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			server.writeFile(t, "known_hosts", k.known)
			for _, d := range []*Dialer{server.dialer(), {ConfigPath: server.path("config"), AcceptNew: true}} {
				c, err := d.Connect(t.Context(), server.target())
				if err == nil {
					_ = c.Close()
				}
				switch {
				case d.AcceptNew && k.name == "unknown":
				case k.want == "" && err != nil:
					t.Errorf("got %s", explained(err))
				case k.want != "" && err == nil:
					t.Error("connected")
				case k.want != "" && explained(err) != k.want:
					t.Errorf("got:\n%s\nwant:\n%s", explained(err), k.want)
				}
				if got := server.readFile(t, "known_hosts"); got != k.known && k.name != "unknown" {
					t.Errorf("known_hosts was changed to:\n%s", got)
				}
			}
		})
	}
}

func TestAcceptNewRemembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config string
		accept bool
		prefix func(*sshd) string
	}{
		{"flag", "", true, func(s *sshd) string { return fmt.Sprintf("[127.0.0.1]:%d ssh-ed25519 ", s.port) }},
		{"configuration", "StrictHostKeyChecking accept-new", false, func(s *sshd) string { return fmt.Sprintf("[127.0.0.1]:%d ssh-ed25519 ", s.port) }},
		{"hashed", "HashKnownHosts yes", true, func(*sshd) string { return "|1|" }},
		{"alias", "HostKeyAlias The-Host", true, func(*sshd) string { return "the-host ssh-ed25519 " }},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := startSSHD(t)
			server.addConfig(t, c.config)
			server.writeFile(t, "known_hosts", "# no newline at the end")
			d := server.dialer()
			d.AcceptNew = c.accept
			server.connect(t, d, server.target())
			lines := strings.Split(server.readFile(t, "known_hosts"), "\n")
			if len(lines) != 3 || !strings.HasPrefix(lines[1], c.prefix(server)) || lines[2] != "" {
				t.Errorf("known_hosts has %q", lines)
			}
			// Now it is known, to ssh as well.
			server.connect(t, server.dialer(), server.target())
			run(t, "ssh", "-F", server.path("config"), "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-p", fmt.Sprint(server.port), "127.0.0.1", "true")
		})
	}
}

func TestUnknownHostIsAQuestion(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	print := server.fingerprint(t, "host_ed25519")
	for _, q := range []struct {
		name    string
		config  string
		answers []string
		asked   int
		ok      bool
	}{
		{"yes", "", []string{"yes"}, 1, true},
		{"yes after nonsense", "", []string{"sure", "YES "}, 2, true},
		{"fingerprint", "", []string{print}, 1, true},
		{"no", "", []string{"no"}, 1, false},
		{"never", "StrictHostKeyChecking yes", nil, 0, false},
	} {
		t.Run(q.name, func(t *testing.T) {
			server.writeFile(t, "known_hosts", "")
			server.writeFile(t, "config-"+q.name, server.readFile(t, "config")+q.config+"\n")
			prompt := &script{answers: q.answers}
			d := &Dialer{ConfigPath: server.path("config-" + q.name), Prompt: prompt}
			var group sync.WaitGroup
			for range 3 { // who connects at the same time is not asked again
				if !q.ok && q.asked > 0 {
					continue
				}
				group.Go(func() {
					c, err := d.Connect(t.Context(), server.target())
					if q.ok != (err == nil) {
						t.Errorf("got %v", err)
					}
					if err == nil {
						_ = c.Close()
					}
				})
			}
			group.Wait()
			if !q.ok && q.asked > 0 {
				var problem *HostKeyError
				if _, err := d.Connect(t.Context(), server.target()); !errors.As(err, &problem) || problem.Problem != Unknown {
					t.Errorf("got %v", err)
				}
			}
			if len(prompt.asked) != q.asked {
				t.Errorf("asked %q", prompt.asked)
			}
			if q.asked > 0 && (!strings.Contains(prompt.asked[0], "ED25519 key fingerprint is "+print) || !strings.HasSuffix(prompt.asked[0], "(yes/no/[fingerprint])? ")) {
				t.Errorf("asked %q", prompt.asked[0])
			}
		})
	}
}

func TestHostCertificates(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "ca", "rsa", "")
	run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "host", "-h", "-n", "127.0.0.1", server.path("host_ed25519.pub"))
	certified := startSSHDWith(t, server, "HostCertificate "+server.path("host_ed25519-cert.pub"))
	name := fmt.Sprintf("[127.0.0.1]:%d", certified.port)

	certified.writeFile(t, "known_hosts", server.line(t, "@cert-authority", "127.0.0.*", "ca"))
	certified.connect(t, certified.dialer(), certified.target())

	// Without the authority the certificate is no help, but no hindrance either.
	certified.writeFile(t, "known_hosts", server.line(t, "", name, "host_ed25519"))
	certified.connect(t, certified.dialer(), certified.target())
	certified.writeFile(t, "known_hosts", "")
	d := certified.dialer()
	d.AcceptNew = true
	certified.connect(t, d, certified.target())

	// A certificate for another host.
	run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "host", "-h", "-n", "elsewhere", server.path("host_ed25519.pub"))
	wrong := startSSHDWith(t, server, "HostCertificate "+server.path("host_ed25519-cert.pub"))
	wrong.writeFile(t, "known_hosts", server.line(t, "@cert-authority", "*", "ca"))
	_, err := wrong.dialer().Connect(t.Context(), wrong.target())
	var problem *HostKeyError
	if !errors.As(err, &problem) || problem.Problem != Invalid {
		t.Errorf("got %v", err)
	}
}

// Certificates and RSA keys of hosts: ssh is the witness.
func TestHostCertificatesAsSSH(t *testing.T) {
	t.Parallel()
	needSSH(t)
	server := startSSHD(t)
	server.keygen(t, "ca", "rsa", "")
	server.keygen(t, "other", "ed25519", "")
	run(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", server.path("host_rsa"))
	sign := func(args ...string) {
		run(t, append(append([]string{"ssh-keygen", "-q", "-s", server.path("ca"), "-I", "id"}, args...), server.path("host_ed25519.pub"))...)
	}
	host := func(names string) func() { return func() { sign("-h", "-n", names) } }
	bare := func(s *sshd) string { return s.line(t, "@cert-authority", "127.0.0.1", "ca") }
	for _, c := range []struct {
		name   string
		sign   func()
		known  func(s *sshd) string
		config string
		want   string // in the error and its hint; empty: both connect
	}{
		{"authority by the name without the port", host("127.0.0.1"), bare, "", ""},
		{"authority by a pattern with a port", host("127.0.0.1"), func(s *sshd) string { return s.line(t, "@cert-authority", "[*]:*", "ca") }, "", ""},
		{"for another host", host("elsewhere"), bare, "", "is not valid: it is for elsewhere, not for 127.0.0.1\nSign the host's key again (`ssh-keygen -s CA -I ID -h -n 127.0.0.1 ssh_host_ed25519_key.pub`)"},
		{"for another host, and the key is known", host("elsewhere"), func(s *sshd) string {
			return bare(s) + s.line(t, "", fmt.Sprintf("[127.0.0.1]:%d", s.port), "host_ed25519")
		}, "", ""},
		{"for a user", func() { sign("-n", "127.0.0.1") }, bare, "", "it is a certificate for a user, not for a host"},
		{"expired", func() { sign("-h", "-n", "127.0.0.1", "-V", "20200101:20200102") }, bare, "", "it expired on 2020-01-0"},
		{"from tomorrow on", func() { sign("-h", "-n", "127.0.0.1", "-V", "+1d:+2d") }, bare, "", "it is not valid before 2"},
		{"an old algorithm", func() { sign("-h", "-n", "127.0.0.1", "-t", "ssh-rsa") }, bare, "", "its authority signed it with ssh-rsa, which is none of ssh-ed25519, "},
		{"an algorithm that was left out", host("127.0.0.1"), bare, "CASignatureAlgorithms ssh-ed25519", "its authority signed it with rsa-sha2-512, which is none of ssh-ed25519\n"},
		{"an algorithm by choice", func() { sign("-h", "-n", "127.0.0.1", "-t", "ssh-rsa") }, bare, "CASignatureAlgorithms +ssh-rsa", ""},
		{"revoked authority", host("127.0.0.1"), func(s *sshd) string { return bare(s) + s.line(t, "@revoked", "*", "ca") }, "", "the authority that signed the host's certificate is REVOKED: ssh-rsa SHA256:"},
		{"revoked key", host("127.0.0.1"), func(s *sshd) string { return bare(s) + s.line(t, "@revoked", "*", "host_ed25519") }, "", "is REVOKED: it showed ssh-ed25519 "},
		{"RSA key", nil, func(s *sshd) string { return s.line(t, "", "*", "host_rsa") }, "HostKeyAlgorithms rsa-sha2-512", ""},
		{"short RSA key", nil, func(s *sshd) string { return s.line(t, "", "*", "host_rsa") }, "HostKeyAlgorithms rsa-sha2-512\nRequiredRSASize 3000", "an RSA key of 2048 bits is too short: RequiredRSASize of ssh_config (CONFIG line 2) wants 3000"},
	} {
		lines := []string{"HostKey " + server.path("host_rsa")}
		if c.sign != nil {
			c.sign()
			lines = append(lines, "HostCertificate "+server.path("host_ed25519-cert.pub"))
		}
		s := startSSHDWith(t, server, lines...)
		s.writeFile(t, "known_hosts", c.known(s))
		s.writeFile(t, "config", c.config+"\n"+s.readFile(t, "config"))
		said, witness := exec.Command("ssh", "-F", s.path("config"), "-o", "BatchMode=yes", "-p", strconv.Itoa(s.port), "127.0.0.1", "true").CombinedOutput()
		if (witness == nil) != (c.want == "") {
			t.Errorf("%s: ssh says %s", c.name, said)
		}
		conn, err := s.dialer().Connect(t.Context(), s.target())
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(explained(err), strings.ReplaceAll(c.want, "CONFIG", s.path("config"))) {
			t.Errorf("%s: got %s, want %q", c.name, explained(err), c.want)
		}
		if err != nil && strings.Contains(c.name, "revoked") && !strings.Contains(explained(err), "\nDon't connect") {
			t.Errorf("%s: the advice is %s", c.name, explained(err))
		}
	}
}

func TestKnownHostsCannotBeWritten(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	if err := os.Remove(server.path("known_hosts")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(server.path("known_hosts"), 0o700); err != nil {
		t.Fatal(err)
	}
	var told notices
	d := server.dialer()
	d.AcceptNew, d.Notice = true, told.tell
	for range 2 {
		server.connect(t, d, server.target())
	}
	if want := "test: its host key was accepted, but not remembered: "; strings.Count(told.String(), want) != 1 {
		t.Errorf("told %q", told.String())
	}

	// It is still the host's key for this run.
	for _, kind := range []string{"host_ed25519", "host_ecdsa"} {
		if err := os.Remove(server.path(kind)); err != nil {
			t.Fatal(err)
		}
		run(t, "ssh-keygen", "-q", "-t", strings.TrimPrefix(kind, "host_"), "-N", "", "-f", server.path(kind))
	}
	_, err := d.Connect(t.Context(), server.target())
	var problem *HostKeyError
	if !errors.As(err, &problem) || problem.Problem != Changed {
		t.Errorf("another key: %v", err)
	}
}

// A line that can't be read counts for its own host, and when it revokes.
func TestBrokenKnownHosts(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "other", "ed25519", "")
	name := fmt.Sprintf("[127.0.0.1]:%d", server.port)
	good := server.line(t, "", name, "host_ed25519")
	for _, c := range []struct{ known, want string }{
		{"elsewhere ssh-ed25519 rubbish!\n" + good, ""},
		{"elsewhere\n" + good, ""},
		{"|1|bad ssh-ed25519 rubbish!\n" + good + "x ssh-new AAAA\n", ""},
		{name + " ssh-new AAAAB3NzaC1uZXcAAAA=\n" + good, ""},
		{"@cert-authority *.example.com ssh-ed25519 rubbish!\n" + good, ""},
		{good + name + " ssh-ed25519 rubbish!\n", ":2: its key is damaged"},
		{"127.0.0.* ssh-ed25519 rubbish!\n", ":1: its key is damaged"},
		{"x y\n" + xknownhosts.HashHostname(name) + " ssh-ed25519 rubbish!\n", ":2: its key is damaged"},
		{good + "@revoked elsewhere ssh-ed25519 rubbish!\n", ":2: its key is damaged"},
		{"elsewhere 1024 35 12345\n" + good, ""},
		{good + name + " 1024 35 12345\n", ":2: it has a key of SSH's protocol 1"},
		{"elsewhere ssh-ed25519 rubbish!\n" + server.line(t, "", name, "other"), server.path("known_hosts") + " line 2"},
	} {
		server.writeFile(t, "known_hosts", c.known)
		conn, err := server.dialer().Connect(t.Context(), server.target())
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%sgot %v, want %q", c.known, err, c.want)
		}
	}
}

// RevokedHostKeys, plain and as a key revocation list: ssh is the witness.
func TestRevokedHostKeys(t *testing.T) {
	t.Parallel()
	needSSH(t)
	server := startSSHD(t)
	server.keygen(t, "other", "ed25519", "")
	list := server.path("revoked")
	krl := func(names ...string) {
		argv := []string{"ssh-keygen", "-q", "-k", "-f", list}
		for _, n := range names {
			argv = append(argv, server.path(n+".pub"))
		}
		run(t, argv...)
	}
	server.addConfig(t, "RevokedHostKeys "+list)
	for _, c := range []struct {
		name string
		make func()
		want string
	}{
		{"plain", func() { server.writeFile(t, "revoked", "# lost\n"+server.readFile(t, "host_ed25519.pub")) }, "is REVOKED: it showed ssh-ed25519 " + server.fingerprint(t, "host_ed25519")},
		{"others", func() { server.writeFile(t, "revoked", server.readFile(t, "other.pub")) }, ""},
		{"empty", func() { server.writeFile(t, "revoked", "") }, ""},
		{"list", func() { krl("host_ed25519") }, "is REVOKED: it showed ssh-ed25519 " + server.fingerprint(t, "host_ed25519")},
		{"list of others", func() { krl("other") }, ""},
		{"rubbish", func() { server.writeFile(t, "revoked", "rubbish\n") }, "RevokedHostKeys: " + list + " line 1: "},
		{"missing", func() { _ = os.Remove(list) }, "RevokedHostKeys: open " + list},
	} {
		c.make()
		witness := exec.Command("ssh", "-F", server.path("config"), "-o", "BatchMode=yes", "-p", strconv.Itoa(server.port), "127.0.0.1", "true")
		if said, err := witness.CombinedOutput(); (err == nil) != (c.want == "") {
			t.Errorf("%s: ssh says %s", c.name, said)
		}
		for _, acceptNew := range []bool{false, true} {
			d := server.dialer()
			d.AcceptNew = acceptNew
			conn, err := d.Connect(t.Context(), server.target())
			if err == nil {
				_ = conn.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			}
		}
	}
}

// The algorithms of ssh_config are obeyed; without a common one, both sides are named.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "KexAlgorithms diffie-hellman-group16-sha512,curve25519-sha256", "Ciphers aes256-ctr,aes128-ctr", "MACs hmac-sha2-256,hmac-sha2-512")
	for _, c := range []struct{ config, want string }{
		{"KexAlgorithms curve25519-sha256\nCiphers aes256-ctr\nMACs hmac-sha2-512\nHostKeyAlgorithms ssh-ed25519\nPubkeyAcceptedAlgorithms ssh-ed25519", ""},
		{"KexAlgorithms ecdh-sha2-nistp256", "there is no common algorithm for the key exchange: the host has diffie-hellman-group16-sha512, curve25519-sha256"},
		{"Ciphers aes128-gcm@openssh.com", "there is no common algorithm for the cipher: the host has aes256-ctr, aes128-ctr; rcprov offered aes128-gcm@openssh.com"},
		{"Ciphers -aes128*", ""},
		{"Ciphers -*", "nothing is left of the list"},
		{"Ciphers -*", "ssh_config: Ciphers (CONFIG line 5): "},
		{"KexAlgorithms -*", "ssh_config: KexAlgorithms (CONFIG line 5): "},
		{"MACs umac-64@openssh.com", "MACs of ssh_config (CONFIG line 5) has only umac-64@openssh.com; rcprov knows "},
		{"HostKeyAlgorithms ssh-rsa", "there is no common algorithm for the host key: "},
		{"PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256", "PubkeyAcceptedAlgorithms leaves it out"},
	} {
		d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), c.config)
		conn, err := d.Connect(t.Context(), server.target())
		if err == nil {
			_ = conn.Close()
		}
		c.want = strings.ReplaceAll(c.want, "CONFIG", d.ConfigPath)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(explained(err), "Check that the host is up")) {
			t.Errorf("%s: got %v", c.config, err)
		}
	}
}

package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/rcprov/rcprov/modules"
)

// startAgent runs an agent with the named keys of the server, and returns its socket.
func startAgent(t *testing.T, s *sshd, names ...string) string {
	t.Helper()
	return startAgentOf(t, func(a agent.Agent) agent.Agent { return a }, s, names...)
}

// startAgentOf runs an agent that change makes of an honest one.
func startAgentOf(t *testing.T, change func(agent.Agent) agent.Agent, s *sshd, names ...string) string {
	t.Helper()
	keyring := agent.NewKeyring()
	for _, name := range names {
		key, err := ssh.ParseRawPrivateKey([]byte(s.readFile(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", dir+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(change(keyring), conn)
				_ = conn.Close()
			}()
		}
	}()
	return dir + "/socket"
}

// withConfig writes a client configuration that has only the lines beside the known hosts.
func (s *sshd) withConfig(t *testing.T, lines ...string) *Dialer {
	t.Helper()
	s.writeFile(t, "config", "UserKnownHostsFile "+s.path("known_hosts")+"\nGlobalKnownHostsFile none\n"+strings.Join(lines, "\n")+"\n")
	return s.dialer()
}

func TestAgent(t *testing.T) {
	server := startSSHD(t)
	server.keygen(t, "stranger", "ed25519", "")
	socket := startAgent(t, server, "stranger", "key")
	stranger := startAgent(t, server, "stranger")

	server.connect(t, server.withConfig(t, "IdentityFile none", "IdentityAgent "+socket), server.target())
	t.Setenv("SSH_AUTH_SOCK", socket)
	server.connect(t, server.withConfig(t, "IdentityFile none"), server.target())
	t.Setenv("OTHER_SOCK", socket)
	server.connect(t, server.withConfig(t, "IdentityFile none", "IdentityAgent $OTHER_SOCK"), server.target())

	// Only the public key is at hand: the agent's private one is used, and no other.
	server.writeFile(t, "only.pub", server.readFile(t, "key.pub"))
	server.connect(t, server.withConfig(t, "IdentityFile "+server.path("only"), "IdentitiesOnly yes"), server.target())

	_, err := server.withConfig(t, "IdentityFile none", "IdentitiesOnly yes").Connect(t.Context(), server.target())
	wantAuthError(t, err, nil)
	_, err = server.withConfig(t, "IdentityFile none", "IdentityAgent "+stranger).Connect(t.Context(), server.target())
	wantAuthError(t, err, []string{"key of the agent (" + server.fingerprint(t, "stranger") + ")"})

	// An agent that isn't there is no reason to give up.
	server.connect(t, server.withConfig(t, "IdentityFile "+server.path("key"), "IdentityAgent "+socket+"-gone"), server.target())
}

func wantAuthError(t *testing.T, err error, tried []string) {
	t.Helper()
	var refused *AuthError
	if !errors.As(err, &refused) || strings.Join(refused.Tried, ";") != strings.Join(tried, ";") {
		t.Errorf("got %v, want an AuthError after %q", err, tried)
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "stranger", "ecdsa", "")
	d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("stranger"), "IdentityFile "+server.path("missing"))
	_, err := d.Connect(t.Context(), server.target())
	wantAuthError(t, err, []string{"key " + server.path("stranger") + " (" + server.fingerprint(t, "stranger") + ")"})
	want := fmt.Sprintf("127.0.0.1:%d refused to log in %s (it accepts publickey); offered: key %s (%s); not offered: open %s: no such file or directory\n"+
		"Try `ssh -v -p %d %s@127.0.0.1`; add a key there with `ssh-copy-id`, or set user, identity_file or password of the host.",
		server.port, whoami(t), server.path("stranger"), server.fingerprint(t, "stranger"), server.path("missing"), server.port, whoami(t))
	if explained(err) != want {
		t.Errorf("got:\n%s\nwant:\n%s", explained(err), want)
	}

	// The plan's key comes beside those of the configuration.
	target := server.target()
	target.IdentityFile = server.path("key")
	server.connect(t, d, target)

	if err := os.Chmod(server.path("key"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = server.withConfig(t, "IdentityAgent none").Connect(t.Context(), target)
	if err == nil || !strings.Contains(err.Error(), "its mode 0644 lets others read it; `chmod 600 "+server.path("key")+"`") {
		t.Errorf("got %v", err)
	}
}

func TestEncryptedKeys(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "locked", "ed25519", "a passphrase")
	run(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "a passphrase", "-f", server.path("pem"))
	run(t, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "a passphrase", "-f", server.path("pkcs8"))
	run(t, "ssh-keygen", "-q", "-t", "ecdsa", "-m", "PKCS8", "-N", "a passphrase", "-f", server.path("pkcs8-ec"))
	server.keygen(t, "unused", "ed25519", "another")
	for _, name := range []string{"locked", "pem", "pkcs8", "pkcs8-ec"} {
		server.writeFile(t, "authorized_keys", server.readFile(t, name+".pub"))
		// The first key is refused before anyone is asked for its passphrase.
		config := []string{"IdentityAgent none", "IdentityFile " + server.path("unused"), "IdentityFile " + server.path(name)}
		question := fmt.Sprintf("Enter passphrase for key '%s': ", server.path(name))

		d := server.withConfig(t, config...)
		prompt := &script{answers: []string{"wrong", "a passphrase"}}
		d.Prompt = prompt
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				c, err := d.Connect(t.Context(), server.target())
				if err != nil {
					t.Errorf("%s: %s", name, explained(err))
					return
				}
				_ = c.Close()
			})
		}
		group.Wait()
		if got := strings.Join(prompt.asked, "\n"); got != question+"\nWrong passphrase. "+question {
			t.Errorf("%s: asked\n%s", name, got)
		}

		_, err := server.withConfig(t, config...).Connect(t.Context(), server.target())
		if err == nil || !strings.HasSuffix(explained(err), "\nAdd it to an agent: `ssh-add "+server.path(name)+"`.") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUserCertificate(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "ca", "ed25519", "")
	run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "me", "-n", whoami(t), server.path("key.pub"))
	certified := startSSHDWith(t, server, "TrustedUserCAKeys "+server.path("ca.pub"))
	certified.writeFile(t, "authorized_keys", "")
	certified.connect(t, certified.dialer(), certified.target())

	// From elsewhere, and with the key in the agent.
	if err := os.Rename(certified.path("key-cert.pub"), certified.path("elsewhere.pub")); err != nil {
		t.Fatal(err)
	}
	certified.addConfig(t, "CertificateFile "+certified.path("elsewhere.pub"), "IdentityAgent "+startAgent(t, certified, "key"))
	certified.connect(t, certified.dialer(), certified.target())
}

// passwordServer takes one password in two ways.
func passwordServer(method string) *ssh.ServerConfig {
	config := &ssh.ServerConfig{}
	switch method {
	case "password":
		config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) != "right" {
				return nil, errors.New("wrong")
			}
			return nil, nil
		}
	case "keyboard-interactive":
		config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := challenge("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 || answers[0] != "right" {
				return nil, errors.New("wrong")
			}
			return nil, nil
		}
	}
	return config
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"password", "keyboard-interactive"} {
		server := startFake(t, passwordServer(method))
		for _, p := range []struct {
			name     string
			password modules.Secret
			answers  []string
			asked    int
			ok       bool
		}{
			{"of the plan", "right", nil, 0, true},
			{"wrong in the plan", "wrong", nil, 0, false},
			{"typed", "", []string{"wrong", "right"}, 2, true},
			{"wrong all the time", "", []string{"a", "b", "c", "right"}, 3, false},
		} {
			d := server.dialer()
			prompt := &script{answers: p.answers}
			if p.answers != nil {
				d.Prompt = prompt
			}
			target := server.target()
			target.Password = p.password
			c, err := d.Connect(t.Context(), target)
			if err == nil {
				again, err := c.Reconnect(t.Context(), 0) // asks nobody
				if err != nil {
					t.Errorf("%s, %s: again: %v", method, p.name, err)
				} else {
					_ = again.Close()
				}
				_ = c.Close()
			}
			if p.ok != (err == nil) || len(prompt.asked) != p.asked {
				t.Errorf("%s, %s: asked %q, got %v", method, p.name, prompt.asked, err)
			}
			if err != nil && strings.Contains(explained(err), "wrong") {
				t.Errorf("the error has the password: %s", explained(err))
			}
		}
	}
}

// refusingAgent has keys and doesn't sign: the person said no, or wasn't there.
type refusingAgent struct{ agent.ExtendedAgent }

func (refusingAgent) SignWithFlags(ssh.PublicKey, []byte, agent.SignatureFlags) (*ssh.Signature, error) {
	return nil, errors.New("agent refused operation")
}

// A key that can't be used is one key less, as for ssh; the error says why.
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "locked", "ed25519", "a passphrase")
	server.writeFile(t, "authorized_keys", server.readFile(t, "locked.pub")+server.readFile(t, "key.pub"))
	locked, key := "IdentityFile "+server.path("locked"), "IdentityFile "+server.path("key")

	server.connect(t, server.withConfig(t, "IdentityAgent none", locked, key), server.target())

	d := server.withConfig(t, "IdentityAgent none", locked, key)
	prompt := &script{answers: []string{""}}
	d.Prompt = prompt
	server.connect(t, d, server.target())
	server.connect(t, d, server.target()) // who didn't want to isn't asked again
	if len(prompt.asked) != 1 {
		t.Errorf("asked %q", prompt.asked)
	}

	server.keygen(t, "held", "ed25519", "")
	server.writeFile(t, "authorized_keys", server.readFile(t, "held.pub")+server.readFile(t, "key.pub"))
	socket := startAgentOf(t, func(a agent.Agent) agent.Agent { return refusingAgent{a.(agent.ExtendedAgent)} }, server, "held")
	server.connect(t, server.withConfig(t, "IdentityAgent "+socket, key), server.target())
	_, err := server.withConfig(t, "IdentityAgent "+socket, "IdentityFile none").Connect(t.Context(), server.target())
	if err == nil || !strings.Contains(err.Error(), "not offered: signature with the key of the agent ("+server.fingerprint(t, "held")+"): ") ||
		!strings.HasSuffix(explained(err), "or add the key anew with `ssh-add`.") {
		t.Errorf("got %v", err)
	}
}

// The server wants two keys: after the first, the next is tried.
func TestTwoKeys(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "AuthenticationMethods publickey,publickey")
	server.keygen(t, "second", "ecdsa", "")
	server.writeFile(t, "authorized_keys", server.readFile(t, "key.pub")+server.readFile(t, "second.pub"))
	server.connect(t, server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), "IdentityFile "+server.path("second")), server.target())
}

// The private key of a CertificateFile is in the agent alone.
func TestCertificateOfTheAgent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "ca", "ed25519", "")
	run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "me", "-n", whoami(t), server.path("key.pub"))
	certified := startSSHDWith(t, server, "TrustedUserCAKeys "+server.path("ca.pub"))
	certified.writeFile(t, "authorized_keys", "")
	socket := startAgent(t, certified, "key")
	certified.connect(t, certified.withConfig(t, "IdentityFile none", "IdentityAgent "+socket, "CertificateFile "+certified.path("key-cert.pub")), certified.target())
}

// PreferredAuthentications and its relatives decide what is tried; keys don't use up the tries before a password of the plan.
func TestMethods(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	var keys []string
	for i := range 8 {
		name := fmt.Sprintf("held%d", i)
		server.keygen(t, name, "ed25519", "")
		keys = append(keys, name)
	}
	socket := startAgent(t, server, keys...)
	fake := startFake(t, withKeys(passwordServer("password")))
	for _, c := range []struct {
		config string
		ok     bool
		tried  int
	}{
		{"PreferredAuthentications password", true, 1},
		{"PubkeyAuthentication no", true, 1},
		{"", true, keysFirst + 1},
		{"PasswordAuthentication no", false, 6},
		{"PreferredAuthentications publickey", false, 6},
	} {
		fake.write(t, "config", "UserKnownHostsFile "+fake.dir+"/known_hosts\nIdentityFile none\nIdentityAgent "+socket+"\n"+c.config+"\n")
		target := fake.target()
		target.Password = "right"
		conn, err := fake.dialer().Connect(t.Context(), target)
		if err == nil {
			_ = conn.Close()
		}
		var refused *AuthError
		if (err == nil) != c.ok || !c.ok && (!errors.As(err, &refused) || len(refused.Tried) != c.tried) {
			t.Errorf("%q: got %v", c.config, err)
		}
	}
}

// withKeys makes a server take no key.
func withKeys(config *ssh.ServerConfig) *ssh.ServerConfig {
	config.MaxAuthTries = 6
	config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("unknown")
	}
	return config
}

// A plan's password is for questions about it. A code is for the person, and good for one login.
func TestCodes(t *testing.T) {
	t.Parallel()
	var got []string
	var mu sync.Mutex
	config := &ssh.ServerConfig{}
	config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		var all []string
		for _, question := range []string{"(someone@host) Password: ", "Verification code: "} {
			answers, err := challenge("", "", []string{question}, []bool{false})
			if err != nil {
				return nil, err
			}
			all = append(all, answers...)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, all...)
		return nil, nil
	}
	server := startFake(t, config)
	target := server.target()
	_, err := func() (*Conn, error) {
		target.Password = "secret"
		return server.dialer().Connect(t.Context(), target)
	}()
	if err == nil || !strings.Contains(err.Error(), `keyboard-interactive: the host asks "Verification code:", and there is nobody to answer`) {
		t.Errorf("got %v", err)
	}
	for _, password := range []modules.Secret{"secret", ""} {
		target.Password = password
		got = nil
		d := server.dialer()
		prompt := &script{answers: []string{"111", "222"}}
		if password == "" {
			prompt.answers = []string{"secret", "111", "222"}
		}
		d.Prompt = prompt
		c, err := d.Connect(t.Context(), target)
		if err != nil {
			t.Fatal(explained(err))
		}
		again, err := c.Reconnect(t.Context(), 0)
		if err != nil {
			t.Fatal(explained(err))
		}
		_, _ = again.Close(), c.Close()
		if strings.Join(got, " ") != "secret 111 secret 222" {
			t.Errorf("the host got %q", got)
		}
	}
}

func TestAsksPassword(t *testing.T) {
	t.Parallel()
	for question, want := range map[string]bool{
		"Password: ": true, "root@web's password: ": true, "(root@web) Password for root@web:": true, "Passwort: ": true, "Mot de passe : ": true,
		"Verification code: ": false, "One-time password (OATH) for `root': ": false, "Passcode or option (1-2): ": false, "": false,
		"Enter PIN: ": false, "New password: ": false, "Duo two-factor login\nPasscode: ": false, "Your favourite colour? ": false,
	} {
		if asksPassword(question) != want {
			t.Errorf("%q: %v", question, !want)
		}
	}
}

// A key on a security key works through an agent alone; the error says so.
func TestSecurityKeyWithoutAgent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	public := ssh.Marshal(struct {
		Name string
		Key  []byte
		App  string
	}{ssh.KeyAlgoSKED25519, make([]byte, 32), "ssh:"})
	server.writeFile(t, "sk", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
	server.writeFile(t, "sk.pub", ssh.KeyAlgoSKED25519+" "+base64.StdEncoding.EncodeToString(public)+"\n")
	_, err := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("sk")).Connect(t.Context(), server.target())
	if err == nil || !strings.Contains(explained(err), "it is on a security key, which rcprov uses through an agent") ||
		!strings.HasSuffix(explained(err), "\nAdd it to an agent: `ssh-add "+server.path("sk")+"`.") {
		t.Errorf("got %v", err)
	}
}

// A host that asks nothing, but waits for a confirmation on a phone, lets people in who have no terminal, as with ssh.
func TestPushWithoutQuestions(t *testing.T) {
	t.Parallel()
	server := startFake(t, &ssh.ServerConfig{
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			_, err := challenge("", "Pushed a login request to your phone", nil, nil)
			return nil, err
		},
	})
	var told notices
	d := server.dialer()
	d.Notice = told.tell
	c, err := d.Connect(t.Context(), server.target())
	if err != nil {
		t.Fatal(explained(err))
	}
	_ = c.Close()
	if !told.has("fake: the host says: Pushed a login request to your phone") {
		t.Errorf("told %q", told.String())
	}

	server.write(t, "config", "UserKnownHostsFile "+server.dir+"/known_hosts\nIdentityFile none\nIdentityAgent none\nBatchMode yes\n")
	if _, err := server.dialer().Connect(t.Context(), server.target()); err == nil {
		t.Error("BatchMode: logged in")
	}

	asks := startFake(t, passwordServer("keyboard-interactive"))
	_, err = asks.dialer().Connect(t.Context(), asks.target())
	wantAuthError(t, err, nil)
	if want := `not offered: keyboard-interactive: the host asks "Password:", and there is nobody to answer`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// An expired password is not a wrong one, and the new one is what further connections use.
func TestExpiredPassword(t *testing.T) {
	t.Parallel()
	current := "old"
	config := &ssh.ServerConfig{}
	config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		questions := []string{"Password: "}
		if current == "old" {
			questions = append(questions, "You are required to change your password immediately (administrator enforced).\nCurrent password: ", "New password: ", "Retype new password: ")
		}
		for i, question := range questions {
			answers, err := challenge("", "", []string{question}, []bool{false})
			if err != nil {
				return nil, err
			}
			if i < 2 && answers[0] != current {
				return nil, errors.New("wrong")
			}
			if i == 3 {
				current = answers[0]
			}
		}
		return nil, nil
	}
	server := startFake(t, config)
	d := server.dialer()
	prompt := &script{answers: []string{"wrong", "old", "old", "new", "new"}}
	d.Prompt = prompt
	c, err := d.Connect(t.Context(), server.target())
	if err != nil {
		t.Fatal(explained(err))
	}
	for i, question := range prompt.asked {
		if strings.Contains(question, "did not accept") != (i == 1) {
			t.Errorf("question %d: %s", i, question)
		}
	}
	again, err := c.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatal(explained(err))
	}
	_, _ = again.Close(), c.Close()

	current = "old"
	target := server.target()
	target.Password = "old"
	_, err = server.dialer().Connect(t.Context(), target)
	if err == nil || !strings.Contains(explained(err), "The password has expired. Log in as someone by hand") {
		t.Errorf("got %v", explained(err))
	}
}

// Who can't log in reads why, and what to do about that.
func TestReasonsOfRefusals(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	for name, c := range map[string]struct {
		lines    []string
		config   *ssh.ServerConfig // nil: that of sshd, for keys
		password modules.Secret
		want     string
		hint     string
	}{
		"only the public key": {lines: []string{"IdentityAgent none", "IdentityFile " + server.path("key.pub")}, want: "there was nothing to offer; not offered: " +
			server.path("key.pub") + ": it has the public key, and no agent has the private one"},
		"no key":        {lines: []string{"IdentityAgent none", "IdentityFile none"}, want: "not offered: a key: no key file is there, and no agent has one"},
		"switched off":  {lines: []string{"PubkeyAuthentication no"}, want: "not offered: publickey: ssh_config switches it off"},
		"only password": {config: passwordServer("password"), want: "not offered: password: the plan has no password for the host, and there is nobody to ask"},
		"wrong password": {
			config: passwordServer("password"), password: "mistaken", want: "offered: password",
			hint: "The host did not accept the password of the plan for someone: check `password`",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if c.config != nil {
				fake := startFake(t, c.config)
				target := fake.target()
				target.Password = c.password
				_, err = fake.dialer().Connect(t.Context(), target)
			} else {
				_, err = server.withConfig(t, c.lines...).Connect(t.Context(), server.target())
			}
			var refused *AuthError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(explained(err), c.hint) {
				t.Errorf("got %v", explained(err))
			}
		})
	}
}

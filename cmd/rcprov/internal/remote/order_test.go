package remote

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// TestOrderOfKeys: keys and certificates are offered in the order in which ssh offers them, to a server that takes none.
func TestOrderOfKeys(t *testing.T) {
	t.Parallel()
	needSSH(t)
	server := startSSHD(t, "MaxAuthTries 30")
	server.writeFile(t, "authorized_keys", "")
	server.keygen(t, "ca", "ed25519", "")
	for _, name := range []string{"k1", "k2", "k3", "k4", "k5"} {
		server.keygen(t, name, "ed25519", "")
	}
	server.keygen(t, "rsa", "rsa", "")
	certify := func(name string) {
		run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "me", "-n", "nobody", server.path(name+".pub"))
	}
	for _, name := range []string{"k4", "k5", "rsa"} {
		certify(name)
	}
	server.writeFile(t, "elsewhere.pub", server.readFile(t, "k4-cert.pub"))
	server.writeFile(t, "only.pub", server.readFile(t, "k2.pub"))
	certified := func(a agent.Agent) agent.Agent { // as ssh-add does with a key that has a certificate
		for _, name := range []string{"k5", "rsa"} {
			key, err := ssh.ParseRawPrivateKey([]byte(server.readFile(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			cert, err := readCertificate(server.path(name + "-cert.pub"))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Add(agent.AddedKey{PrivateKey: key}); err != nil {
				t.Fatal(err)
			}
			if err := a.Add(agent.AddedKey{PrivateKey: key, Certificate: cert}); err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	plain, mixed := startAgent(t, server, "k3", "k2", "k5"), startAgentOf(t, certified, server, "k2")
	offering := regexp.MustCompile(`Offering public key: .* (\S+) (SHA256:\S+)`)
	tried := regexp.MustCompile(`^key .*\((SHA256:\S+)\)$`)
	for name, lines := range map[string][]string{
		"stale certificates beside":       {"IdentityAgent none", "IdentityFile k1", "IdentityFile k4", "IdentityFile k5"},
		"CertificateFile":                 {"IdentityAgent none", "IdentityFile k1", "IdentityFile k5", "IdentityFile k4", "CertificateFile elsewhere.pub"},
		"agent":                           {"IdentityAgent " + plain, "IdentityFile k1", "IdentityFile k2", "IdentityFile k4"},
		"agent, IdentitiesOnly":           {"IdentityAgent " + plain, "IdentityFile k1", "IdentityFile k2", "IdentityFile k5", "IdentitiesOnly yes"},
		"agent, public key at hand":       {"IdentityAgent " + plain, "IdentityFile k1", "IdentityFile only"},
		"agent, CertificateFile":          {"IdentityAgent " + plain, "IdentityFile k1", "IdentityFile k4", "CertificateFile elsewhere.pub", "CertificateFile k5-cert.pub"},
		"agent with certificates":         {"IdentityAgent " + mixed, "IdentityFile k1", "IdentityFile k5"},
		"agent with certificates, only":   {"IdentityAgent " + mixed, "IdentityFile k4", "IdentityFile rsa", "IdentitiesOnly yes"},
		"agent with certificates, no key": {"IdentityAgent " + mixed, "IdentityFile none"},
		"algorithms":                      {"IdentityAgent " + mixed, "IdentityFile k1", "IdentityFile rsa", "PubkeyAcceptedAlgorithms rsa-sha2-256,ssh-ed25519-cert-v01@openssh.com"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, line := range lines {
				if key, value, _ := strings.Cut(line, " "); key == "CertificateFile" || key == "IdentityFile" && value != "none" {
					lines[i] = key + " " + server.path(value)
				}
			}
			d := server.withConfig(t, lines...)
			said, _ := exec.Command("ssh", "-v", "-F", server.path("config"), "-o", "BatchMode=yes", "-p", strings.Split(server.address(), ":")[1], "127.0.0.1", "true").CombinedOutput()
			var theirs, ours []string
			for _, m := range offering.FindAllStringSubmatch(strings.NewReplacer(" explicit", "", " agent", "", "\r", "").Replace(string(said)), -1) {
				if strings.HasSuffix(m[1], "-CERT") {
					m[2] += " certificate"
				}
				theirs = append(theirs, m[2])
			}
			_, err := d.Connect(t.Context(), server.target())
			var refused *AuthError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			for _, text := range refused.Tried {
				key := tried.FindStringSubmatch(text)[1]
				if strings.Contains(text, "with its certificate") {
					key += " certificate"
				}
				ours = append(ours, key)
			}
			if len(theirs) == 0 || strings.Join(ours, "\n") != strings.Join(theirs, "\n") {
				t.Errorf("ssh offers\n%s\nrcprov offers\n%s\n%v\nssh said:\n%s", strings.Join(theirs, "\n"), strings.Join(ours, "\n"), err, said)
			}
		})
	}
}

// The good key comes before stale certificates of others, and the server throws out after two tries.
func TestFewTries(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "MaxAuthTries 2")
	server.keygen(t, "ca", "ed25519", "")
	config := []string{"IdentityAgent none", "IdentityFile " + server.path("key")}
	for _, name := range []string{"k4", "k5"} {
		server.keygen(t, name, "ed25519", "")
		run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "me", "-n", "nobody", server.path(name+".pub"))
		config = append(config, "IdentityFile "+server.path(name))
	}
	server.connect(t, server.withConfig(t, config...), server.target())
}

// A certificate that the agent holds is used.
func TestCertificateInTheAgent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.keygen(t, "ca", "ed25519", "")
	run(t, "ssh-keygen", "-q", "-s", server.path("ca"), "-I", "me", "-n", whoami(t), server.path("key.pub"))
	trusting := startSSHDWith(t, server, "TrustedUserCAKeys "+server.path("ca.pub"))
	trusting.writeFile(t, "authorized_keys", "")
	socket := startAgentOf(t, func(a agent.Agent) agent.Agent {
		key, err := ssh.ParseRawPrivateKey([]byte(server.readFile(t, "key")))
		if err != nil {
			t.Fatal(err)
		}
		cert, err := readCertificate(server.path("key-cert.pub"))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Add(agent.AddedKey{PrivateKey: key, Certificate: cert}); err != nil {
			t.Fatal(err)
		}
		return a
	}, server)
	trusting.connect(t, trusting.withConfig(t, "IdentityFile none", "IdentityAgent "+socket), trusting.target())
}

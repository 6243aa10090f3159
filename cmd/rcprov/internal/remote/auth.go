package remote

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

// authentication logs one user in to one server, in the order of OpenSSH: keys, keyboard-interactive, password.
type authentication struct {
	ctx      context.Context
	dialer   *Dialer
	settings *settings
	sameAs   *settings // of another port of the same host; may be nil
	name     string    // of the host in the plan; empty for a jump host
	password string    // given in the plan
	kept     bool      // the password that was accepted before was offered
	typed    string    // what the person typed last
	pause    func() (resume func())
	agent    io.Closer // nil: none

	keysDone    bool
	interactive int // how often it was tried
	passwords   int

	allowed []string
	tried   []string
	skipped []string
}

// maxPasswords is how often a person may type a password: NumberOfPasswordPrompts.
const maxPasswords = 3

// next is the ssh.ClientAuthCallback: it returns the method to try, nil if none is left.
func (a *authentication) next(server *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.allowed = server.AllowedMethods
	takes := func(method string) bool { return slices.Contains(a.allowed, method) }
	if takes("publickey") && !a.keysDone {
		a.keysDone = true
		if signers := a.signers(); len(signers) > 0 {
			return ssh.PublicKeys(signers...), nil
		}
	}
	limit := 0
	switch {
	case a.password != "":
		limit = 1
	case a.dialer.Prompt != nil:
		limit = maxPasswords
	}
	if takes("keyboard-interactive") && a.interactive < limit {
		a.interactive++
		a.tried = append(a.tried, "keyboard-interactive")
		return ssh.KeyboardInteractive(a.answer), nil
	}
	if takes("password") && a.passwords < limit {
		a.passwords++
		a.tried = append(a.tried, "password")
		return ssh.PasswordCallback(func() (string, error) {
			return a.secret(a.who() + ": password: ")
		}), nil
	}
	return nil, nil
}

// who names the login in a question: the host's words must not be able to name another one.
func (a *authentication) who() string {
	who := fmt.Sprintf("Login of %s at %s", a.settings.user, a.settings.address())
	if a.name != "" {
		who += fmt.Sprintf(" (%s)", a.name)
	}
	return who
}

const (
	maxQuestions = 8    // in one message of keyboard-interactive
	maxQuestion  = 2000 // bytes of a question or an instruction that are shown
)

// answer answers the questions of keyboard-interactive, mostly one for the password. The host's words are shown as such: each line
// behind a bar, after ours.
func (a *authentication) answer(_, instruction string, questions []string, _ []bool) ([]string, error) {
	if len(questions) > maxQuestions {
		return nil, fmt.Errorf("the host asks %d questions at once", len(questions))
	}
	answers := make([]string, len(questions))
	for i, question := range questions {
		var text strings.Builder
		fmt.Fprintf(&text, "%s: the host asks\n", a.who())
		for _, words := range []string{instruction, question} {
			words = strings.TrimSpace(words[:min(len(words), maxQuestion)])
			for line := range strings.Lines(words) {
				text.WriteString("  | " + visible.Line(strings.TrimSpace(line)) + "\n")
			}
		}
		fmt.Fprintf(&text, "%s: answer: ", a.who())
		var err error
		if answers[i], err = a.secret(text.String()); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// remember keeps the password that a person typed, after it was accepted, for further connections.
func (a *authentication) remember() {
	if a.typed != "" {
		a.dialer.logins.set(a.settings.login(), a.typed)
	}
}

// remembered returns the password that a person typed for an earlier connection to the same host.
func (a *authentication) remembered() string {
	typed := a.dialer.logins.get(a.settings.login())
	if typed == "" && a.sameAs != nil {
		typed = a.dialer.logins.get(a.sameAs.login())
	}
	return typed
}

// secret returns the plan's password or the one that was accepted before, or asks for one.
func (a *authentication) secret(question string) (typed string, err error) {
	if a.password != "" {
		return a.password, nil
	}
	if kept := a.remembered(); kept != "" && !a.kept {
		a.kept = true
		return kept, nil
	}
	if a.dialer.Prompt == nil {
		return "", errors.New("there is nobody to ask for a password")
	}
	defer a.pause()()
	release, err := a.dialer.ask(a.ctx)
	if err != nil {
		return "", err
	}
	defer release()
	a.typed, err = a.dialer.Prompt.AskSecret(a.ctx, question)
	return a.typed, err
}

// signers returns the keys to offer, in OpenSSH's order (sshconnect2.c, pubkey_prepare): certificates, keys of the agent
// that are configured, other keys of the agent, keys that are only in files. Private keys in files are decrypted
// when the server has accepted the public one, so that nobody types a passphrase for nothing.
func (a *authentication) signers() []ssh.Signer {
	files := a.fileKeys()
	held := a.agentKeys()
	var list []ssh.Signer
	offer := func(s ssh.Signer, where string) {
		blob := s.PublicKey().Marshal()
		if slices.ContainsFunc(list, func(other ssh.Signer) bool { return bytes.Equal(other.PublicKey().Marshal(), blob) }) {
			return
		}
		list = append(list, s)
		a.tried = append(a.tried, fmt.Sprintf("key %s (%s)", where, ssh.FingerprintSHA256(s.PublicKey())))
	}
	inAgent := func(key ssh.PublicKey) ssh.Signer {
		for _, s := range held {
			if bytes.Equal(s.PublicKey().Marshal(), key.Marshal()) {
				return s
			}
		}
		return nil
	}
	for _, f := range files {
		for _, cert := range a.certificates(f) {
			var signer ssh.Signer = f
			if s := inAgent(f.public); s != nil {
				signer = s
			}
			if certified, err := ssh.NewCertSigner(cert, signer); err == nil {
				offer(certified, f.path+" with its certificate")
			}
		}
	}
	for _, f := range files {
		if s := inAgent(f.public); s != nil {
			offer(s, f.path+" of the agent")
		}
	}
	if !a.settings.identitiesOnly {
		for _, s := range held {
			offer(s, "of the agent")
		}
	}
	for _, f := range files {
		if !f.publicOnly {
			offer(f, f.path)
		}
	}
	return list
}

// agentKeys asks the agent for its keys; none when there is no agent.
func (a *authentication) agentKeys() []ssh.Signer {
	if a.settings.identityAgent == "" {
		return nil
	}
	socket, err := dialAgent(a.ctx, a.settings.identityAgent)
	if err != nil {
		a.skipped = append(a.skipped, "keys of the agent: "+err.Error())
		return nil
	}
	signers, err := agent.NewClient(socket).Signers()
	if err != nil {
		_ = socket.Close()
		a.skipped = append(a.skipped, "keys of the agent: "+err.Error())
		return nil
	}
	a.agent = socket // open until the handshake is over: it signs
	return signers
}

// close closes the connection to the agent.
func (a *authentication) close() {
	if a.agent != nil {
		_ = a.agent.Close()
	}
}

// fileKeys returns the configured key files that exist.
func (a *authentication) fileKeys() []*fileKey {
	var keys []*fileKey
	for _, path := range a.settings.identityFiles {
		key, err := a.dialer.identities.load(path)
		switch {
		case err == nil:
			keys = append(keys, &fileKey{identity: key, login: a})
		case errors.Is(err, fs.ErrNotExist) && a.settings.defaultIdentity:
		default:
			a.skipped = append(a.skipped, err.Error())
		}
	}
	return keys
}

// certificates returns the certificates for the key f: the file beside it, and those of CertificateFile.
func (a *authentication) certificates(f *fileKey) []*ssh.Certificate {
	var list []*ssh.Certificate
	for _, path := range append([]string{f.path + "-cert.pub"}, a.settings.certificateFiles...) {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // most keys have no such file
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(content)
		if err != nil {
			a.skipped = append(a.skipped, fmt.Sprintf("%s: %v", path, err))
			continue
		}
		if cert, ok := key.(*ssh.Certificate); ok && bytes.Equal(cert.Key.Marshal(), f.public.Marshal()) {
			list = append(list, cert)
		}
	}
	return list
}

// fileKey is an identity, used as a signer in one login.
type fileKey struct {
	*identity
	login *authentication
}

func (f *fileKey) PublicKey() ssh.PublicKey { return f.public }

func (f *fileKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return f.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm implements ssh.AlgorithmSigner, which RSA keys need for SHA-2.
func (f *fileKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := f.unlock(f.login)
	if err != nil {
		return nil, err
	}
	if s, ok := signer.(ssh.AlgorithmSigner); ok {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// identities caches the key files by path; a passphrase is asked once for all hosts.
type identities struct {
	mu    sync.Mutex
	files map[string]*identity
}

// identity is a private key in a file.
type identity struct {
	path       string
	public     ssh.PublicKey
	publicOnly bool // the file holds a public key: the private one is in the agent
	content    []byte

	mu     sync.Mutex
	signer ssh.Signer // nil until unlocked
}

func (i *identities) load(path string) (*identity, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if key := i.files[path]; key != nil {
		return key, nil
	}
	key, err := readIdentity(path)
	if err != nil {
		return nil, err
	}
	if i.files == nil {
		i.files = make(map[string]*identity)
	}
	i.files[path] = key
	return key, nil
}

func readIdentity(path string) (*identity, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if public, pubErr := readPublic(path + ".pub"); pubErr == nil {
			return &identity{path: path, public: public, publicOnly: true}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(content); err == nil {
		return &identity{path: path, public: public, publicOnly: true}, nil
	}
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	key := &identity{path: path, content: content}
	key.signer, err = ssh.ParsePrivateKey(content)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		key.public = key.signer.PublicKey()
		return key, nil
	case !errors.As(err, &locked):
		return nil, fmt.Errorf("%s: %w", path, err)
	case locked.PublicKey != nil:
		key.public = locked.PublicKey
		return key, nil
	}
	// An encrypted key in PEM format doesn't contain its public key.
	if key.public, err = readPublic(path + ".pub"); err != nil {
		return nil, fmt.Errorf("%s: it is encrypted, and there is no %s.pub; create it with `ssh-keygen -y -f %s >%s.pub`", path, path, path, path)
	}
	return key, nil
}

func readPublic(path string) (ssh.PublicKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(content)
	return key, err
}

// unlock returns the private key, and asks for its passphrase if there is one.
func (key *identity) unlock(login *authentication) (ssh.Signer, error) {
	defer login.pause()() // also while another login waits for its passphrase
	key.mu.Lock()
	defer key.mu.Unlock()
	if key.signer != nil {
		return key.signer, nil
	}
	if login.dialer.Prompt == nil {
		return nil, modules.WithHint(fmt.Errorf("the key %s is encrypted, and there is nobody to ask for its passphrase", key.path),
			"Add it to an agent: `ssh-add %s`.", key.path)
	}
	release, err := login.dialer.ask(login.ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	question := fmt.Sprintf("Enter passphrase for key '%s': ", key.path)
	for range maxPasswords {
		passphrase, err := login.dialer.Prompt.AskSecret(login.ctx, question)
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(key.content, []byte(passphrase))
		if err == nil {
			key.signer = signer
			return signer, nil
		}
		if !errors.Is(err, x509.IncorrectPasswordError) {
			return nil, fmt.Errorf("%s: %w", key.path, err)
		}
		question = fmt.Sprintf("Wrong passphrase. Enter passphrase for key '%s': ", key.path)
	}
	return nil, fmt.Errorf("the key %s: wrong passphrase", key.path)
}

// explain returns an [*AuthError] for a handshake that failed after the host key was accepted.
func (a *authentication) explain(err error) error {
	failure := &AuthError{
		User: a.settings.user, Address: a.settings.address(), Allowed: a.allowed, Tried: a.tried, Skipped: a.skipped, Err: err,
	}
	var hint *modules.HintError
	switch {
	case errors.As(err, &hint):
		return modules.WithHint(fmt.Errorf("%w: %w", failure, hint.Err), "%s", hint.Hint)
	case strings.Contains(err.Error(), "Too many authentication failures"):
		return modules.WithHint(fmt.Errorf("%w; it gave up after too many tries", failure),
			"Set identity_file for the host, and `IdentitiesOnly yes` in ssh_config, so that only that key is offered.")
	}
	return modules.WithHint(failure, "Try `ssh -v -p %d %s@%s`; add a key there with `ssh-copy-id`, or set user, identity_file or password of the host.",
		a.settings.port, a.settings.user, a.settings.hostName)
}

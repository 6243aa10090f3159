package remote

import (
	"bytes"
	"cmp"
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
	"time"

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
	typed    string    // the password that the person typed last
	pause    func() (resume func())
	waits    *waiting
	closed   func() error // how the host closed the connection; nil if it did not
	agent    io.Closer    // nil: none
	agentErr error        // why the agent can't be used any more

	keys        []*offer // that are left; nil until the first is wanted
	offered     int      // how many keys were handed out
	interactive int      // how often it was tried
	passwords   int
	attempts    int // interactive and passwords
	typedIn     int // the attempt in which typed was typed

	allowed []string
	tried   []string
	skipped []string
	hint    string // what to do about a skipped key
}

// maxPasswords is how often a person may type a password if NumberOfPasswordPrompts isn't set.
const maxPasswords = 3

// keysFirst is how many keys are offered before a password of the plan: sshd ends a login that fails six times (MaxAuthTries).
const keysFirst = 4

// next is the ssh.ClientAuthCallback: it returns the method to try, nil if none is left.
func (a *authentication) next(server *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if a.ctx.Err() != nil {
		return nil, context.Cause(a.ctx)
	}
	if err := a.closed(); err != nil {
		return nil, err
	}
	a.allowed = server.AllowedMethods
	methods := a.settings.methods
	if a.password != "" && a.offered >= keysFirst {
		last := func(method string) int {
			if method == publicKey {
				return 1
			}
			return 0
		}
		methods = slices.SortedStableFunc(slices.Values(methods), func(x, y string) int { return last(x) - last(y) })
	}
	for _, method := range methods {
		if !slices.Contains(a.allowed, method) {
			continue
		}
		if m := a.method(method); m != nil {
			return m, nil
		}
	}
	return nil, nil
}

const (
	publicKey   = "publickey"
	interactive = "keyboard-interactive"
	password    = "password"
)

// person returns who can be asked; nil: nobody.
func (a *authentication) person() Prompt { return a.dialer.person(a.settings) }

// method returns another try of a method, nil if none is left.
func (a *authentication) method(name string) ssh.AuthMethod {
	limit := 0
	switch {
	case a.password != "":
		limit = 1
	case a.person() != nil:
		limit = a.settings.passwordPrompts
	case name == interactive && !a.settings.batch:
		limit = 1 // the host may ask nothing, but wait for a confirmation on a phone
	}
	switch {
	case name == publicKey:
		if a.keys == nil {
			a.keys = a.offers()
		}
		if a.agentErr != nil {
			a.keys = slices.DeleteFunc(a.keys, func(o *offer) bool { return o.inAgent })
		}
		if len(a.keys) == 0 {
			return nil
		}
		key := a.keys[0]
		a.keys = a.keys[1:]
		a.offered++
		a.tried = append(a.tried, key.name)
		a.waits.set("the host to answer about the " + key.name)
		return ssh.PublicKeys(key)
	case name == interactive && a.interactive < limit:
		a.interactive++
		a.attempts++
		a.tried = append(a.tried, name)
		a.waits.set("the host to ask")
		return ssh.KeyboardInteractive(a.answer)
	case name == password && a.passwords < limit:
		a.passwords++
		a.attempts++
		a.tried = append(a.tried, name)
		return ssh.PasswordCallback(func() (string, error) {
			defer a.waits.set(secondFactor)
			return a.secret(a.who() + ": password: ")
		})
	}
	return nil
}

// secondFactor is what a host may do after it has the answers.
const secondFactor = "the host to accept that; it may wait for a second factor, such as a confirmation on a phone"

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
func (a *authentication) answer(_, instruction string, questions []string, echos []bool) ([]string, error) {
	if len(questions) > maxQuestions {
		return nil, fmt.Errorf("the host asks %d questions at once", len(questions))
	}
	defer a.waits.set(secondFactor)
	if said := strings.TrimSpace(instruction); len(questions) == 0 && said != "" {
		a.dialer.notice(cmp.Or(a.name, a.settings.alias), "the host says: "+visible.Line(firstWords(said)))
	}
	answers := make([]string, len(questions))
	for i, question := range questions {
		if isExpired(instruction + question) {
			a.hint = passwordExpiredHint(a.settings.user)
		}
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
		hidden := i < len(echos) && !echos[i]
		if hidden && asksPassword(question) && (a.password != "" || a.person() != nil) {
			answers[i], err = a.secret(text.String())
		} else {
			answers[i], err = a.once(text.String(), question)
			if hidden && asksNewPassword(question) && a.typed != "" {
				a.typed = answers[i]
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// passwordWords are in questions for a password, as PAM and sshd word them in some languages; codeWords in those for a code that
// is valid once.
var (
	passwordWords = []string{"password", "passwort", "kennwort", "mot de passe", "contraseña", "senha", "wachtwoord", "lösenord", "hasło", "пароль", "密码", "パスワード"}
	codeWords     = []string{"one-time", "one time", "otp", "token", "code", "verification", "passcode", "factor", "new ", "retype", "einmal"}
)

// asksPassword reports whether a question of keyboard-interactive is for the user's password. Nothing else gets a password that the
// plan has or that was typed before.
func asksPassword(question string) bool {
	question = strings.ToLower(question)
	has := func(word string) bool { return strings.Contains(question, word) }
	return slices.ContainsFunc(passwordWords, has) && !slices.ContainsFunc(codeWords, has)
}

// asksNewPassword reports whether a question is for the password that replaces one that has expired.
func asksNewPassword(question string) bool {
	question = strings.ToLower(question)
	return strings.Contains(question, "new") && strings.Contains(question, "password")
}

// isExpired reports whether the host says that a password has expired: pam_unix, pam_sss.
func isExpired(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "required to change your password") || strings.Contains(text, "password expired") || strings.Contains(text, "password has expired")
}

func passwordExpiredHint(user string) string {
	return "The password has expired. Log in as " + user + " by hand and set a new one, as new hosts of some providers require, or let root run `chage -d -1 " + user + "` there."
}

// firstWords returns the beginning of what a host says.
func firstWords(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line[:min(len(line), 200)]
}

// once asks the person for an answer that is good for this login alone, such as a code.
func (a *authentication) once(text, question string) (string, error) {
	if a.person() == nil {
		err := fmt.Errorf("%s: the host asks %q, and there is nobody to answer", interactive, visible.Line(strings.TrimSpace(question[:min(len(question), 80)])))
		a.skipped = append(a.skipped, err.Error())
		if len(a.tried) > 0 && a.password == "" {
			a.tried = a.tried[:len(a.tried)-1] // nothing was offered
		}
		return "", err
	}
	return a.prompt(text)
}

// prompt asks the person for something that doesn't show.
func (a *authentication) prompt(text string) (string, error) {
	defer a.pause()()
	release, err := a.dialer.ask(a.ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return a.person().AskSecret(a.ctx, text)
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
	if a.person() == nil {
		return "", errors.New("there is nobody to ask for a password")
	}
	switch {
	case a.typed != "" && a.typedIn == a.attempts: // the host asks once more, about an expired password
	case a.typed == "":
		for _, why := range a.skipped { // the reason for which a password is needed
			a.dialer.notice(cmp.Or(a.name, a.settings.alias), "a key was not offered: "+why)
		}
	default:
		question = "The host did not accept that password. Try again: " + question
	}
	a.typedIn = a.attempts
	a.typed, err = a.prompt(question)
	return a.typed, err
}

// offers returns the keys to offer, in OpenSSH's order (sshconnect2.c, pubkey_prepare): those of CertificateFile, keys and certificates of
// the agent that are configured, others of the agent, those that are only in files. Private keys in files are decrypted when the
// server has accepted the public one, so that nobody types a passphrase for nothing.
func (a *authentication) offers() []*offer {
	files := a.fileKeys()
	held := a.agentKeys()
	list := []*offer{} // not nil: they were looked for
	add := func(s ssh.Signer, where string, inAgent bool) {
		if slices.ContainsFunc(list, func(other *offer) bool { return sameKey(other.PublicKey(), s.PublicKey()) }) {
			return
		}
		if isCertificate(s.PublicKey()) {
			where += " with its certificate"
		}
		key := &offer{Signer: s, login: a, inAgent: inAgent, name: fmt.Sprintf("key %s (%s)", where, ssh.FingerprintSHA256(certified(s.PublicKey())))}
		if short := a.settings.tooShort(certified(s.PublicKey())); short != nil {
			a.skipped = append(a.skipped, key.name+": "+short.Error())
			return
		}
		if len(key.Algorithms()) == 0 {
			a.skipped = append(a.skipped, key.name+": PubkeyAcceptedAlgorithms leaves it out")
			return
		}
		list = append(list, key)
	}
	inAgent := func(key ssh.PublicKey) ssh.Signer {
		for _, s := range held {
			if sameKey(s.PublicKey(), key) {
				return s
			}
		}
		return nil
	}
	// withCertificate adds a certificate for a key of the agent, or of file.
	withCertificate := func(cert *ssh.Certificate, where string, file *fileKey) bool {
		signer := inAgent(cert.Key)
		fromAgent := signer != nil
		if !fromAgent {
			if file == nil || file.publicOnly {
				return false
			}
			signer = file
		}
		if s, err := ssh.NewCertSigner(cert, signer); err == nil {
			add(s, where, fromAgent)
		}
		return true
	}
	for _, path := range a.settings.certificateFiles {
		cert, err := readCertificate(path)
		if err != nil {
			a.skipped = append(a.skipped, err.Error())
			continue
		}
		where, file := "of the agent", (*fileKey)(nil)
		if i := slices.IndexFunc(files, func(f *fileKey) bool { return sameKey(f.public, cert.Key) }); i >= 0 {
			where, file = files[i].path, files[i]
		}
		if !withCertificate(cert, where, file) {
			a.skipped = append(a.skipped, path+": neither a key file nor the agent has its private key")
		}
	}
	// The certificate beside a key follows it, unless a CertificateFile is set (ssh.c, load_public_identity_files).
	type configured struct {
		file *fileKey
		cert *ssh.Certificate // nil: the key itself
	}
	var left []configured
	for _, f := range files {
		left = append(left, configured{f, nil})
		if cert := a.certificateBeside(f); cert != nil {
			left = append(left, configured{f, cert})
		}
	}
	var others []ssh.Signer
	for _, s := range held {
		i := slices.IndexFunc(left, func(c configured) bool {
			if c.cert != nil {
				return sameKey(c.cert, s.PublicKey())
			}
			return sameKey(c.file.public, s.PublicKey())
		})
		switch {
		case i >= 0:
			add(s, left[i].file.path+" of the agent", true)
			left = slices.Delete(left, i, i+1)
		case !a.settings.identitiesOnly:
			others = append(others, s)
		}
	}
	for _, s := range others {
		add(s, "of the agent", true)
	}
	for _, c := range left {
		switch f := c.file; {
		case c.cert != nil:
			withCertificate(c.cert, f.path, f)
		case !f.publicOnly:
			add(f, f.path, false)
		case f.unusable != "":
			a.skipped = append(a.skipped, f.unusable)
			a.hint = fmt.Sprintf("Add it to an agent: `ssh-add %s`.", f.path)
		default:
			a.skipped = append(a.skipped, f.path+": it has the public key, and no agent has the private one")
		}
	}
	return list
}

func sameKey(x, y ssh.PublicKey) bool { return bytes.Equal(x.Marshal(), y.Marshal()) }

// isCertificate reports whether key is a certificate. That of an agent is not an [*ssh.Certificate].
func isCertificate(key ssh.PublicKey) bool { return strings.HasSuffix(key.Type(), certificateSuffix) }

const certificateSuffix = "-cert-v01@openssh.com"

// certified returns the key that a certificate is for, by whose fingerprint people know it, or key itself. Those of an agent are parsed.
func certified(key ssh.PublicKey) ssh.PublicKey {
	parsed, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return key
	}
	return plainKey(parsed)
}

// An offer is a key of a login. When it can't sign, that is one key less, and its reason is in the login's error.
type offer struct {
	ssh.Signer
	login   *authentication
	name    string
	inAgent bool
}

// Algorithms implements ssh.MultiAlgorithmSigner: those of the key that PubkeyAcceptedAlgorithms has.
func (o *offer) Algorithms() []string {
	kind := o.PublicKey().Type()
	certified := isCertificate(o.PublicKey())
	var able []string
	_, choice := o.Signer.(ssh.AlgorithmSigner)
	switch multi, ok := o.Signer.(ssh.MultiAlgorithmSigner); {
	case ok:
		able = multi.Algorithms()
	case choice && (kind == ssh.KeyAlgoRSA || kind == ssh.CertAlgoRSAv01):
		able = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}
	case certified:
		able = []string{strings.Replace(kind, certificateSuffix, securityKeySuffix(kind), 1)}
	default:
		able = []string{kind}
	}
	accepted := o.login.settings.publicKeyAlgorithms
	if accepted == nil {
		return able
	}
	return slices.DeleteFunc(slices.Clone(able), func(algorithm string) bool {
		if certified {
			algorithm = strings.TrimSuffix(algorithm, "@openssh.com") + certificateSuffix
		}
		return !slices.Contains(accepted, algorithm)
	})
}

// securityKeySuffix returns how the name of a plain key's kind ends where that of its certificate is kind.
func securityKeySuffix(kind string) string {
	if strings.HasPrefix(kind, "sk-") {
		return "@openssh.com"
	}
	return ""
}

// SignWithAlgorithm implements ssh.MultiAlgorithmSigner.
func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (signature *ssh.Signature, err error) {
	sign := func() (*ssh.Signature, error) {
		if s, ok := o.Signer.(ssh.AlgorithmSigner); ok {
			return s.SignWithAlgorithm(rand, data, algorithm)
		}
		return o.Signer.Sign(rand, data)
	}
	if o.inAgent {
		o.login.waits.set("the agent to sign with the " + o.name + "; it may want a touch or a confirmation")
		signature, err = askAgent(o.login, o.login.dialer.limits.orDefault().agentSign, sign)
	} else {
		signature, err = sign()
	}
	o.login.waits.set(secondFactor)
	if err == nil {
		return signature, nil
	}
	var hint *modules.HintError
	switch {
	case errors.As(err, &hint):
		o.login.hint = hint.Hint
	case o.inAgent:
		o.login.hint = fmt.Sprintf("The agent at %s has the key and did not sign: unlock it, confirm or touch when it asks, or add the key anew with `ssh-add`.", o.login.settings.identityAgent)
	}
	o.login.skipped = append(o.login.skipped, fmt.Sprintf("signature with the %s: %v", o.name, err))
	return nil, err
}

// askAgent runs do, which waits for the agent, and gives the agent up when that takes longer than limit.
func askAgent[T any](a *authentication, limit time.Duration, do func() (T, error)) (answer T, err error) {
	type result struct {
		answer T
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer, err := do()
		done <- result{answer, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-a.ctx.Done():
		a.agentErr = context.Cause(a.ctx)
	case <-timer.C:
		a.agentErr = modules.WithHint(fmt.Errorf("the ssh agent at %s did not answer within %s", a.settings.identityAgent, modules.Span(limit)),
			"`ssh-add -l` shows whether it answers: unlock it, start it anew, or set `IdentityAgent none` in ssh_config.")
	}
	return answer, a.agentErr
}

// agentKeys asks the agent for its keys; none when there is no agent.
func (a *authentication) agentKeys() []ssh.Signer {
	if a.settings.identityAgent == "" {
		return nil
	}
	a.waits.set("the ssh agent at " + a.settings.identityAgent)
	defer a.waits.set("the host to let " + a.settings.user + " log in")
	opened := make(chan io.Closer, 1)
	signers, err := askAgent(a, a.dialer.limits.orDefault().agentList, func() ([]ssh.Signer, error) {
		socket, err := dialAgent(a.ctx, a.settings.identityAgent)
		if err != nil {
			return nil, err
		}
		opened <- socket
		return agent.NewClient(socket).Signers()
	})
	select {
	case a.agent = <-opened: // open until the handshake is over: it signs
	default:
	}
	if err != nil {
		a.hint = hintOf(err)
		a.skipped = append(a.skipped, "keys of the agent: "+err.Error())
		return nil
	}
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

// certificateBeside returns the certificate in the file beside the key f; nil if there is none, or CertificateFile says where they are.
func (a *authentication) certificateBeside(f *fileKey) *ssh.Certificate {
	if len(a.settings.certificateFiles) > 0 {
		return nil
	}
	cert, err := readCertificate(f.path + "-cert.pub")
	switch {
	case err == nil && sameKey(cert.Key, f.public):
		return cert
	case err != nil && !errors.Is(err, fs.ErrNotExist): // most keys have none
		a.skipped = append(a.skipped, err.Error())
	}
	return nil
}

func readCertificate(path string) (*ssh.Certificate, error) {
	key, err := readPublic(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("%s: it is no certificate", path)
	}
	return cert, nil
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
	publicOnly bool   // the file holds a public key: the private one is in the agent
	unusable   string // why its private key is for an agent only; may be empty
	content    []byte

	mu       sync.Mutex
	signer   ssh.Signer // nil until unlocked
	declined bool       // the person pressed Enter at its passphrase
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
	case isEncryptedPKCS8(content): // below
	case !errors.As(err, &locked):
		public, pubErr := readPublic(path + ".pub")
		if pubErr == nil && strings.HasPrefix(public.Type(), "sk-") || strings.Contains(err.Error(), "sk-") {
			err = errors.New("it is on a security key, which rcprov uses through an agent: `ssh-add " + path + "`")
			if pubErr == nil {
				return &identity{path: path, public: public, publicOnly: true, unusable: fmt.Sprintf("%s: %v", path, err)}, nil
			}
		}
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
	if key.declined {
		return nil, errDeclined
	}
	if login.person() == nil {
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
		passphrase, err := login.person().AskSecret(login.ctx, question)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			key.declined = true
			return nil, errDeclined
		}
		signer, err := parseWithPassphrase(key.content, passphrase)
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

// errDeclined is the error of a key whose passphrase the person doesn't give: as in ssh, the next key is tried.
var errDeclined = errors.New("no passphrase was given")

// cutOff returns the error of a connection that the host closed during the login.
func (a *authentication) cutOff() error {
	text := "the host closed the connection during the login of " + a.settings.user + ", without a reason"
	if len(a.tried) > 0 {
		text += "; offered: " + strings.Join(a.tried, ", ")
	}
	return errors.New(text)
}

// reasons returns why nothing could be offered.
func (a *authentication) reasons() []string {
	var list []string
	for _, method := range a.allowed {
		switch {
		case !slices.Contains([]string{publicKey, interactive, password}, method):
			list = append(list, method+": rcprov doesn't have it")
		case !slices.Contains(a.settings.methods, method):
			list = append(list, method+": ssh_config switches it off")
		case method == publicKey:
			list = append(list, "a key: no key file is there, and no agent has one")
		case a.settings.batch:
			list = append(list, method+": the plan has no password for the host, and BatchMode forbids to ask")
		default:
			list = append(list, method+": the plan has no password for the host, and there is nobody to ask")
		}
	}
	return list
}

// explain returns an [*AuthError] for a handshake that failed after the host key was accepted.
func (a *authentication) explain(err error) error {
	if len(a.tried) == 0 && len(a.skipped) == 0 {
		a.skipped = a.reasons()
	}
	failure := &AuthError{
		User: a.settings.user, Address: a.settings.address(), Allowed: a.allowed, Tried: a.tried, Skipped: a.skipped, Err: err,
	}
	switch {
	case a.hint != "":
		return modules.WithHint(failure, "%s", a.hint)
	case strings.Contains(err.Error(), "Too many authentication failures"):
		return modules.WithHint(fmt.Errorf("%w; it gave up after too many tries", failure),
			"Set identity_file for the host, and `IdentitiesOnly yes` in ssh_config, so that only that key is offered.")
	case a.password != "" && a.interactive+a.passwords > 0:
		return modules.WithHint(failure, "The host did not accept the password of the plan for %s: check `password` and `user` of the host there.", a.settings.user)
	}
	return modules.WithHint(failure, "Try `ssh -v -p %d %s@%s`; add a key there with `ssh-copy-id`, or set user, identity_file or password of the host.",
		a.settings.port, a.settings.user, a.settings.hostName)
}

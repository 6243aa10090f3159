package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"github.com/rcprov/rcprov/modules"
)

// A HostKeyError is the error of a host whose key was not accepted. Nothing but the key exchange was sent to the host.
type HostKeyError struct {
	Host        string // as in known_hosts: "host" or "[host]:port"
	Problem     HostKeyProblem
	Type        string // of the key that the host showed: "ssh-ed25519"
	Fingerprint string // of that key: "SHA256:..."
	Known       []KnownKey
	Err         error // of the check, for Invalid; for Revoked, what has the revoked key if that isn't the host
}

// HostKeyProblem is why a host key was not accepted.
type HostKeyProblem string

// The problems.
const (
	Unknown HostKeyProblem = "unknown" // no line of known_hosts is about the host
	Changed HostKeyProblem = "changed" // the lines about the host have other keys: Known
	Revoked HostKeyProblem = "revoked" // a @revoked line has the key: Known
	Invalid HostKeyProblem = "invalid" // a certificate that is not valid for the host: Err
)

// KnownKey is a line of known_hosts.
type KnownKey struct {
	Type        string
	Fingerprint string
	File        string
	Line        int
}

func (k KnownKey) String() string {
	if k.Line == 0 {
		return fmt.Sprintf("%s %s (%s)", k.Type, k.Fingerprint, k.File)
	}
	return fmt.Sprintf("%s %s (%s line %d)", k.Type, k.Fingerprint, k.File, k.Line)
}

func (e *HostKeyError) Error() string {
	known := make([]string, len(e.Known))
	for i, k := range e.Known {
		known[i] = k.String()
	}
	shown := e.Type + " " + e.Fingerprint
	switch e.Problem {
	case Unknown:
		return fmt.Sprintf("the host key of %s is not known: it showed %s", e.Host, shown)
	case Changed:
		return fmt.Sprintf("THE HOST KEY OF %s HAS CHANGED: it showed %s, but known are %s", e.Host, shown, strings.Join(known, ", "))
	case Revoked:
		if e.Err != nil {
			return fmt.Sprintf("the host key of %s can't be trusted: it showed %s, and %v is REVOKED: %s", e.Host, shown, e.Err, strings.Join(known, ", "))
		}
		return fmt.Sprintf("the host key of %s is REVOKED: it showed %s, which is marked so: %s", e.Host, shown, strings.Join(known, ", "))
	default:
		return fmt.Sprintf("the host certificate of %s (%s) is not valid: %v", e.Host, shown, e.Err)
	}
}

func (e *HostKeyError) Unwrap() error { return e.Err }

// hostKeys checks the key of one host.
type hostKeys struct {
	settings *settings
	dialer   *Dialer
	name     string                 // of the host in the plan; empty for a jump host
	pause    func() (resume func()) // stops the clock of the handshake during a question
	same     ssh.PublicKey          // that the host showed at its other port; nil: unknown
	err      error                  // what check returned
	shown    ssh.PublicKey          // the key that was accepted
	printed  string                 // by KnownHostsCommand for that key
	learned  bool                   // it is known by another name of the host, and not yet by this one
}

// algorithms returns the kinds of host keys to ask the server for: first those in known_hosts, so that the host shows a known
// key; then the others, to tell a host that lost its known key from a broken one.
func (h *hostKeys) algorithms(db *knownDB) []string {
	order := []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	var known []string
	certificates := false
	for _, key := range h.known(db) {
		switch {
		case key.Cert:
			certificates = true
		case key.Type() == ssh.KeyAlgoRSA:
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			known = append(known, key.Type())
		}
	}
	var first []string
	if certificates { // the type of the authority's key says nothing about the host's
		first = []string{
			ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
			ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		}
	}
	for _, algorithm := range order {
		if slices.Contains(known, algorithm) {
			first = append(first, algorithm)
		}
	}
	for _, algorithm := range order {
		if !slices.Contains(known, algorithm) {
			first = append(first, algorithm)
		}
	}
	return first
}

// known returns the known keys of the host, by the first of its names that is known.
func (h *hostKeys) known(db *knownDB) []knownhosts.PublicKey {
	for _, name := range []string{h.settings.knownAs, h.settings.sameAs, h.settings.portless} {
		if name == "" {
			continue
		}
		if keys := db.HostKeys(name); len(keys) > 0 {
			return keys
		}
	}
	if h.same != nil {
		return []knownhosts.PublicKey{{PublicKey: h.same}}
	}
	return nil
}

// check is the ssh.HostKeyCallback.
func (h *hostKeys) check(ctx context.Context, remote net.Addr, key ssh.PublicKey) error {
	s, keys := h.settings, &h.dialer.keys
	h.shown = key
	if short := s.tooShort(key); short != nil {
		h.err = modules.WithHint(fmt.Errorf("the host key of %s: %w", xknownhosts.Normalize(s.knownAs), short), "Give the host a longer RSA key, or one of another kind.")
		return h.err
	}
	for _, list := range s.revokedKeys {
		if h.err = checkRevoked(ctx, list, xknownhosts.Normalize(s.knownAs), key); h.err != nil {
			return h.err
		}
	}
	if h.printed, h.err = h.fromCommand(ctx, key); h.err != nil {
		return h.err
	}
	h.err = keys.verify(s, h.printed, s.knownAs, remote, key)
	problem := unknownKey(h.err)
	if problem == nil {
		return h.err
	}
	if s.sameAs != "" {
		err := keys.verify(s, h.printed, s.sameAs, remote, key)
		switch {
		case err == nil, h.same != nil && bytes.Equal(h.same.Marshal(), key.Marshal()):
			h.err, h.learned = nil, true
			return nil
		case unknownKey(err) == nil: // another key, or a revoked one
			h.err = err
			return h.err
		case h.same != nil:
			h.err = modules.WithHint(problem, "The host shows another key at the port of the open connection: somebody else listens at this port.")
			return h.err
		}
	}
	if s.portless != "" { // as ssh does: sshconnect.c, check_host_key
		err := keys.verify(s, h.printed, s.portless, remote, key)
		var other *HostKeyError
		if err == nil || errors.As(err, &other) && (other.Problem == Invalid || other.Problem == Revoked) {
			h.err = err
			return err
		}
	}
	h.err = h.unknown(ctx, remote, key, problem)
	return h.err
}

// unknownKey returns err as a *HostKeyError if the key is unknown; nil for any other error.
func unknownKey(err error) *HostKeyError {
	var problem *HostKeyError
	if errors.As(err, &problem) && problem.Problem == Unknown {
		return problem
	}
	return nil
}

// remember adds the key that is known by another name, after the login has shown that it is the same host; not for people who
// want to add keys themselves (StrictHostKeyChecking yes).
func (h *hostKeys) remember() {
	if h.learned && (h.settings.strict != refuse || h.dialer.AcceptNew) {
		h.add(h.shown)
	}
}

// add adds an accepted key to known_hosts. As for ssh, failing to do so is worth a warning; the key is known for the rest of the run.
func (h *hostKeys) add(key ssh.PublicKey) {
	if err := h.dialer.keys.add(h.settings, key); err != nil {
		defer h.pause()() // the notice waits for an open question of another host
		h.dialer.notice(cmp.Or(h.name, h.settings.alias), "its host key was accepted, but not remembered: "+err.Error())
		h.dialer.keys.accept(h.settings.knownAs, key)
	}
}

// unknown decides about the key of a host that is not in known_hosts.
func (h *hostKeys) unknown(ctx context.Context, remote net.Addr, key ssh.PublicKey, problem *HostKeyError) error {
	s := h.settings
	if len(s.userKnownHosts) == 0 && !h.dialer.AcceptNew { // as ssh does: sshconnect.c, check_host_key
		return modules.WithHint(problem, "ssh_config has UserKnownHostsFile none, and so a new key is not accepted, as by ssh: name a file there, or run again with `--accept-new`.")
	}
	add := func() error { h.add(key); return nil }
	if accepted := h.dialer.keys.acceptedFor(s.knownAs); accepted != nil {
		if bytes.Equal(accepted.Marshal(), plainKey(key).Marshal()) {
			return nil
		}
		problem.Problem = Changed
		problem.Known = []KnownKey{{Type: accepted.Type(), Fingerprint: ssh.FingerprintSHA256(accepted), File: "accepted in this run"}}
		return modules.WithHint(problem, "Someone may be listening in.")
	}
	if h.dialer.AcceptNew || s.strict == accept {
		return add()
	}
	if h.dialer.person(s) == nil || s.strict == refuse {
		ignored := ""
		if len(s.ignored) > 0 {
			ignored = fmt.Sprintf(" rcprov doesn't follow %s of ssh_config.", strings.Join(s.ignored, " and "))
		}
		return modules.WithHint(problem, "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub` on the host's console. "+
			"Then add it: connect once with `ssh`, or run again with `--accept-new`.%s", shortType(key.Type()), ignored)
	}
	defer h.pause()()
	release, err := h.dialer.ask(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Another connection to the same host may have asked in the meantime.
	if err := h.dialer.keys.verify(s, h.printed, s.knownAs, remote, key); err == nil {
		return nil
	}
	question := fmt.Sprintf("The authenticity of host '%s (%s)' can't be established.\n%s key fingerprint is %s.\n"+
		"Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
		problem.Host, remote, strings.ToUpper(shortType(key.Type())), problem.Fingerprint)
	for {
		answer, err := h.dialer.person(s).Ask(ctx, question)
		if err != nil {
			return err
		}
		switch answer = strings.TrimSpace(answer); {
		case strings.EqualFold(answer, "yes"), answer == problem.Fingerprint:
			return add()
		case strings.EqualFold(answer, "no"):
			return problem
		}
		question = "Please type 'yes', 'no' or the fingerprint: "
	}
}

// shortType returns the kind of a key as in file names: "ed25519".
func shortType(algorithm string) string {
	switch {
	case strings.Contains(algorithm, "ed25519"):
		return "ed25519"
	case strings.Contains(algorithm, "ecdsa"):
		return "ecdsa"
	default:
		return "rsa"
	}
}

// load returns what is known before the host shows a key.
func (h *hostKeys) load(ctx context.Context) (*knownDB, error) {
	printed, err := h.fromCommand(ctx, nil)
	if err != nil {
		return nil, err
	}
	return h.dialer.keys.load(h.settings, printed)
}

// fromCommand returns what KnownHostsCommand prints for a key; without one, for the order of keys. It may ask a person.
func (h *hostKeys) fromCommand(ctx context.Context, key ssh.PublicKey) (string, error) {
	if h.settings.keyCommand == nil {
		return "", nil
	}
	defer h.pause()()
	return h.settings.keyCommand.lines(ctx, h.settings.knownAs, key, h.dialer.limits.orDefault().auth)
}

// verify checks key against what known_hosts and the lines of KnownHostsCommand have for a host; the error is a [*HostKeyError] with its hint.
func (k *knownKeys) verify(s *settings, printed, knownAs string, remote net.Addr, key ssh.PublicKey) error {
	db, err := k.load(s, printed)
	if err != nil {
		return err
	}
	if err := db.brokenFor(knownAs); err != nil {
		return err
	}
	plain := plainKey(key)
	problem := &HostKeyError{
		Host: xknownhosts.Normalize(knownAs), Type: plain.Type(), Fingerprint: ssh.FingerprintSHA256(plain),
	}
	cert, certified := key.(*ssh.Certificate)
	var revoked *xknownhosts.RevokedError
	if certified && errors.As(db.HostKeyCallback()(knownAs, remote, cert.SignatureKey), &revoked) {
		problem.Problem, problem.Known = Revoked, []KnownKey{db.describe(revoked.Revoked)}
		problem.Err = errors.New("the authority that signed the host's certificate")
		return modules.WithHint(problem, "Don't connect: whoever has the authority's key can be this host. Replace the authority, or remove the @revoked line if it is there by mistake.")
	}
	err = db.HostKeyCallback()(knownAs, remote, plain)
	if errors.As(err, &revoked) {
		problem.Problem, problem.Known = Revoked, []KnownKey{db.describe(revoked.Revoked)}
		return modules.WithHint(problem, "Don't connect. Give the host a new key, or remove the @revoked line if it is there by mistake.")
	}
	var unmatched *xknownhosts.KeyError
	if err != nil && !errors.As(err, &unmatched) {
		return fmt.Errorf("check the host key: %w", err)
	}
	keys := db.HostKeys(knownAs)
	knows := func(key ssh.PublicKey, authority bool) bool {
		return slices.ContainsFunc(keys, func(known knownhosts.PublicKey) bool {
			return known.Cert == authority && bytes.Equal(known.Marshal(), key.Marshal())
		})
	}
	// As for ssh, the key of a certificate that is no help is one like any other. Source: sshconnect.c, check_host_key.
	if certified && knows(cert.SignatureKey, true) {
		invalid, hint := s.checkCertificate(cert, knownAs)
		if invalid == nil || knows(plain, false) {
			return nil
		}
		problem.Problem, problem.Err = Invalid, invalid
		return modules.WithHint(problem, "%s", hint)
	}
	if knows(plain, false) {
		return nil
	}
	if unmatched != nil {
		for _, want := range unmatched.Want {
			if knows(want.Key, false) {
				problem.Known = append(problem.Known, db.describe(want))
			}
		}
	}
	if len(problem.Known) == 0 {
		problem.Problem = Unknown
		return problem
	}
	problem.Problem = Changed
	if problem.Known[0].File == commandName {
		return modules.WithHint(problem, "Someone may be listening in, or the host was reinstalled and KnownHostsCommand of ssh_config prints its old key.")
	}
	return modules.WithHint(problem, "Someone may be listening in, or the host was reinstalled. If you know that it was, remove the old key "+
		"(%s line %d) with `ssh-keygen -f %s -R '%s'`, and run again.", problem.Known[0].File, problem.Known[0].Line, problem.Known[0].File, problem.Host)
}

// add appends a host's key to the user's first known_hosts file, and forgets what was loaded.
func (k *knownKeys) add(s *settings, key ssh.PublicKey) error {
	if len(s.userKnownHosts) == 0 {
		return nil // UserKnownHostsFile none: accepted, not remembered
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	path := s.userKnownHosts[0]
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	name := xknownhosts.Normalize(s.knownAs)
	if s.hashKnownHosts {
		name = xknownhosts.HashHostname(name)
	}
	err := appendLine(path, name+" "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
	if err != nil {
		return err
	}
	clear(k.loaded)
	return nil
}

// accept keeps a key that could not be written down, for this run.
func (k *knownKeys) accept(knownAs string, key ssh.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.accepted == nil {
		k.accepted = make(map[string]ssh.PublicKey)
	}
	k.accepted[knownAs] = plainKey(key)
}

// acceptedFor returns the key that accept kept for a host; nil: none.
func (k *knownKeys) acceptedFor(knownAs string) ssh.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.accepted[knownAs]
}

// appendLine adds a line to a file that may not exist yet, or not end with a newline.
func appendLine(path, line string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Close()
}

package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kevinburke/ssh_config"

	"github.com/rcprov/rcprov/modules"
)

// settings are the settings of ssh_config and a target for one host, with all tokens expanded.
// Source: ssh_config(5) of OpenSSH 9.2 to 10.0.
type settings struct {
	alias    string // as the plan names it
	hostName string
	port     int
	user     string

	identityFiles    []string
	defaultIdentity  bool // identityFiles are ssh's defaults, which need not exist
	certificateFiles []string
	identitiesOnly   bool
	identityAgent    string // path of the agent's socket; empty: none

	methods             []string // of authentication, in order
	passwordPrompts     int      // NumberOfPasswordPrompts
	publicKeyAlgorithms []string // PubkeyAcceptedAlgorithms, or ssh's own

	proxyJump    []hop
	proxyCommand string

	knownAs        string // "host:port" to look up in known_hosts; a HostKeyAlias has no port there, which is port 22
	sameAs         string // likewise: the host by its other port; empty: there is none
	portless       string // likewise: the name without its port, by which ssh looks a host up, too; empty: it has none
	userKnownHosts []string
	allKnownHosts  []string    // userKnownHosts and the system's
	keyCommand     *keyCommand // KnownHostsCommand; nil: none
	hashKnownHosts bool
	strict         strictness

	revokedKeys []string // RevokedHostKeys: files, which must be readable

	network       string // "tcp", "tcp4" or "tcp6": AddressFamily
	bindAddress   string // BindAddress; empty: any
	bindInterface string // BindInterface; empty: any
	batch         bool   // BatchMode: nobody is asked

	kex, ciphers, macs, hostKeyAlgorithms []string // those of ssh_config, or ssh's own; hostKeyAlgorithms: nil: not set
	caSignatures                          []string // CASignatureAlgorithms, or ssh's own
	rsaBits                               int      // RequiredRSASize: what an RSA key must have
	where                                 func(keyword string) string

	ignored []string // what ssh_config sets and rcprov doesn't follow

	connectTimeout time.Duration // zero: not set
	aliveInterval  time.Duration // ServerAliveInterval; zero: not set
	aliveCount     int           // ServerAliveCountMax
	controlPaths   []string      // where a master may listen
}

// strictness is StrictHostKeyChecking. "no" and "off" mean accept here: rcprov never accepts a changed key.
type strictness int

const (
	ask    strictness = iota // a question at a terminal, an error without one
	accept                   // unknown keys are added
	refuse                   // unknown keys are errors, always
)

// hop is one host of a ProxyJump list.
type hop struct {
	alias string
	user  string
	port  int
}

// address returns the address to connect to: "host:port".
func (s *settings) address() string { return net.JoinHostPort(s.hostName, strconv.Itoa(s.port)) }

// login returns the user and the host as people write them.
func (s *settings) login() string {
	return s.user + "@" + net.JoinHostPort(s.alias, strconv.Itoa(s.port))
}

// A sshConfig returns all values of a keyword for one alias in the configuration files, in order.
type sshConfig func(keyword string) ([]string, error)

// resolve returns the settings for alias; user, port and so on of the plan override them unless zero.
func (d *Dialer) resolve(t Target) (*settings, error) {
	t, err := t.settle()
	if err != nil {
		return nil, err
	}
	r, err := d.config(t)
	if err != nil {
		return nil, err
	}
	s := &settings{alias: t.Address, where: r.where}
	me, err := localUser()
	if err != nil {
		return nil, err
	}
	s.user = cmp.Or(t.User, r.first("User"), me.name)
	s.port = t.Port
	if s.port == 0 {
		s.port = r.number("Port", 22)
	}
	s.hostName = r.first("HostName")
	switch {
	case s.hostName == "":
		s.hostName = t.Address // its % is that of a zone
	case !r.settled:
		s.hostName, err = expand(s.hostName, map[byte]string{'%': "%", 'h': t.Address}, false)
		r.fail("HostName", err)
	}
	s.hostName = strings.ToLower(s.hostName)
	if strings.HasPrefix(s.hostName, "[") {
		r.fail("HostName", modules.WithHint(fmt.Errorf("`%s` is no name or address", s.hostName), "An IPv6 address has no brackets there."))
	}
	s.setJumps(cmp.Or(t.ProxyJump, r.first("ProxyJump")), r)
	alias := r.first("HostKeyAlias")
	s.knownAs = s.address()
	if alias != "" {
		s.knownAs = net.JoinHostPort(strings.ToLower(alias), "22")
	}
	s.setOtherNames(t, alias)
	tokens := s.tokens(me, cmp.Or(alias, t.Address))
	s.setIdentities(t.IdentityFile, r, tokens)
	s.setMethods(r)
	s.setKnownHosts(r, tokens)
	s.setConnection(r)
	// A ProxyJump of the plan, "none" too, is instead of both, as for `ssh -J`.
	if command := r.value("ProxyCommand"); t.ProxyJump == "" && len(s.proxyJump) == 0 && command != "none" {
		s.proxyCommand, err = expand(command, proxyTokens(tokens), false)
		r.fail("ProxyCommand", err)
	}
	if path := r.first("ControlPath"); path != "" && path != "none" {
		if r.settled {
			s.controlPaths = []string{path}
		} else {
			s.setControlPaths(path, tokens, r)
		}
	}
	return s, r.err
}

// setConnection sets how the connection is made and kept.
func (s *settings) setConnection(r *resolver) {
	s.connectTimeout = r.duration("ConnectTimeout")
	s.aliveInterval = r.duration("ServerAliveInterval")
	s.aliveCount = max(1, r.number("ServerAliveCountMax", 3))
	s.batch = r.yes("BatchMode")
	s.network = "tcp"
	switch strings.ToLower(r.first("AddressFamily")) {
	case "inet":
		s.network = "tcp4"
	case "inet6":
		s.network = "tcp6"
	}
	s.bindAddress, s.bindInterface = r.first("BindAddress"), r.first("BindInterface")
	if r.yes("ProxyUseFdpass") && r.first("ProxyCommand") != "none" && r.first("ProxyCommand") != "" {
		r.err = cmp.Or(r.err, modules.WithHint(errors.New("ssh_config: ProxyUseFdpass is set, and rcprov can't take over a connection from a ProxyCommand"),
			"Use a ProxyCommand that passes the connection through its input and output, or a ControlMaster."))
	}
	switch strings.ToLower(r.first("VerifyHostKeyDNS")) {
	case "", "no", "false":
	default:
		s.ignored = append(s.ignored, "VerifyHostKeyDNS")
	}
	s.setAlgorithmNames(r)
}

// setOtherNames sets the other names by which known_hosts may know the host.
func (s *settings) setOtherNames(t Target, alias string) {
	if alias != "" {
		return // has no port, whatever the port is
	}
	if s.port != 22 {
		s.portless = net.JoinHostPort(s.hostName, "22")
	}
	switch {
	case t.sameAs != nil:
		s.sameAs = t.sameAs.knownAs
	case t.FallbackPort != 0:
		s.sameAs = net.JoinHostPort(s.hostName, strconv.Itoa(t.FallbackPort))
	}
	if s.sameAs == s.knownAs {
		s.sameAs = ""
	}
}

func (s *settings) setJumps(list string, r *resolver) {
	if list == "" || list == "none" {
		return
	}
	for _, item := range strings.Split(list, ",") {
		h, err := parseHop(strings.TrimSpace(item))
		if err != nil {
			r.err = errors.Join(r.err, err)
			return
		}
		s.proxyJump = append(s.proxyJump, h)
	}
}

// parseHop reads "[user@]host[:port]" or "ssh://[user@]host[:port]".
func parseHop(text string) (hop, error) {
	rest, isURL := strings.CutPrefix(text, "ssh://")
	rest = strings.TrimSuffix(rest, "/")
	var h hop
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		h.user, rest = rest[:i], rest[i+1:]
		if isURL {
			var err error
			if h.user, err = userOfURL(h.user); err != nil {
				return hop{}, fmt.Errorf("proxy jump %q: %w", text, err)
			}
		}
	}
	host, port := rest, ""
	if strings.HasPrefix(rest, "[") {
		inner, after, found := strings.Cut(rest[1:], "]")
		if !found || after != "" && after[0] != ':' {
			return hop{}, fmt.Errorf("proxy jump %q: want user@host:port", text)
		}
		host, port = inner, strings.TrimPrefix(after, ":")
	} else if strings.Count(rest, ":") == 1 {
		host, port, _ = strings.Cut(rest, ":")
	}
	h.alias = host
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return hop{}, fmt.Errorf("proxy jump %q: %q is not a port", text, port)
		}
		h.port = n
	}
	if h.alias == "" {
		return hop{}, fmt.Errorf("proxy jump %q: no host", text)
	}
	return h, nil
}

// defaultIdentities are the key files that ssh tries when none is configured.
var defaultIdentities = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"}

func (s *settings) setIdentities(given string, r *resolver, tokens map[byte]string) {
	files := r.all("IdentityFile")
	if r.settled && given != "" && len(files) > 1 && files[0] == "~/.ssh/"+defaultIdentities[0] && files[1] == "~/.ssh/"+defaultIdentities[1] {
		files = nil // the defaults, which aren't tried beside a key that is given
	}
	if given != "" {
		path, err := expandPath(given, r.home, tokens)
		if err != nil {
			r.err = cmp.Or(r.err, fmt.Errorf("the plan's identity_file: %w", err))
		}
		s.identityFiles = append(s.identityFiles, path)
	}
	for _, f := range files {
		if strings.EqualFold(f, "none") {
			continue
		}
		if path := r.path("IdentityFile", f, tokens); !slices.Contains(s.identityFiles, path) {
			s.identityFiles = append(s.identityFiles, path)
		}
	}
	if r.settled && given == "" && !slices.ContainsFunc(files, func(f string) bool { return !slices.Contains(defaultIdentities, strings.TrimPrefix(f, "~/.ssh/")) }) {
		s.defaultIdentity = true // `ssh -G` prints the defaults
	}
	if len(files) == 0 && given == "" {
		s.defaultIdentity = true
		for _, name := range defaultIdentities[:5] { // the others are of kinds that are not known here
			s.identityFiles = append(s.identityFiles, filepath.Join(r.home, ".ssh", name))
		}
	}
	for _, f := range r.all("CertificateFile") {
		s.certificateFiles = append(s.certificateFiles, r.path("CertificateFile", f, tokens))
	}
	s.identitiesOnly = r.yes("IdentitiesOnly")

	socket := cmp.Or(r.first("IdentityAgent"), "SSH_AUTH_SOCK")
	switch {
	case socket == "none":
	case socket == "SSH_AUTH_SOCK":
		s.identityAgent = cmp.Or(os.Getenv("SSH_AUTH_SOCK"), defaultAgent)
	default:
		if !r.settled {
			socket = r.path("IdentityAgent", socket, tokens)
		}
		if name, variable := strings.CutPrefix(socket, "$"); variable {
			socket = os.Getenv(name)
		}
		s.identityAgent = socket
	}
}

// setMethods sets the ways to log in: those of PreferredAuthentications that aren't switched off.
func (s *settings) setMethods(r *resolver) {
	s.passwordPrompts = r.number("NumberOfPasswordPrompts", maxPasswords)
	order := []string{publicKey, interactive, password}
	if list := r.first("PreferredAuthentications"); list != "" {
		order = strings.Split(list, ",")
	}
	off := map[string]bool{
		publicKey:   r.no("PubkeyAuthentication"),
		interactive: r.no("KbdInteractiveAuthentication") || r.no("ChallengeResponseAuthentication"),
		password:    r.no("PasswordAuthentication"),
	}
	for _, method := range order {
		if no, known := off[method]; known && !no {
			s.methods = append(s.methods, method)
		}
	}
}

func (s *settings) setKnownHosts(r *resolver, tokens map[byte]string) {
	for _, f := range r.words("RevokedHostKeys") { // a list since OpenSSH 10.3, which expands them, too
		if !strings.EqualFold(f, "none") {
			s.revokedKeys = append(s.revokedKeys, r.path("RevokedHostKeys", f, tokens))
		}
	}
	user := r.words("UserKnownHostsFile")
	if len(user) == 0 {
		user = []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"}
	}
	system := r.words("GlobalKnownHostsFile")
	if len(system) == 0 {
		system = []string{filepath.Join(systemDir(), "ssh_known_hosts"), filepath.Join(systemDir(), "ssh_known_hosts2")}
	}
	for _, f := range user {
		switch {
		case strings.EqualFold(f, "none"):
			continue
		case r.settled: // tokens are expanded
			f = r.tilde("UserKnownHostsFile", f)
		default:
			f = r.path("UserKnownHostsFile", f, tokens)
		}
		s.userKnownHosts = append(s.userKnownHosts, f)
	}
	s.allKnownHosts = append(s.allKnownHosts, s.userKnownHosts...)
	for _, f := range system {
		if !strings.EqualFold(f, "none") { // no tokens here: ssh.c, tilde_expand_paths
			s.allKnownHosts = append(s.allKnownHosts, r.tilde("GlobalKnownHostsFile", f))
		}
	}
	if command := r.value("KnownHostsCommand"); command != "" && command != "none" {
		argv, err := splitArguments(command, false)
		if err == nil && len(argv) == 0 {
			err = errNoArguments
		}
		r.fail("KnownHostsCommand", err)
		s.keyCommand = &keyCommand{argv: argv, tokens: maps.Clone(tokens)}
	}
	s.hashKnownHosts = r.yes("HashKnownHosts")
	switch strings.ToLower(r.first("StrictHostKeyChecking")) {
	case "yes", "true":
		s.strict = refuse
	case "accept-new", "no", "off", "false":
		s.strict = accept
	}
}

// tokens are the percent tokens of ssh_config(5), section TOKENS, but for %C and %j.
func (s *settings) tokens(me account, keyAlias string) map[byte]string {
	host, _ := os.Hostname() // no name: an empty one, as in ssh
	short, _, _ := strings.Cut(host, ".")
	tokens := map[byte]string{
		'%': "%", 'd': me.home, 'h': s.hostName, 'i': me.id, 'k': keyAlias, 'L': short, 'l': host,
		'n': s.alias, 'p': strconv.Itoa(s.port), 'r': s.user, 'u': me.name, 'j': "",
	}
	if n := len(s.proxyJump); n > 0 {
		tokens['j'] = s.proxyJump[n-1].alias
	}
	tokens['C'] = connectionHash(tokens, true)
	return tokens
}

// connectionHash is %C: a hash of %l%h%p%r, and of %j, too, since OpenSSH 9.6.
func connectionHash(tokens map[byte]string, withJump bool) string {
	text := tokens['l'] + tokens['h'] + tokens['p'] + tokens['r']
	if withJump {
		text += tokens['j']
	}
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// proxyTokens are the tokens of a ProxyCommand: sshconnect.c, expand_proxy_command, of OpenSSH 9.2 to 10.3.
func proxyTokens(tokens map[byte]string) map[byte]string {
	few := make(map[byte]string)
	for _, c := range []byte("%hknpr") {
		few[c] = tokens[c]
	}
	return few
}

func (s *settings) setControlPaths(path string, tokens map[byte]string, r *resolver) {
	s.controlPaths = []string{r.path("ControlPath", path, tokens)}
	if tokens['j'] != "" {
		tokens['C'] = connectionHash(tokens, false)
		if older := r.path("ControlPath", path, tokens); older != s.controlPaths[0] {
			s.controlPaths = append(s.controlPaths, older)
		}
	}
}

// resolver reads single values, and keeps the first error.
type resolver struct {
	config  sshConfig
	files   []configFile
	home    string
	settled bool // config is of `ssh -G`: it has no quotes, and some tokens are expanded (HostName, ControlPath, IdentityAgent, UserKnownHostsFile)
	err     error
}

// all returns the values of a keyword that may be given several times.
func (r *resolver) all(keyword string) []string {
	values, err := r.config(keyword)
	r.err = cmp.Or(r.err, err)
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = r.unquote(v)
	}
	return list
}

// first returns the first value, which is the valid one in ssh_config.
func (r *resolver) first(keyword string) string { return r.unquote(r.value(keyword)) }

// value returns the first value with its quotes, if it has any.
func (r *resolver) value(keyword string) string {
	values, err := r.config(keyword)
	r.err = cmp.Or(r.err, err)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// unquote returns a value without the quotes around it.
func (r *resolver) unquote(value string) string {
	if r.settled {
		return value
	}
	value = strings.TrimSpace(value)
	if oneQuoted.MatchString(value) {
		value = strings.Trim(value, `"`)
	}
	return value
}

func (r *resolver) yes(keyword string) bool {
	switch strings.ToLower(r.first(keyword)) {
	case "yes", "true":
		return true
	}
	return false
}

func (r *resolver) no(keyword string) bool {
	switch strings.ToLower(r.first(keyword)) {
	case "no", "false":
		return true
	}
	return false
}

func (r *resolver) number(keyword string, otherwise int) int {
	text := r.first(keyword)
	if text == "" || text == "none" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("ssh_config: %s %q is not a number", keyword, text))
	}
	return n
}

// sshTime is a time of ssh_config: seconds, or numbers with units. Source: sshd_config(5), TIME FORMATS.
var sshTime = shapeOf(`^(?:[0-9]+[sSmMhHdDwW])*(?:[0-9]+)?$`)

// duration returns a time, in seconds or with units as in "1m30s"; 0 if it isn't set.
func (r *resolver) duration(keyword string) time.Duration {
	text := r.first(keyword)
	if text == "" || text == "none" {
		return 0
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	var sum time.Duration
	ok := sshTime.MatchString(text)
	for rest := strings.ToLower(text); rest != "" && ok; {
		end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
		unit := byte('s')
		number, after := rest, ""
		if end >= 0 {
			number, unit, after = rest[:end], rest[end], rest[end+1:]
		}
		n, err := strconv.ParseInt(number, 10, 32)
		ok = err == nil
		sum += time.Duration(n) * units[unit]
		rest = after
	}
	if !ok || sum < 0 {
		r.err = cmp.Or(r.err, fmt.Errorf("ssh_config: %s %q is not a duration", keyword, text))
	}
	return sum
}

// config reads the configuration for t's alias: the user's file, then the system's, as ssh does; only ConfigPath if that is set.
// `ssh -G` settles what goes beyond plain Host blocks. Without ssh the library does, unless it would guess.
func (d *Dialer) config(t Target) (*resolver, error) {
	files, err := d.configFiles()
	if err != nil {
		return nil, err
	}
	me, err := localUser()
	if err != nil {
		return nil, err
	}
	look := &scan{alias: t.Address, home: me.home}
	var contents []configFile
	for _, file := range files {
		read := os.ReadFile
		if file.own {
			read = readOwnConfig
		}
		content, err := read(file.path)
		if errors.Is(err, fs.ErrNotExist) && file.optional {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the ssh configuration: %w", err)
		}
		if err := look.read(file.path, string(content), true, 0); err != nil {
			return nil, fmt.Errorf("read the ssh configuration: %w", err)
		}
		file.content = content
		contents = append(contents, file)
	}
	if len(look.beyond) > 0 {
		if ssh, err := exec.LookPath(cmp.Or(d.ssh, "ssh")); err == nil {
			config, err := d.askSSH(ssh, t)
			return &resolver{config: config, files: contents, home: me.home, settled: true}, err
		}
		for _, beyond := range look.beyond {
			if !beyond.lib {
				return nil, modules.WithHint(fmt.Errorf("%v: rcprov can't follow that without OpenSSH's client, and doesn't guess", beyond),
					"Install it (`ssh` is not in PATH), or write Host blocks with plain values.")
			}
		}
	}
	config, err := parseConfig(contents, t.Address)
	return &resolver{config: config, files: contents, home: me.home}, err
}

// parseConfig returns what the library reads in the files for alias.
func parseConfig(files []configFile, alias string) (sshConfig, error) {
	var parsed []*ssh_config.Config
	for _, file := range files {
		config, err := ssh_config.DecodeBytes(bytes.ReplaceAll(file.content, []byte("\t"), []byte(" ")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		parsed = append(parsed, config)
	}
	return func(keyword string) ([]string, error) {
		var values []string
		for _, config := range parsed {
			more, err := config.GetAll(alias, keyword)
			if err != nil {
				return nil, err
			}
			values = append(values, more...)
		}
		return values, nil
	}, nil
}

type configFile struct {
	path     string
	optional bool
	own      bool // the user's own: see readOwnConfig
	content  []byte
}

func (d *Dialer) configFiles() ([]configFile, error) {
	switch d.ConfigPath {
	case "":
		me, err := localUser()
		if err != nil {
			return nil, err
		}
		return []configFile{
			{path: filepath.Join(me.home, ".ssh", "config"), optional: true, own: true},
			{path: filepath.Join(systemDir(), "ssh_config"), optional: true},
		}, nil
	case "none":
		return nil, nil
	default:
		return []configFile{{path: d.ConfigPath}}, nil
	}
}

// askSSHTimeout is how long ssh may think about its configuration: a Match exec may run a program, CanonicalizeHostname asks DNS.
const askSSHTimeout = 30 * time.Second

// askSSH lets the installed ssh evaluate the configuration.
func (d *Dialer) askSSH(ssh string, t Target) (sshConfig, error) {
	args := []string{"-G"}
	if d.ConfigPath != "" {
		args = append(args, "-F", d.ConfigPath)
	}
	if t.User != "" {
		args = append(args, "-l", t.User)
	}
	if t.Port != 0 {
		args = append(args, "-p", strconv.Itoa(t.Port))
	}
	ctx, cancel := context.WithTimeout(context.Background(), askSSHTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, ssh, append(args, "--", t.Address)...)
	command.WaitDelay = time.Second // what a Match exec started may go on
	var stderr tail
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil && bytes.Contains(stderr.bytes(), []byte("Cannot fork into background")) && ctx.Err() == nil {
		// ForkAfterAuthentication wants a command, which is not for ssh here. Older releases don't know the word.
		stderr = tail{}
		command = exec.CommandContext(ctx, ssh, append(slices.Concat(args[:1], []string{"-o", "ForkAfterAuthentication=no"}, args[1:]), "--", t.Address)...)
		command.WaitDelay, command.Stderr = time.Second, &stderr
		output, err = command.Output()
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("it took more than %s", modules.Span(askSSHTimeout))
	} else if reason := complaints(string(stderr.bytes())); err != nil && reason != "" {
		err = errors.New(reason)
	}
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("the ssh configuration for %s: %w", t.Address, err), "See `ssh -G %s`.", strings.Join(append(args[1:], "--", t.Address), " "))
	}
	values := make(map[string][]string)
	for line := range strings.Lines(string(output)) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		keyword = strings.ToLower(keyword)
		values[keyword] = append(values[keyword], value)
	}
	return func(keyword string) ([]string, error) { return values[strings.ToLower(keyword)], nil }, nil
}

// complaints returns the lines of ssh's errors that say what is wrong: the last one only counts them.
func complaints(text string) string {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "Pseudo-terminal will not be") && !strings.Contains(line, ": terminating, ") {
			list = append(list, line)
		}
	}
	return strings.Join(list, "; ")
}

// account is the user who runs rcprov.
type account struct {
	name string
	id   string
	home string
}

func localUser() (account, error) {
	me, err := user.Current()
	if err != nil {
		return account{}, fmt.Errorf("look up the current user: %w", err)
	}
	name := me.Username
	if runtime.GOOS == "windows" { // DOMAIN\name
		name = name[strings.LastIndexByte(name, '\\')+1:]
	}
	return account{name: name, id: me.Uid, home: me.HomeDir}, nil
}

// systemDir returns the directory of ssh's files for all users.
func systemDir() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return "/etc/ssh"
}

package remote

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
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
	publicKeyAlgorithms []string // PubkeyAcceptedAlgorithms; nil: not set

	proxyJump    []hop
	proxyCommand string

	knownAs        string // "host:port" to look up in known_hosts; a HostKeyAlias has no port there, which is port 22
	sameAs         string // likewise: the host by its other port; empty: there is none
	portless       string // likewise: the name without its port, by which ssh looks a host up, too; empty: it has none
	userKnownHosts []string
	allKnownHosts  []string // userKnownHosts and the system's
	hashKnownHosts bool
	strict         strictness

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
	config, err := d.config(t)
	if err != nil {
		return nil, err
	}
	r := resolver{config: config}
	s := &settings{alias: t.Address}
	me, err := localUser()
	if err != nil {
		return nil, err
	}
	s.user = cmp.Or(t.User, r.first("User"), me.name)
	s.port = t.Port
	if s.port == 0 {
		s.port = r.number("Port", 22)
	}
	tokens := map[byte]string{'%': "%", 'h': t.Address}
	s.hostName = strings.ToLower(expandTokens(cmp.Or(r.first("HostName"), t.Address), tokens))
	s.setJumps(cmp.Or(t.ProxyJump, r.first("ProxyJump")), &r)
	alias := r.first("HostKeyAlias")
	s.knownAs = s.address()
	if alias != "" {
		s.knownAs = net.JoinHostPort(strings.ToLower(alias), "22")
	}
	s.setOtherNames(t, alias)
	tokens = s.tokens(me, cmp.Or(alias, t.Address))
	s.setIdentities(t.IdentityFile, &r, tokens, me.home)
	s.setMethods(&r)
	s.setKnownHosts(&r, tokens, me.home)
	if command := r.first("ProxyCommand"); len(s.proxyJump) == 0 && command != "none" {
		s.proxyCommand = expandTokens(command, tokens)
	}
	s.connectTimeout = r.duration("ConnectTimeout")
	s.aliveInterval = r.duration("ServerAliveInterval")
	s.aliveCount = max(1, r.number("ServerAliveCountMax", 3))
	if path := r.first("ControlPath"); path != "" && path != "none" {
		s.setControlPaths(path, tokens, me.home)
	}
	return s, r.err
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
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	var h hop
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		h.user, rest = rest[:i], rest[i+1:]
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
var defaultIdentities = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"}

func (s *settings) setIdentities(given string, r *resolver, tokens map[byte]string, home string) {
	files := r.all("IdentityFile")
	if given != "" {
		files = append([]string{given}, files...)
	}
	for _, f := range files {
		if f != "none" {
			s.identityFiles = append(s.identityFiles, expandPath(f, tokens, home))
		}
	}
	if len(files) == 0 {
		s.defaultIdentity = true
		for _, name := range defaultIdentities {
			s.identityFiles = append(s.identityFiles, filepath.Join(home, ".ssh", name))
		}
	}
	for _, f := range r.all("CertificateFile") {
		s.certificateFiles = append(s.certificateFiles, expandPath(f, tokens, home))
	}
	s.identitiesOnly = r.yes("IdentitiesOnly")

	socket := cmp.Or(r.first("IdentityAgent"), "SSH_AUTH_SOCK")
	switch {
	case socket == "none":
	case socket == "SSH_AUTH_SOCK":
		s.identityAgent = cmp.Or(os.Getenv("SSH_AUTH_SOCK"), defaultAgent)
	case strings.HasPrefix(socket, "$"):
		s.identityAgent = os.Getenv(strings.Trim(socket, "${}"))
	default:
		s.identityAgent = expandPath(socket, tokens, home)
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

func (s *settings) setKnownHosts(r *resolver, tokens map[byte]string, home string) {
	user := words(r.first("UserKnownHostsFile"))
	if len(user) == 0 {
		user = []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"}
	}
	system := words(r.first("GlobalKnownHostsFile"))
	if len(system) == 0 {
		system = []string{filepath.Join(systemDir(), "ssh_known_hosts"), filepath.Join(systemDir(), "ssh_known_hosts2")}
	}
	for _, f := range user {
		if f != "none" {
			s.userKnownHosts = append(s.userKnownHosts, expandPath(f, tokens, home))
		}
	}
	s.allKnownHosts = append(s.allKnownHosts, s.userKnownHosts...)
	for _, f := range system {
		if f != "none" {
			s.allKnownHosts = append(s.allKnownHosts, expandPath(f, tokens, home))
		}
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

func (s *settings) setControlPaths(path string, tokens map[byte]string, home string) {
	s.controlPaths = []string{expandPath(path, tokens, home)}
	if tokens['j'] != "" {
		tokens['C'] = connectionHash(tokens, false)
		if older := expandPath(path, tokens, home); older != s.controlPaths[0] {
			s.controlPaths = append(s.controlPaths, older)
		}
	}
}

// resolver reads single values, and keeps the first error.
type resolver struct {
	config sshConfig
	err    error
}

func (r *resolver) all(keyword string) []string {
	values, err := r.config(keyword)
	r.err = cmp.Or(r.err, err)
	for i, v := range values {
		values[i] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return values
}

// first returns the first value, which is the valid one in ssh_config.
func (r *resolver) first(keyword string) string {
	values, err := r.config(keyword)
	r.err = cmp.Or(r.err, err)
	if len(values) == 0 {
		return ""
	}
	value := strings.TrimSpace(values[0])
	if strings.Count(value, `"`) == 2 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
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

// duration returns a time, in seconds or with units as in "1m30s"; 0 if it isn't set.
func (r *resolver) duration(keyword string) time.Duration {
	text := r.first(keyword)
	if text == "" || text == "none" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if n, notNumber := strconv.Atoi(text); notNumber == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("ssh_config: %s %q is not a duration", keyword, text))
	}
	return d
}

// config reads the configuration for t's alias: the user's file, then the system's, as ssh does; only ConfigPath if
// that is set. Files with a Match that the parser doesn't know (exec, user, ...) are left to `ssh -G`.
func (d *Dialer) config(t Target) (sshConfig, error) {
	files, err := d.configFiles()
	if err != nil {
		return nil, err
	}
	var parsed []*ssh_config.Config
	for _, file := range files {
		content, err := os.ReadFile(file.path)
		if errors.Is(err, fs.ErrNotExist) && file.optional {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the ssh configuration: %w", err)
		}
		config, err := ssh_config.DecodeBytes(bytes.ReplaceAll(content, []byte("\t"), []byte(" ")))
		if err != nil && strings.Contains(err.Error(), "Match") {
			return d.askSSH(t, file.path, err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		parsed = append(parsed, config)
	}
	return func(keyword string) ([]string, error) {
		var values []string
		for _, config := range parsed {
			more, err := config.GetAll(t.Address, keyword)
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
}

func (d *Dialer) configFiles() ([]configFile, error) {
	switch d.ConfigPath {
	case "":
		me, err := localUser()
		if err != nil {
			return nil, err
		}
		return []configFile{
			{filepath.Join(me.home, ".ssh", "config"), true},
			{filepath.Join(systemDir(), "ssh_config"), true},
		}, nil
	case "none":
		return nil, nil
	default:
		return []configFile{{d.ConfigPath, false}}, nil
	}
}

// askSSH lets the installed ssh evaluate the configuration.
func (d *Dialer) askSSH(t Target, path string, reason error) (sshConfig, error) {
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
	output, err := exec.Command("ssh", append(args, "--", t.Address)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(modules.LastLine(exit.Stderr))
		}
		return nil, modules.WithHint(fmt.Errorf("%s: %w; and asking `ssh -G` failed: %w", path, reason, err),
			"Install OpenSSH's client, or write the Match block as a Host block.")
	}
	values := make(map[string][]string)
	for line := range strings.Lines(string(output)) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[keyword] = append(values[keyword], value)
	}
	return func(keyword string) ([]string, error) { return values[strings.ToLower(keyword)], nil }, nil
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

// expandPath expands "~", percent tokens and ${VARIABLES} of a path.
func expandPath(path string, tokens map[byte]string, home string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = home + path[1:]
	}
	path = expandTokens(path, tokens)
	for {
		before, rest, found := strings.Cut(path, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return path
		}
		path = before + os.Getenv(name) + after
	}
}

// expandTokens replaces %x by its value; it keeps unknown tokens.
func expandTokens(text string, tokens map[byte]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+1 < len(text) {
			if value, ok := tokens[text[i+1]]; ok {
				b.WriteString(value)
				i++
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// words splits a list of words, of which some may be in double quotes.
func words(text string) []string {
	var list []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			word, rest, _ := strings.Cut(text[1:], `"`)
			list, text = append(list, word), rest
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		list, text = append(list, word), rest
	}
	return list
}

package remote

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sshSays returns what the installed ssh makes of a configuration: all values of each keyword. Its mistakes are the error.
func sshSays(path string, args ...string) (map[string][]string, error) {
	output, err := exec.Command("ssh", append([]string{"-G", "-F", path}, args...)...).Output()
	if err != nil {
		return nil, err
	}
	values := make(map[string][]string)
	for line := range strings.Lines(string(output)) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		values[strings.ToLower(keyword)] = append(values[strings.ToLower(keyword)], value)
	}
	return values, nil
}

// differences compares settings with what ssh says; empty: there are none.
func differences(s *settings, says map[string][]string) []string {
	home := "/nowhere"
	if me, err := localUser(); err == nil {
		home = me.home
	}
	one := func(keyword string) string {
		if len(says[keyword]) == 0 || says[keyword][0] == "none" {
			return ""
		}
		return says[keyword][0]
	}
	yes := func(keyword string) string {
		return strconv.FormatBool(one(keyword) == "yes" || one(keyword) == "true")
	}
	seconds := func(keyword string) string {
		n, _ := strconv.Atoi(one(keyword)) // "none" and nothing are 0
		return (time.Duration(n) * time.Second).String()
	}
	tokens := s.tokens(account{home: home}, s.alias)
	paths := func(list []string) string {
		var expanded []string
		for _, p := range list {
			if p != "none" {
				expanded = append(expanded, (&resolver{home: home}).path("", p, tokens))
			}
		}
		return strings.Join(expanded, " ")
	}
	var jumps []string
	for _, h := range s.proxyJump {
		text := h.alias
		if strings.Contains(text, ":") {
			text = "[" + text + "]"
		}
		if h.user != "" {
			text = h.user + "@" + text
		}
		if h.port != 0 {
			text = fmt.Sprintf("%s:%d", text, h.port)
		}
		jumps = append(jumps, text)
	}
	theirJumps := one("proxyjump")
	identities := says["identityfile"]
	if s.defaultIdentity {
		identities = slices.DeleteFunc(slices.Clone(identities), func(f string) bool { return strings.HasSuffix(f, "id_xmss") || strings.HasSuffix(f, "id_dsa") })
	}
	ours := slices.DeleteFunc(slices.Clone(s.identityFiles), func(f string) bool {
		return s.defaultIdentity && (strings.HasSuffix(f, "id_xmss") || strings.HasSuffix(f, "id_dsa"))
	})
	strict := map[string]strictness{"": ask, "ask": ask, "accept-new": accept, "false": accept, "off": accept, "no": accept, "true": refuse, "yes": refuse}
	off := func(keyword string) bool { return one(keyword) == "no" || one(keyword) == "false" }
	var methods []string
	order := []string{publicKey, interactive, password}
	if list := says["preferredauthentications"]; len(list) > 0 { // "none" is a method, which is tried in any case
		order = strings.Split(list[0], ",")
	}
	for _, m := range order {
		keyword := map[string]string{publicKey: "pubkeyauthentication", interactive: "kbdinteractiveauthentication", password: "passwordauthentication"}[m]
		if keyword != "" && !off(keyword) {
			methods = append(methods, m)
		}
	}
	alive := seconds("serveraliveinterval")
	if s.batch && s.aliveInterval == 0 && alive == "5m0s" {
		alive = "0s" // Debian's ssh sets it with BatchMode; rcprov asks for signs of life anyway
	}
	family := map[string]string{"": "tcp", "any": "tcp", "inet": "tcp4", "inet6": "tcp6"}
	var files []string
	for _, f := range strings.Fields(one("userknownhostsfile") + " " + one("globalknownhostsfile")) {
		files = append(files, (&resolver{home: home}).tilde("", f))
	}
	known := strings.Join(files, " ")
	command, err := expand(one("proxycommand"), tokens, false)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, c := range []struct{ what, ours, theirs string }{
		{"hostname", s.hostName, one("hostname")},
		{"user", s.user, one("user")},
		{"port", strconv.Itoa(s.port), one("port")},
		{"proxyjump", strings.Join(jumps, ","), theirJumps},
		{"proxycommand", s.proxyCommand, command},
		{"identityfile", strings.Join(ours, " "), paths(identities)},
		{"certificatefile", strings.Join(s.certificateFiles, " "), paths(says["certificatefile"])},
		{"identitiesonly", strconv.FormatBool(s.identitiesOnly), yes("identitiesonly")},
		{"known hosts", strings.Join(s.allKnownHosts, " "), known},
		{"hashknownhosts", strconv.FormatBool(s.hashKnownHosts), yes("hashknownhosts")},
		{"stricthostkeychecking", strconv.Itoa(int(s.strict)), strconv.Itoa(int(strict[one("stricthostkeychecking")]))},
		{"connecttimeout", s.connectTimeout.String(), seconds("connecttimeout")},
		{"serveraliveinterval", s.aliveInterval.String(), alive},
		{"addressfamily", s.network, family[one("addressfamily")]},
		{"bindaddress", s.bindAddress, one("bindaddress")},
		{"methods", strings.Join(s.methods, ","), strings.Join(methods, ",")},
		{"numberofpasswordprompts", strconv.Itoa(s.passwordPrompts), one("numberofpasswordprompts")},
		{"revokedhostkeys", strings.Join(s.revokedKeys, " "), paths(strings.Fields(one("revokedhostkeys")))},
		{"controlpath", strings.Join(s.controlPaths[:min(1, len(s.controlPaths))], ""), one("controlpath")},
		{"batchmode", strconv.FormatBool(s.batch), yes("batchmode")},
	} {
		if c.ours != c.theirs {
			found = append(found, fmt.Sprintf("%s is %q, ssh says %q", c.what, c.ours, c.theirs))
		}
	}
	return found
}

// checkSettled compares what rcprov makes of a configuration with what ssh does, with ssh at hand and without.
func checkSettled(t *testing.T, path, config, address string) {
	t.Helper()
	says, mistake := sshSays(path, "--", address)
	for _, program := range []string{"", noSSH} {
		name := map[string]string{"": "with ssh", noSSH: "without ssh"}[program]
		s, err := (&Dialer{ConfigPath: path, ssh: program}).resolve(Target{Address: address})
		switch {
		case err != nil && (mistake != nil || program == noSSH):
			if mistake == nil && !strings.Contains(err.Error(), "doesn't guess") {
				t.Errorf("%s: %v; ssh accepts\n%s", name, err, config)
			}
		case err != nil:
			t.Errorf("%s: %v; ssh accepts\n%s", name, err, config)
		case mistake != nil:
			t.Errorf("%s: ssh refuses %s in\n%s", name, address, config)
		default:
			for _, d := range differences(s, says) {
				t.Errorf("%s, %s: %s in\n%s", name, address, d, config)
			}
		}
	}
}

func needSSH(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("SKIPPED: there is no ssh to compare with")
	}
}

// What issue 14 saw go wrong, and its neighbours: ssh is the witness of each.
func TestSettledAsSSH(t *testing.T) {
	t.Parallel()
	needSSH(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"a b.conf": "User quoted\n", "plain.conf": "Host t\n  User included\n", "windows.conf": "Port 23\r\nIdentityFile ~/.ssh/key\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct{ address, config string }{
		{"alias", "Host alias\n  HostName real\nMatch host real\n  User right\nMatch host alias\n  User wrong"},
		{"alias", "Host alias\n  HostName real\nMatch originalhost alias\n  User original"},
		{"t", "Match final host t\n  User final\nHost t\n  Port 22"},
		{"t", "Match user someone\n  Port 2222\nMatch localuser root\n  Port 2223"},
		{"t", "Match exec \"test %h = t\"\n  Port 2224"},
		{"t", "ProxyCommand nc %h %p\nProxyJump other"},
		{"t", "ProxyJump other\nProxyCommand nc %h %p"},
		{"t", "ProxyJump none\nProxyCommand nc %h %p"},
		{"t", "Host x\n ProxyJump other\nHost t\n ProxyCommand nc %h %p"},
		{"t", "Include \"" + dir + "/a b.conf\""},
		{"t", "Include " + dir + "/plain.conf"},
		{"t", "Include " + dir + "/p*.conf"},
		{"t", "Include ${HOME}/nothing"},
		{"t", "Host \"t\"\n  User quoted"},
		{"t", "Host T\n  User upper"},
		{"t", "Host ?\n  User one\nHost t?\n  User two"},
		{"t", "Host t # comment\n  User behind"},
		{"t", "User name # comment"},
		{"t", "User \"a name\""},
		{"t", "IdentityFile ~root/key\nIdentityFile \"~/with space\"\nIdentityFile ${HOME}/x\nIdentityFile %d/y-%h-%r"},
		{"t", "IdentityFile none"},
		{"t", "IdentityFile ~/.ssh/id_ed25519"},
		{"t", "User me\nIdentityFile /a\nIdentityFile /a\nIdentityFile /b"},
		{"t", "CertificateFile ~/c\nIdentitiesOnly yes"},
		{"fe80::1%hme0", "Port 23"},
		{"t", "HostName %h.example.com"},
		{"t", "HostName fe80::1%%eth0"},
		{"t", "IdentitiesOnly maybe"},
		{"t", "Host other\n  IdentitiesOnly maybe"},
		{"t", "ConnectTimeout 1M"},
		{"t", "ServerAliveInterval 1d"},
		{"t", "ConnectTimeout 1h30m5"},
		{"t", "ConnectTimeout -1"},
		{"t", "Port 0"},
		{"t", "Port 65536"},
		{"t", "Port 22 23"},
		{"t", "Port=23\nUser = x"},
		{"t", "Tag work\nMatch tagged work\n  User tagged"},
		{"t", "AddressFamily inet6\nBindAddress 127.0.0.2"},
		{"t", "AddressFamily ipv4"},
		{"t", "CanonicalizeHostname yes\nCanonicalDomains example.invalid\nCanonicalizeFallbackLocal yes"},
		{"t", "UserKnownHostsFile /a ~/b \"/c d\"\nGlobalKnownHostsFile none"},
		{"t", "UserKnownHostsFile \"/c d\""},
		{"t", "UserKnownHostsFile /a '/b c' /d\\ e"},
		{"t", "UserKnownHostsFile ~/kh%%h /b\nGlobalKnownHostsFile ~/x \"/y z\" # comment"},
		{"t", "IdentityFile \"/a \\\"b\\\"\"\nCertificateFile \" /c \"\nIdentityAgent \"/d e\"\nControlPath \"/f g\""},
		{"t", "RevokedHostKeys \"/r s\""},
		{"t", "UserKnownHostsFile none"},
		{"t", "RevokedHostKeys ~/revoked"},
		{"t", "StrictHostKeyChecking off"},
		{"t", "StrictHostKeyChecking perhaps"},
		{"t", "PreferredAuthentications password,publickey\nPubkeyAuthentication no"},
		{"t", "NumberOfPasswordPrompts 1\nBatchMode yes"},
		{"t", "Unheard yes"},
		{"t", "IgnoreUnknown Unheard\nUnheard yes"},
		{"t", "Host !t *\n  User no\nHost t !x\n  User yes"},
		{"t", "ControlPath ~/.ssh/%r@%h:%p\nControlMaster auto\nControlPersist 10m"},
		{"t", "ControlPath none"},
		{"t", "ProxyJump ssh://me@[::1]:22,b"},
		{"t", "User a\r\nPort 23\r"},
		{"t", "# laptop\r\nHost t\r\n  HostName t.example.com\r\n  User a\r\nInclude " + dir + "/windows.conf\r\n"},
		{"t", "\tUser\ttabbed"},
		{"t", "Host other\n  ControlPath  /x y"},
		{"t", "Host other\n  ProxyCommand  nc %h %p"},
		{"t", "\fUser formfeed"},
		{"t", "\vUser tab"},
		{"t", "User x\f"},
		{"t", "User x\fy"},
		{"t", "Include " + dir + "\nUser x"},
		{"t", "KexAlgorithms +diffie-hellman-group14-sha1\nCiphers aes128-ctr"},
	} {
		path := filepath.Join(dir, fmt.Sprintf("config%d", i))
		if err := os.WriteFile(path, []byte(c.config+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			checkSettled(t, path, c.config, c.address)
		})
	}
}

// A plain configuration starts no process; one that goes beyond starts one.
func TestPlainConfigurationAsksNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, log := filepath.Join(dir, "ssh"), filepath.Join(dir, "log")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho called >>"+log+"\necho user asked\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config")
	for config, called := range map[string]bool{
		"# comment\nHost t x.*\n\tHostName t.example.com\n  User = me\n  Port 23\n  IdentityFile ~/.ssh/key\n  IdentitiesOnly yes\n  ProxyJump a@b:22,[::1]\n  ControlMaster auto\n  ControlPath ~/.ssh/%C\n  ForwardAgent yes\n  ServerAliveInterval 30\nHost *\n  SendEnv LANG LC_*\n  HashKnownHosts yes\n  GSSAPIAuthentication yes\n": false,
		"Host other\n  ProxyCommand nc %h %p\n  LocalForward 1 b:2\n": false,
		"Host t\r\n\r\n  User me \r\n  IdentityFile ~/.ssh/key\r\n":   false, // as editors on Windows write it
		// What systemd 256 and newer bring.
		"Host unix/* vsock/* machine/*\n  ProxyCommand /usr/lib/systemd/systemd-ssh-proxy %h %p\n  ProxyUseFdpass yes\n  CheckHostIP no\nHost .host machine/.host\n  ProxyCommand x %h\n": false,
		"ProxyCommand nc %h %p\n": true,
		"Match all\n":             true,
	} {
		_ = os.Remove(log)
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Dialer{ConfigPath: path, ssh: program}).resolve(Target{Address: "t"}); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(log); (err == nil) != called {
			t.Errorf("ssh was called: %v\n%s", err == nil, config)
		}
	}
}

// randomConfig returns a configuration made of what people write, right and wrong, and an address for it.
func randomConfig(choice *rand.Rand, dir string) (config, address string) {
	pick := func(list ...string) string { return list[choice.IntN(len(list))] }
	names := []string{"t", "web", "web.example.com", "10.0.0.1", "db-1"}
	pattern := func() string {
		return pick(pick(names...), "*", "web*", "*.example.com", "!"+pick(names...), "w?b", "10.0.0.*", "WEB", "\"web\"", "*b*")
	}
	patterns := func() string {
		list := []string{pattern()}
		for choice.IntN(3) == 0 {
			list = append(list, pattern())
		}
		return strings.Join(list, " ")
	}
	directive := func() string {
		return pick(
			"User "+pick("me", "you", "%u", "\"a\"", "x # y"), "Port "+pick("22", "2222", "0", "x", "23 ", "70000"),
			"HostName "+pick("real", "%h.example.com", "%%h", "10.0.0.2", "\"q\"", "A.B"),
			"IdentityFile "+pick("~/.ssh/a", "/b", "none", "%d/%h", "${HOME}/c", "\"/d e\"", "~root/f"),
			"IdentitiesOnly "+pick("yes", "no", "YES", "true", "maybe"), "CertificateFile "+pick("/c1", "~/c2"),
			"ProxyJump "+pick("a", "u@b:22", "none", "a,b", "[::1]:22", "%h", "a:b"), "ProxyCommand "+pick("nc %h %p", "none", "exec x"),
			"ConnectTimeout "+pick("5", "1m", "1h30m", "x", "0", "none"), "ServerAliveInterval "+pick("15", "2m", "0"),
			"StrictHostKeyChecking "+pick("yes", "no", "accept-new", "ask", "off", "true", "bad"),
			"UserKnownHostsFile "+pick("/k", "~/k /l", "none", "\"/k\" /l", "%d/k"), "GlobalKnownHostsFile "+pick("/g", "none"),
			"PubkeyAuthentication "+pick("yes", "no", "unbound"), "PasswordAuthentication "+pick("yes", "no"),
			"PreferredAuthentications "+pick("password", "publickey,password", "none"), "NumberOfPasswordPrompts "+pick("1", "2"),
			"AddressFamily "+pick("any", "inet", "inet6", "ipv4"), "BindAddress "+pick("127.0.0.1", "*"),
			"RevokedHostKeys "+pick("/r", "~/r", "none"), "HashKnownHosts "+pick("yes", "no"), "BatchMode "+pick("yes", "no"),
			"ControlPath "+pick("~/.ssh/%C", "/tmp/%r@%h:%p", "none", "/x y"), "SendEnv LANG LC_*", "LogLevel "+pick("INFO", "WRONG"),
			"Include "+pick(filepath.Join(dir, "one"), filepath.Join(dir, "*"), "\""+filepath.Join(dir, "one")+"\"", "/no/such", "${HOME}/none"),
			"Compression "+pick("yes", "no"), "ForwardAgent "+pick("yes", "no", "/sock"), "LocalForward "+pick("1 a:2", "[::1]:80 b:3"), "Unknown x", "# comment", "",
			"ServerAliveCountMax 3",
		)
	}
	separator := func(line string) string {
		if choice.IntN(8) == 0 {
			return strings.Replace(line, " ", pick("=", " = ", "\t", "  "), 1)
		}
		return line
	}
	block := func() string {
		var b strings.Builder
		switch choice.IntN(8) {
		case 0:
			b.WriteString("Match " + pick("all", "host "+pick(names...), "originalhost web*", "user me", "host *.example.com user me", "final all", "exec true") + "\n")
		default:
			b.WriteString(separator("Host "+patterns()) + "\n")
		}
		for range choice.IntN(4) {
			b.WriteString(pick("  ", "\t", "") + separator(directive()) + pick("\n", "\n", "\n", " \n"))
		}
		return b.String()
	}
	var b strings.Builder
	for range choice.IntN(2) {
		b.WriteString(directive() + "\n")
	}
	for range 1 + choice.IntN(4) {
		b.WriteString(block())
	}
	return b.String(), pick(names...)
}

// FuzzSettledConfiguration compares what rcprov makes of random configurations with `ssh -G`. Without -fuzz it runs some.
func FuzzSettledConfiguration(f *testing.F) {
	needSSH(f)
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		dir := t.TempDir()
		choice := rand.New(rand.NewPCG(seed, 14))
		included := filepath.Join(dir, "one")
		if err := os.WriteFile(included, []byte("Host web\n  User included\n  IdentityFile /included\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		config, address := randomConfig(choice, dir)
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		checkSettled(t, path, config, address)
	})
}

// ForkAfterAuthentication is for commands of ssh, and means nothing here.
func TestForkAfterAuthentication(t *testing.T) {
	t.Parallel()
	needSSH(t)
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("ForkAfterAuthentication yes\nHost \"t\"\n  User quoted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"", "/none"} {
		config := Dialer{ConfigPath: path, ssh: program}
		s, err := config.resolve(Target{Address: "t"})
		if program == "" && (err != nil || s.user != "quoted") || program != "" && err != nil && strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: got %+v, %v", program, s, err)
		}
	}
}

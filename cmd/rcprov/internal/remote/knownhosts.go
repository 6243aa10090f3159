package remote

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"github.com/rcprov/rcprov/modules"
)

// knownKeys caches the known_hosts files, by their names.
type knownKeys struct {
	mu       sync.Mutex
	loaded   map[string]*knownDB
	accepted map[string]ssh.PublicKey // of this run, by the host's name in known_hosts, where they could not be written down
}

// knownDB is what known_hosts files have.
type knownDB struct {
	*knownhosts.HostKeyDB
	names  map[string]string     // of files that were read as a copy without the lines that can't be read
	broken *knownhosts.HostKeyDB // the hosts that these lines are about; nil: there are none
	why    map[string]error      // by file and line of broken
	own    bool                  // some lines were written anew for one host: see forHost
}

// load reads the known_hosts files of s that exist, and the lines that KnownHostsCommand printed.
func (k *knownKeys) load(s *settings, printed string) (*knownDB, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := strings.Join(s.allKnownHosts, "\n")
	hosts := s.knownNames()
	ofHost := name + "\n" + strings.Join(hosts, ",")
	if db := cmp.Or(k.loaded[name], k.loaded[ofHost]); db != nil && printed == "" {
		return db, nil
	}
	var files []string
	for _, file := range s.allKnownHosts {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	if printed != "" {
		temporary, err := writeTemporary(printed)
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(temporary) }()
		files = append(files, temporary)
	}
	db, err := readKnownHosts(files, hosts)
	if err != nil {
		return nil, brokenLine(err)
	}
	if printed != "" {
		db.names[files[len(files)-1]] = commandName
		return db, nil
	}
	if k.loaded == nil {
		k.loaded = make(map[string]*knownDB)
	}
	if db.own {
		name = ofHost
	}
	k.loaded[name] = db
	return db, nil
}

// brokenLine is the error of a line that can't be read, and that may be about the host.
func brokenLine(err error) error {
	return modules.WithHint(fmt.Errorf("read known_hosts: %w", err), "Remove or repair that line: it might be one that revokes a key.")
}

// maxBroken is how many lines of known_hosts may be unreadable.
const maxBroken = 500

// placeIn finds the line in an error of the library: "knownhosts: FILE:LINE: reason".
var placeIn = shapeOf(`(?s)^knownhosts: (.*?):([0-9]+): (.*)$`)

// knownNames returns the names of the host as known_hosts has them: "host" or "[host]:port".
func (s *settings) knownNames() []string {
	var names []string
	for _, name := range []string{s.knownAs, s.sameAs, s.portless} {
		if name != "" {
			names = append(names, xknownhosts.Normalize(name))
		}
	}
	return names
}

// forHost writes a line of known_hosts anew when its names are patterns that ssh matches and the library doesn't: wildcards beside a
// port, upper case. In their place it has those of the host's names that they match. Source: hostfile.c and match.c,
// match_hostname, of OpenSSH 9.2.
func forHost(line string, hosts []string) (own string, changed bool) {
	line = strings.TrimLeft(line, " \t")
	marker, rest := "", line
	if strings.HasPrefix(line, "@") {
		end := max(0, strings.IndexAny(line, " \t"))
		marker, rest = line[:end]+" ", strings.TrimLeft(line[end:], " \t")
	}
	end := strings.IndexAny(rest, " \t")
	if end < 0 || rest[0] == '|' || rest[0] == '#' {
		return line, false
	}
	names := rest[:end]
	if !(strings.Contains(names, "[") && strings.ContainsAny(names, "*?")) && names == strings.ToLower(names) {
		return line, false
	}
	var matched []string
	for _, host := range hosts {
		if matchesPatterns(strings.ToLower(names), strings.ToLower(host)) {
			matched = append(matched, host)
		}
	}
	return marker + cmp.Or(strings.Join(matched, ","), "[nobody]:0") + rest[end:], true
}

// matchesPatterns matches a list of patterns with * and ?, some of them negated by !. Source: match.c, match_pattern_list.
func matchesPatterns(list, text string) bool {
	found := false
	for _, pattern := range strings.Split(list, ",") {
		pattern, not := strings.CutPrefix(pattern, "!")
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		if !regexp.MustCompile("(?s)^" + expression + "$").MatchString(text) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

// readKnownHosts reads files for a host of these names. A line that can't be read is an error when it revokes a key: whose, is unknown. Other lines count only
// for the hosts that they are about.
func readKnownHosts(files, hosts []string) (*knownDB, error) {
	db := &knownDB{names: make(map[string]string), why: make(map[string]error)}
	var broken bytes.Buffer
	names := append([]string(nil), files...)
	contents := make(map[string][]string)
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(content), "\n")
		changed := false
		for n, line := range lines {
			if own, other := forHost(line, hosts); other {
				lines[n], changed = own, true
			}
		}
		if !changed {
			continue
		}
		temporary, err := writeTemporary(strings.Join(lines, "\n"))
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(temporary) }()
		contents[file], names[i], db.names[temporary], db.own = lines, temporary, file, true
	}
	for range maxBroken {
		var err error
		if db.HostKeyDB, err = knownhosts.NewDB(names...); err == nil {
			return db, db.readBroken(broken.String())
		}
		place := placeIn.compiled().FindStringSubmatch(err.Error())
		if place == nil {
			return nil, err
		}
		name, reason := place[1], errors.New(place[3])
		number, _ := strconv.Atoi(place[2]) // digits
		original := name
		if db.names[name] != "" {
			original = db.names[name]
		}
		if contents[original] == nil {
			content, err := os.ReadFile(original)
			if err != nil {
				return nil, err
			}
			contents[original] = strings.Split(string(content), "\n")
		}
		lines := contents[original]
		if number < 1 || number > len(lines) {
			return nil, err
		}
		fields := strings.Fields(lines[number-1])
		failure := fmt.Errorf("knownhosts: %s:%d: %w", original, number, inWords(reason, fields))
		lines[number-1] = ""
		switch {
		case len(fields) > 0 && fields[0] == "@revoked":
			return nil, failure
		case strings.Contains(reason.Error(), "unknown key algorithm"): // of a newer OpenSSH, which has other keys for rcprov
		case len(fields) > 1:
			pattern := fields[0]
			if strings.HasPrefix(pattern, "@") {
				pattern = fields[1]
			}
			if placeholder := pattern + " " + placeholderKey; knownLine(placeholder) {
				fmt.Fprintln(&broken, placeholder)
				db.why[strconv.Itoa(strings.Count(broken.String(), "\n"))] = failure
			}
		}
		temporary, err := writeTemporary(strings.Join(lines, "\n"))
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(temporary) }()
		for i := range names {
			if names[i] == name {
				names[i] = temporary
			}
		}
		db.names[temporary] = original
	}
	return nil, fmt.Errorf("more than %d lines can't be read", maxBroken)
}

// inWords returns why a line of these fields can't be read, in plain words.
func inWords(reason error, fields []string) error {
	isNumber := func(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
	switch {
	case len(fields) > 3 && isNumber(fields[1]) && isNumber(fields[2]) && isNumber(fields[3]):
		return errors.New("it has a key of SSH's protocol 1, which is no longer used")
	case strings.Contains(reason.Error(), "illegal base64"):
		return errors.New("its key is damaged: that is no base64")
	}
	return reason
}

// placeholderKey stands for a key that can't be read. No host has it.
const placeholderKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// knownLine reports whether the library reads a line.
func knownLine(line string) bool {
	name, err := writeTemporary(line + "\n")
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(name) }()
	_, err = knownhosts.NewDB(name)
	return err == nil
}

func writeTemporary(content string) (name string, err error) {
	f, err := os.CreateTemp("", "rcprov-known-hosts-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}

func (db *knownDB) readBroken(lines string) error {
	if lines == "" {
		return nil
	}
	name, err := writeTemporary(lines)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(name) }()
	db.broken, err = knownhosts.NewDB(name)
	return err
}

// brokenFor returns why a line about the host can't be read; nil if there is no such line.
func (db *knownDB) brokenFor(knownAs string) error {
	if db.broken == nil {
		return nil
	}
	var found *xknownhosts.KeyError
	if err := db.broken.HostKeyCallback()(knownAs, noAddress{}, nobodysKey); errors.As(err, &found) && len(found.Want) > 0 {
		return brokenLine(db.why[strconv.Itoa(found.Want[0].Line)])
	}
	return nil
}

// noAddress is the address of a connection that is nowhere.
type noAddress struct{}

func (noAddress) Network() string { return "tcp" }
func (noAddress) String() string  { return "0.0.0.0:0" }

// nobodysKey is a key that no line has.
var nobodysKey ssh.PublicKey = noKey{}

type noKey struct{}

func (noKey) Type() string                        { return "ssh-nobody" }
func (noKey) Marshal() []byte                     { return []byte("nobody") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("nobody signs") }

// describe returns a line of known_hosts as people find it.
func (db *knownDB) describe(k xknownhosts.KnownKey) KnownKey {
	file := k.Filename
	for db.names[file] != "" {
		file = db.names[file]
	}
	return KnownKey{Type: k.Key.Type(), Fingerprint: ssh.FingerprintSHA256(k.Key), File: file, Line: k.Line}
}

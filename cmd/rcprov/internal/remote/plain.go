package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rcprov/rcprov/modules"
)

// A configuration of Host blocks with plain values is read by the ssh_config library. Whatever goes beyond is settled by `ssh -G`, if
// there is an ssh: the library would guess at some of it. So what is here need not know what a line means, only that it is one of
// those that mean the same to both.
//
// Source: ssh_config(5) and readconf.c of OpenSSH 9.2 and 10.0.

// A directive is a line of ssh_config that goes beyond plain Host blocks.
type directive struct {
	file  string
	line  int
	text  string
	value string // behind the keyword; in what linesOf returns
	lib   bool   // the library follows it, too
}

func (d directive) String() string { return fmt.Sprintf("%s line %d: `%s`", d.file, d.line, d.text) }

// A shape is a regular expression that is compiled when it is first needed: a run needs few of them.
type shape struct{ compiled func() *regexp.Regexp }

func shapeOf(expr string) shape {
	return shape{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
}

// MatchString reports whether text has the shape.
func (s shape) MatchString(text string) bool { return s.compiled().MatchString(text) }

// valuesOf are the kinds of plain values.
var valuesOf = struct{ flag, number, word, path, paths, words shape }{
	flag:   shapeOf(`^(yes|no)$`),
	number: shapeOf(`^[0-9]{1,9}$`),
	word:   shapeOf(`^[A-Za-z0-9][A-Za-z0-9._:@-]*$`),
	path:   shapeOf(`^(~/)?[A-Za-z0-9./_@+,-][A-Za-z0-9./_@+:,-]*$`),
	paths:  shapeOf(`^(~/)?[A-Za-z0-9./_@+,-][A-Za-z0-9./_@+:,-]*( +(~/)?[A-Za-z0-9./_@+,-][A-Za-z0-9./_@+:,-]*)*$`),
	words:  shapeOf(`^[A-Za-z0-9_*?=.:/-]+( +[A-Za-z0-9_*?=.:/-]+)*$`),
}

// plainPort is a port; the few above 64999 are left to ssh.
const plainPort = `([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3})`

// plainForward is a LocalForward or RemoteForward.
var plainForward = shapeOf(`^([A-Za-z0-9.*-]+:)?` + plainPort + ` +[A-Za-z0-9.-]+:` + plainPort + `$`)

// plainHop is a host of a ProxyJump.
const plainHop = `([A-Za-z0-9._-]+@)?([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9a-fA-F:.]+\])(:` + plainPort + `)?`

// plainValues has the keywords, in lower case, with what their plain values look like.
var plainValues = func() map[string]shape {
	v := valuesOf
	m := map[string]shape{
		"hostname": v.word, "user": v.word, "hostkeyalias": v.word, "port": shapeOf(`^` + plainPort + `$`),
		"localforward": plainForward, "remoteforward": plainForward, "dynamicforward": shapeOf(`^([A-Za-z0-9.*-]+:)?` + plainPort + `$`),
		"identityfile": v.path, "certificatefile": v.path, "userknownhostsfile": v.paths, "globalknownhostsfile": v.paths,
		"identityagent":            shapeOf(`^(none|SSH_AUTH_SOCK|\$[A-Za-z_][A-Za-z0-9_]*|(~/|/)[A-Za-z0-9./_@+:,-]+)$`),
		"revokedhostkeys":          v.path,
		"proxyjump":                shapeOf(`^(none|` + plainHop + `(,` + plainHop + `)*)$`),
		"controlpath":              shapeOf(`^(none|(~/|/)([A-Za-z0-9./_@+:,-]|%[CLhilnpru])+)$`),
		"stricthostkeychecking":    shapeOf(`^(yes|no|ask|accept-new|off)$`),
		"loglevel":                 shapeOf(`^(QUIET|FATAL|ERROR|INFO|VERBOSE|DEBUG[123]?)$`),
		"controlmaster":            shapeOf(`^(yes|no|ask|auto|autoask)$`),
		"controlpersist":           shapeOf(`^(yes|no|[0-9]{1,6}[smhd]?)$`),
		"updatehostkeys":           shapeOf(`^(yes|no|ask)$`),
		"addressfamily":            shapeOf(`^(any|inet|inet6)$`),
		"requesttty":               shapeOf(`^(yes|no|force|auto)$`),
		"preferredauthentications": shapeOf(`^[a-z-]+(,[a-z-]+)*$`),
		"sendenv":                  v.words,
	}
	for _, keyword := range []string{
		"identitiesonly", "hashknownhosts", "pubkeyauthentication", "passwordauthentication", "kbdinteractiveauthentication", "compression",
		"forwardagent", "forwardx11", "forwardx11trusted", "gssapiauthentication", "gssapidelegatecredentials", "tcpkeepalive",
		"visualhostkey", "checkhostip", "exitonforwardfailure", "addkeystoagent", "batchmode", "proxyusefdpass",
	} {
		m[keyword] = v.flag
	}
	for _, keyword := range []string{
		"connecttimeout", "serveraliveinterval", "serveralivecountmax", "numberofpasswordprompts", "connectionattempts", "requiredrsasize",
	} {
		m[keyword] = v.number
	}
	return m
}()

// libraryFollows are keywords whose values the library, or what is built on it, reads right in other shapes, too: in quotes, with tokens
// and environment variables, with prefixes of time.
var libraryFollows = []string{
	"hostname", "identityfile", "certificatefile", "userknownhostsfile", "globalknownhostsfile", "identityagent", "revokedhostkeys",
	"proxycommand", "controlpath", "connecttimeout", "serveraliveinterval", "bindaddress", "bindinterface",
	"kexalgorithms", "ciphers", "macs", "hostkeyalgorithms", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes",
	"casignaturealgorithms",
}

// freeText are keywords for which ssh takes any text.
var freeText = []string{
	"hostname", "identityfile", "certificatefile", "userknownhostsfile", "globalknownhostsfile", "identityagent", "revokedhostkeys",
	"proxycommand", "controlpath", "bindaddress", "bindinterface", "remotecommand", "localcommand",
}

// severalWords are those of them that may have several words without quotes.
var severalWords = []string{"userknownhostsfile", "globalknownhostsfile", "proxycommand", "remotecommand", "localcommand"}

// hasNoMeaning are keywords that mean nothing to rcprov, whatever their value.
var hasNoMeaning = []string{
	"localforward", "remoteforward", "dynamicforward", "setenv", "usekeychain", "forkafterauthentication", "sessiontype", "stdinnull", "remotecommand", "localcommand", "permitlocalcommand", "ipqos", "escapechar",
	"forwardagent", "addkeystoagent", "xauthlocation", "sendenv", "streamlocalbindmask", "streamlocalbindunlink", "rekeylimit",
	"gssapikeyexchange", "gssapitrustdns", "ignoreunknown", "controlpersist", "controlmaster", "connectionattempts",
}

// plainPattern is a pattern of a Host line that the library matches as ssh does; its ? doesn't.
var plainPattern = shapeOf(`^!?[A-Za-z0-9._:*/-]+$`)

// maxIncludes is how deep Includes may be nested: the library's limit; that of ssh is 16.
const maxIncludes = 4

// A scan finds the directives that go beyond plain Host blocks.
type scan struct {
	alias  string
	home   string
	beyond []directive
	proxy  map[string]directive // the first ProxyJump and ProxyCommand: which comes first counts
}

// read scans the file at path; active says that the Include that led here counts for the alias.
func (s *scan) read(path string, content string, active bool, depth int) error {
	outside := active
	content = strings.ReplaceAll(content, "\r\n", "\n") // ends of lines on Windows, to ssh and to the library
	for i, line := range strings.Split(content, "\n") {
		text := strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
		if text == "" || text[0] == '#' {
			continue
		}
		here := directive{file: path, line: i + 1, text: text}
		if strings.ContainsAny(line, "\f\v") { // no space to ssh
			s.beyond = append(s.beyond, here)
			continue
		}
		keyword, value := splitDirective(text)
		switch plain, known := plainValues[keyword]; {
		case keyword == "host":
			patterns := strings.Fields(value)
			if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return !plainPattern.MatchString(p) }) {
				s.beyond = append(s.beyond, here)
				active = outside
				continue
			}
			active = outside && matchesHost(patterns, s.alias)
		case keyword == "match":
			here.lib = strings.EqualFold(strings.TrimSpace(value), "all")
			s.beyond = append(s.beyond, here)
			active = outside
		case keyword == "include" && (strings.Contains(value, "  ") || strings.TrimRight(line, " \t\r") != line):
			s.beyond = append(s.beyond, here) // the library takes the space for a name
		case keyword == "include":
			if err := s.include(here, value, active, depth); err != nil {
				return err
			}
		case known && plain.MatchString(value) && !strings.Contains(line, "\r"):
			if keyword == "proxyjump" && active {
				s.oneProxy(keyword, here)
			}
		case !active && value != "" && slices.Contains(freeText, keyword) && (!strings.Contains(value, " ") || slices.Contains(severalWords, keyword)) && !strings.ContainsAny(value, "#\"'\\\r"):
			// For other hosts. Values of other keywords may be mistakes, for which ssh refuses the whole file.
		default:
			here.lib = libraryReads(keyword, value)
			s.beyond = append(s.beyond, here)
			if keyword == "proxycommand" {
				s.oneProxy(keyword, here)
			}
		}
	}
	return nil
}

// libraryReads reports whether the library reads the value of keyword as ssh does, although it isn't plain.
func libraryReads(keyword, value string) bool {
	switch {
	case strings.Contains(value, "#"): // a comment to ssh
		return false
	case slices.Contains(hasNoMeaning, keyword):
		return true
	case !slices.Contains(libraryFollows, keyword), value == "":
		return false
	case strings.HasSuffix(keyword, "algorithms"), strings.HasSuffix(keyword, "keytypes"), keyword == "ciphers", keyword == "macs":
		return plainAlgorithms.MatchString(value)
	case keyword == "proxycommand":
		return true
	case keyword == "connecttimeout", keyword == "serveraliveinterval":
		return sshTime.MatchString(value)
	case !strings.HasSuffix(keyword, "knownhostsfile") && strings.Contains(value, " ") && !oneQuoted.MatchString(value):
		return false
	}
	return !strings.ContainsAny(value, `'\\`)
}

// oneQuoted is a single word in quotes.
var oneQuoted = shapeOf(`^"[^"]*"$`)

// plainAlgorithms is a list of algorithms without wildcards, and without the signs that change a list of ssh's own.
var plainAlgorithms = shapeOf(`^[A-Za-z0-9][A-Za-z0-9@.-]*(,[A-Za-z0-9][A-Za-z0-9@.-]*)*$`)

// oneProxy notes a ProxyJump or ProxyCommand. The first of them counts, and the library doesn't know the order.
func (s *scan) oneProxy(keyword string, here directive) {
	if s.proxy == nil {
		s.proxy = make(map[string]directive)
	}
	if _, seen := s.proxy[keyword]; !seen {
		s.proxy[keyword] = here
	}
	if len(s.proxy) == 2 {
		s.beyond = append(s.beyond, here)
	}
}

// include scans the files of an Include, as ssh and the library find them.
func (s *scan) include(here directive, value string, active bool, depth int) error {
	for _, name := range strings.Fields(value) {
		plain := valuesOf.path.MatchString(strings.ReplaceAll(name, "*", ""))
		relative := !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "~/")
		if !plain && name != "*" || depth >= maxIncludes || relative && strings.HasPrefix(here.file, systemDir()) {
			s.beyond = append(s.beyond, here)
			return nil
		}
		switch {
		case strings.HasPrefix(name, "~/"):
			name = filepath.Join(s.home, name[2:])
		case relative:
			name = filepath.Join(s.home, ".ssh", name)
		}
		files, err := filepath.Glob(name)
		if err != nil {
			return fmt.Errorf("%v: %w", here, err)
		}
		for _, file := range files {
			content, err := readOwnConfig(file)
			if errors.Is(err, errDirectory) {
				s.beyond = append(s.beyond, here) // ssh reads nothing in it; to the library it is a mistake
				continue
			}
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%v: %w", here, err)
			}
			if err := s.read(file, string(content), active, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

var errDirectory = errors.New("it is a directory")

// readOwnConfig reads a file that only root and the user may change: it can name programs to run. As for ssh, that holds for the user's
// own file and for what is included, not for a file that a flag names. Source: readconf.c, SSHCONF_CHECKPERM.
func readOwnConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errDirectory
	}
	if othersWrite(info) {
		return nil, modules.WithHint(fmt.Errorf("%s: others may change it (mode %04o%s); ssh refuses it, too", path, info.Mode().Perm(), otherOwner(info)),
			"Make it yours: `chmod go-w %[1]s`, or `chown` when it belongs to somebody else.", path)
	}
	return io.ReadAll(f)
}

// splitDirective returns the keyword of a line, in lower case, and its arguments.
func splitDirective(text string) (keyword, value string) {
	end := strings.IndexAny(text, " =")
	if end < 0 {
		return strings.ToLower(text), ""
	}
	value = strings.TrimLeft(text[end:], " ")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " ")
	return strings.ToLower(text[:end]), value
}

// matchesHost reports whether the plain patterns of a Host line match alias.
func matchesHost(patterns []string, alias string) bool {
	found := false
	for _, p := range patterns {
		name, not := strings.CutPrefix(p, "!")
		if !matchesPattern(name, alias) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

// matchesPattern matches a pattern in which * stands for any text.
func matchesPattern(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

package remote

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// splitArguments splits a value of ssh_config into words, as ssh does: quotes of both kinds, backslashes before them, and no # that
// begins a comment if comments is set. Source: misc.c, argv_split, of OpenSSH 9.2.
func splitArguments(text string, comments bool) ([]string, error) {
	var list []string
	for i := 0; i < len(text); i++ {
		if text[i] == ' ' || text[i] == '\t' {
			continue
		}
		if comments && text[i] == '#' {
			break
		}
		var word strings.Builder
		quote := byte(0)
		for ; i < len(text); i++ {
			c := text[i]
			next := byte(0)
			if i+1 < len(text) {
				next = text[i+1]
			}
			switch {
			case c == '\\' && (next == '\'' || next == '"' || next == '\\' || quote == 0 && next == ' '):
				i++
				word.WriteByte(next)
				continue
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
				continue
			case quote != 0 && c == quote:
				quote = 0
				continue
			}
			if quote == 0 && (c == ' ' || c == '\t') {
				break
			}
			word.WriteByte(c)
		}
		if quote != 0 {
			return nil, fmt.Errorf("`%s` has no closing quote", text)
		}
		list = append(list, word.String())
	}
	return list, nil
}

// builtIn are lists that ssh prints when none is configured. Their directories are those of its build.
var builtIn = map[string][]string{
	"userknownhostsfile":   {"~/.ssh/known_hosts", "~/.ssh/known_hosts2"},
	"globalknownhostsfile": {"~/ssh_known_hosts", "~/ssh_known_hosts2"},
}

// words returns a list of names. `ssh -G` prints one without quotes, so where names with spaces end is seen in the line that it came
// from; where that is not clear, the list is an error: a name that isn't read may be that of a file with a revoked key.
func (r *resolver) words(keyword string) []string {
	text := r.value(keyword)
	if !r.settled {
		list, err := splitArguments(text, true)
		r.fail(keyword, err)
		return list
	}
	if !strings.Contains(text, " ") {
		return slices.DeleteFunc([]string{text}, func(name string) bool { return name == "" })
	}
	lists := [][]string{builtIn[strings.ToLower(keyword)]}
	for _, line := range linesOf(keyword, r.files, r.home) {
		if list, err := splitArguments(line.value, true); err == nil {
			lists = append(lists, list)
		}
	}
	var found []string
	for _, list := range lists {
		parts := printedAs(list).FindStringSubmatch(text)
		switch {
		case parts == nil || len(list) == 0:
		case found == nil:
			found = parts[1:]
		case !slices.Equal(found, parts[1:]):
			r.fail(keyword, errUnclear(text))
			return nil
		}
	}
	if found == nil {
		found = strings.Fields(text)
		if !areNames(found) {
			r.fail(keyword, errUnclear(text))
			return nil
		}
	}
	return found
}

func errUnclear(text string) error {
	return modules.WithHint(fmt.Errorf("`ssh -G` prints `%s`, and where its names end is not clear", text), "Use names without spaces there.")
}

// areNames reports whether each word is a name for itself: all are absolute, and no file has a name that several words make up.
func areNames(list []string) bool {
	for i, name := range list {
		if !filepath.IsAbs(name) && !strings.HasPrefix(name, "~") {
			return false
		}
		for end := i + 2; end <= len(list); end++ {
			if _, err := os.Lstat(strings.Join(list[i:end], " ")); err == nil {
				return false
			}
		}
	}
	return true
}

// printedAs matches what `ssh -G` makes of a list: it expands ~, tokens and variables in some of its values.
func printedAs(list []string) *regexp.Regexp {
	names := make([]string, len(list))
	for i, name := range list {
		var b strings.Builder
		if strings.HasPrefix(name, "~") {
			b.WriteString(".*")
			var below bool
			if _, name, below = strings.Cut(name, "/"); below {
				b.WriteString("/")
				name = strings.TrimLeft(name, "/")
			}
		}
		for name != "" {
			size, pattern := 1, regexp.QuoteMeta(name[:1])
			if name[0] == '%' && len(name) > 1 {
				size, pattern = 2, ".*"
			} else if end := strings.IndexByte(name, '}'); end > 0 && strings.HasPrefix(name, "${") {
				size, pattern = end+1, ".*"
			}
			b.WriteString(pattern)
			name = name[size:]
		}
		names[i] = "(" + b.String() + ")"
	}
	return regexp.MustCompile("(?s)^" + strings.Join(names, " ") + "$")
}

// maxIncludesOfSSH is how deep Includes may be nested. Source: readconf.c, READCONF_MAX_DEPTH.
const maxIncludesOfSSH = 16

// linesOf returns the lines that set keyword in the files and in what they include, whether they count for the host or not.
func linesOf(keyword string, files []configFile, home string) []directive {
	var found []directive
	var read func(path, content string, depth int)
	read = func(path, content string, depth int) {
		for i, line := range strings.Split(content, "\n") {
			text := strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
			word, value := splitDirective(text)
			switch {
			case strings.EqualFold(word, keyword):
				found = append(found, directive{file: path, line: i + 1, text: text, value: value})
			case word == "include" && depth < maxIncludesOfSSH:
				for _, name := range included(value, path, home) {
					if content, err := os.ReadFile(name); err == nil {
						read(name, string(content), depth+1)
					}
				}
			}
		}
	}
	for _, file := range files {
		read(file.path, string(file.content), 0)
	}
	return found
}

// tokenOrVariable is what ssh expands in the names of an Include.
var tokenOrVariable = shapeOf(`%[^%]|\$\{[^}]*\}`)

// included returns the files that an Include in the file at path may read: all that match with any text for tokens.
func included(value, path, home string) []string {
	list, err := splitArguments(value, true)
	if err != nil {
		return nil
	}
	var files []string
	for _, name := range list {
		name = tokenOrVariable.compiled().ReplaceAllStringFunc(name, func(t string) string {
			if t[0] == '$' {
				return os.Getenv(t[2 : len(t)-1])
			}
			return "*"
		})
		switch {
		case strings.HasPrefix(name, "~"):
			name, err = expandTilde(name, home)
		case !strings.HasPrefix(name, "/") && strings.HasPrefix(path, systemDir()):
			name = filepath.Join(systemDir(), name)
		case !strings.HasPrefix(name, "/"):
			name = filepath.Join(home, ".ssh", name)
		}
		if matches, globErr := filepath.Glob(name); err == nil && globErr == nil {
			files = append(files, matches...)
		}
	}
	return files
}

// where returns the lines that set keyword, as text behind its name: " (FILE line N)"; empty: none do.
func (r *resolver) where(keyword string) string {
	var places []string
	for _, line := range linesOf(keyword, r.files, r.home) {
		places = append(places, fmt.Sprintf("%s line %d", line.file, line.line))
	}
	if len(places) == 0 {
		return ""
	}
	return " (" + strings.Join(places, ", ") + ")"
}

// fail notes that the value of keyword is a mistake.
func (r *resolver) fail(keyword string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("ssh_config: %s%s: %w", keyword, r.where(keyword), err)
	}
}

// path returns a path of keyword with ~, tokens and ${VARIABLES} expanded.
func (r *resolver) path(keyword, path string, tokens map[byte]string) string {
	path, err := expandPath(path, r.home, tokens)
	r.fail(keyword, err)
	return path
}

// expandPath expands ~, tokens and ${VARIABLES} in a path.
func expandPath(path, home string, tokens map[byte]string) (string, error) {
	path, err := expandTilde(path, home)
	if err == nil {
		path, err = expand(path, tokens, true)
	}
	return filepath.FromSlash(path), err
}

// tilde returns a path of keyword with ~ expanded, and nothing else.
func (r *resolver) tilde(keyword, path string) string {
	path, err := expandTilde(path, r.home)
	r.fail(keyword, err)
	return filepath.FromSlash(path)
}

// expandTilde expands "~" and "~user". Source: misc.c, tilde_expand, of OpenSSH 9.2.
func expandTilde(path, home string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	if name != "" {
		other, err := user.Lookup(name)
		if err != nil {
			return path, fmt.Errorf("`%s`: there is no user %s", path, name)
		}
		home = other.HomeDir
	}
	if rest = strings.TrimLeft(rest, "/"); rest == "" {
		return home, nil
	}
	return strings.TrimSuffix(home, "/") + "/" + rest, nil
}

// expand replaces %x by its value, and ${VARIABLE} too if dollar is set. As for ssh, an unknown token and a variable that isn't set are
// mistakes. Source: misc.c, vdollar_percent_expand, of OpenSSH 9.2.
func expand(text string, tokens map[byte]string, dollar bool) (string, error) {
	var b strings.Builder
	for rest := text; rest != ""; {
		switch {
		case dollar && strings.HasPrefix(rest, "${"):
			name, after, closed := strings.Cut(rest[2:], "}")
			value, set := os.LookupEnv(name)
			switch {
			case !closed:
				return "", fmt.Errorf("`%s`: ${ without a }", text)
			case !set:
				return "", modules.WithHint(fmt.Errorf("`%s`: the environment variable %s isn't set", text, name), "Set it, or write its value there: ssh refuses that, too.")
			}
			b.WriteString(value)
			rest = after
		case rest[0] == '%' && len(rest) == 1:
			return "", fmt.Errorf("`%s`: a single %% at the end; write %%%%", text)
		case rest[0] == '%':
			value, known := tokens[rest[1]]
			if !known {
				return "", modules.WithHint(fmt.Errorf("`%s`: %%%c has no meaning there", text, rest[1]), "See TOKENS in `man ssh_config`; %%%% is a percent sign. ssh refuses that, too.")
			}
			b.WriteString(value)
			rest = rest[2:]
		default:
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return b.String(), nil
}

// errNoArguments is the error of a command without words.
var errNoArguments = errors.New("there is no command")

package sshd

import (
	"path"
	"slices"
	"strings"
)

// text is the drop-in. A Match block ends where the next one begins, or with the file.
func text(settings []setting, matches []match) string {
	var b strings.Builder
	b.WriteString("# Written by rcprov.\n")
	for _, s := range settings {
		b.WriteString(s.Keyword + " " + s.Value + "\n")
	}
	for _, m := range matches {
		b.WriteString("Match " + m.Criteria + "\n")
		for _, s := range m.Settings {
			b.WriteString("\t" + s.Keyword + " " + s.Value + "\n")
		}
	}
	return b.String()
}

// line is a line of sshd's configuration, where sshd reads it.
type line struct {
	File    string
	Number  int
	Keyword string // lowercase
	Value   string // its words, separated by one space
	Text    string // as in the file
	Match   bool   // for some connections only
}

// A configuration is the text of the files of /etc/ssh that sshd may read, by path.
type configuration map[string][]string

// lines returns the settings in the order in which sshd reads them. Included files that the configuration doesn't have are
// left out.
//
// Source: sshd_config(5), and process_server_config_line_depth in OpenSSH's servconf.c: Include is a glob relative to
// /etc/ssh, and the files that it names are read in place of the line, in the order of their names; a Match block ends with
// its file.
func (c configuration) lines() []line { return c.read(mainFile, false, 0) }

// maxDepth is how deep sshd follows Include (SERVCONF_MAX_DEPTH).
const maxDepth = 16

func (c configuration) read(file string, match bool, depth int) (all []line) {
	if depth > maxDepth {
		return nil
	}
	for i, text := range c[file] {
		keyword, words := split(text)
		switch keyword {
		case "":
		case "match":
			match = !(len(words) == 1 && strings.EqualFold(words[0], "all"))
			all = append(all, line{File: file, Number: i + 1, Keyword: keyword, Value: strings.Join(words, " "), Match: true})
		case "include":
			for _, pattern := range words {
				for _, name := range c.glob(pattern) {
					all = append(all, c.read(name, match, depth+1)...)
				}
			}
		default:
			all = append(all, line{
				File: file, Number: i + 1, Keyword: keyword, Value: strings.Join(words, " "), Text: strings.TrimSpace(text), Match: match,
			})
		}
	}
	return all
}

// glob returns the known files that a pattern of Include names.
func (c configuration) glob(pattern string) (names []string) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(mainFile), pattern)
	}
	for name := range c {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// split splits a line into its lowercase keyword and its words: "Port=22", `Banner "/etc/issue net" # why`.
func split(text string) (keyword string, words []string) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return "", nil
	}
	end := strings.IndexAny(text, " \t=\"")
	if end < 0 {
		return strings.ToLower(text), nil
	}
	keyword = strings.ToLower(text[:end])
	rest := strings.TrimLeft(text[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	for rest != "" && rest[0] != '#' {
		var word string
		if rest[0] == '"' {
			word, rest, _ = strings.Cut(rest[1:], `"`)
		} else if i := strings.IndexAny(rest, " \t"); i >= 0 {
			word, rest = rest[:i], rest[i:]
		} else {
			word, rest = rest, ""
		}
		words = append(words, word)
		rest = strings.TrimLeft(rest, " \t")
	}
	return keyword, words
}

// with returns the configuration with another text in one file.
func (c configuration) with(file, text string) configuration {
	after := make(configuration, len(c)+1)
	for name, lines := range c {
		after[name] = lines
	}
	after[file] = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return after
}

// exclusive are the keywords whose lines sshd adds up, so that a line in another file adds to those of the plan.
var exclusive = []string{"port", "listenaddress", "allowusers", "allowgroups"}

// additive are other keywords whose lines sshd adds up, and to which the plan may only add.
var additive = []string{"acceptenv", "denyusers", "denygroups", "hostkey", "hostcertificate", "subsystem", "setenv"}

// overridden returns the first line in another file that overrides one of settings, or adds to it, and that setting.
func overridden(lines []line, settings []setting) (by line, what setting, found bool) {
	values := make(map[string][]string)
	for _, s := range settings {
		key := strings.ToLower(s.Keyword)
		values[key] = append(values[key], strings.ToLower(s.Value))
	}
	for _, s := range settings {
		key := strings.ToLower(s.Keyword)
		if slices.Contains(additive, key) {
			continue
		}
		for _, l := range lines {
			if l.Match || l.Keyword != key {
				continue
			}
			if l.File == dropIn && !slices.Contains(exclusive, key) {
				break // the first one counts
			}
			if l.File != dropIn && !within(strings.ToLower(l.Value), values[key], key) {
				return l, s, true
			}
		}
	}
	return line{}, setting{}, false
}

// within reports whether a line in another file has only values of the plan. AllowUsers and AllowGroups may have several
// names per line.
func within(value string, wanted []string, keyword string) bool {
	if keyword != "allowusers" && keyword != "allowgroups" {
		return slices.Contains(wanted, value)
	}
	for _, name := range strings.Fields(value) {
		if !slices.Contains(wanted, name) {
			return false
		}
	}
	return true
}

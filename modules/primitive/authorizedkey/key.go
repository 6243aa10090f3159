package authorizedkey

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// checkOptions returns an error unless sshd parses the options as the plan lists them.
func checkOptions(options []string, key ssh.PublicKey) error {
	line := entry{Key: key, Options: options}.String()
	_, _, parsed, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err == nil && slices.Equal(parsed, options) && !strings.ContainsAny(line, "\r\n") {
		return nil
	}
	return errors.New("must be options of authorized_keys, each without a comma or space outside double quotes: command=\"/bin/date -u\"")
}

// entry is one key of an authorized_keys file, sshd(8).
type entry struct {
	Key     ssh.PublicKey
	Options []string
	Comment string
}

func (e entry) String() string {
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(e.Key)))
	if len(e.Options) > 0 {
		line = strings.Join(e.Options, ",") + " " + line
	}
	if e.Comment != "" {
		line += " " + e.Comment
	}
	return line
}

func (e entry) is(key ssh.PublicKey) bool { return bytes.Equal(e.Key.Marshal(), key.Marshal()) }

// name is how people know a key: its fingerprint, as `ssh-keygen -l` prints it.
func (e entry) name() string { return ssh.FingerprintSHA256(e.Key) }

// line is one line of an authorized_keys file.
type line struct {
	Text  string
	Entry *entry // nil for an empty line, a comment, and anything that is not a key
}

func (l line) blank() bool {
	text := strings.TrimSpace(l.Text)
	return text == "" || text[0] == '#'
}

func parseLines(content []byte) []line {
	var lines []line
	for text := range strings.Lines(string(content)) {
		l := line{Text: strings.TrimRight(text, "\r\n")}
		if key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(l.Text)); err == nil {
			l.Entry = &entry{Key: key, Options: options, Comment: comment}
		}
		lines = append(lines, l)
	}
	return lines
}

package authorizedkey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// parseKey reads the plan's key: one public key line without options. Its errors never repeat the text, which may be
// a private key.
func parseKey(text string) (key ssh.PublicKey, comment string, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, "", errors.New("is empty")
	case strings.Contains(text, "PRIVATE KEY-----"), strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return nil, "", errors.New("is a private key; give the public one, the file that ends with .pub")
	case strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC KEY"):
		return nil, "", errors.New("is in the format of RFC 4716; `ssh-keygen -i -f FILE` prints it as one line")
	case strings.ContainsAny(text, "\r\n"):
		return nil, "", fmt.Errorf("has %d lines; give one key", strings.Count(text, "\n")+1)
	}
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil && !strings.Contains(text, " "):
		return nil, "", errors.New("has one word; a public key is a type and a text, such as \"ssh-ed25519 AAAA...\"")
	case err != nil:
		return nil, "", errors.New("is not a public key: its text is cut off or damaged, or does not match the type before it")
	case len(options) > 0:
		return nil, "", errors.New("has options before the key; give them in `options`")
	case key.Type() == "ssh-dss": // DSA
		return nil, "", errors.New("is a DSA key, which OpenSSH refuses")
	case strings.Contains(key.Type(), "-cert-v01@"):
		return nil, "", errors.New("is a certificate; give the key of its authority with options = [\"cert-authority\"]")
	}
	return key, comment, nil
}

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

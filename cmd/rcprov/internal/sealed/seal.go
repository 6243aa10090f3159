package sealed

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// The comments at the beginning of a text.
const (
	forThese      = "# Encrypted for:"
	forPassphrase = "# Encrypted with a passphrase."
)

// A Lock is for whom a text is encrypted: recipients or a passphrase.
type Lock struct {
	Recipients []string // "age1...", "ssh-ed25519 AAAA... comment"
	Passphrase string
}

// ReadRecipients returns the recipients of arguments and of files, with a line for each, such as authorized_keys.
func ReadRecipients(args, files []string) ([]string, error) {
	list := append([]string(nil), args...)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the recipients: %w", err)
		}
		before := len(list)
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				list = append(list, line)
			}
		}
		if len(list) == before {
			return nil, fmt.Errorf("%s has no recipient", file)
		}
	}
	for _, text := range list {
		if _, err := parse(text); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func parse(text string) (age.Recipient, error) {
	var r age.Recipient
	var err error
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-"), strings.Contains(text, "PRIVATE KEY"):
		return nil, modules.WithHint(errors.New("a recipient is a public key, and this is a secret one"), "`age-keygen -y FILE` prints the public key of an identity.")
	case strings.HasPrefix(text, "ssh-"):
		r, err = agessh.ParseRecipient(text)
	default:
		var list []age.Recipient
		if list, err = age.ParseRecipients(strings.NewReader(text)); err == nil {
			r = list[0]
		}
	}
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%q is not a recipient", text),
			"A recipient is an age public key (age1..., as `age-keygen` prints it) or a line of an SSH public key (ssh-ed25519 or ssh-rsa).")
	}
	return r, nil
}

// Lock returns for whom a decrypted text is encrypted, by its comments; the passphrase of one that was opened by passphrase is
// known to the Opener. The error says that the text has no such comments: another tool made it.
func (o *Opener) Lock(name string, text []byte) (Lock, error) {
	if passphrase, ok := o.passphrases[name]; ok {
		return Lock{Passphrase: passphrase}, nil
	}
	var lock Lock
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch entry, ok := strings.CutPrefix(line, "#   "); {
		case line == forThese:
			inside = true
		case inside && ok:
			if _, err := parse(entry); err != nil {
				return Lock{}, fmt.Errorf("%s: %w", name, err)
			}
			lock.Recipients = append(lock.Recipients, entry)
		default:
			inside = false
		}
	}
	if len(lock.Recipients) == 0 {
		return Lock{}, modules.WithHint(fmt.Errorf("%s doesn't say for whom it is encrypted", name),
			"Another tool made it, or its first comments were removed. `rcprov secrets rekey %s --recipient ...` encrypts it anew, for whom you say.", name)
	}
	return lock, nil
}

// Seal encrypts a text of UTF-8, whose comments name the recipients then.
func Seal(text []byte, lock Lock) ([]byte, error) {
	head := forPassphrase + "\n"
	var recipients []age.Recipient
	if lock.Passphrase != "" {
		r, err := age.NewScryptRecipient(lock.Passphrase)
		if err != nil {
			return nil, err
		}
		recipients = append(recipients, r)
	} else {
		head = forThese + "\n"
		for _, text := range lock.Recipients {
			r, err := parse(text)
			if err != nil {
				return nil, err
			}
			recipients = append(recipients, r)
			head += "#   " + text + "\n"
		}
	}
	var sealed bytes.Buffer
	lines := armor.NewWriter(&sealed)
	w, err := age.Encrypt(lines, recipients...)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(append([]byte(head), withoutHead(text)...))
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = lines.Close()
	}
	sealed.WriteByte('\n')
	return sealed.Bytes(), err
}

// withoutHead returns a text without the comments of Seal.
func withoutHead(text []byte) []byte {
	var rest strings.Builder
	inside := false
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == forPassphrase:
		case trimmed == forThese:
			inside = true
		case inside && strings.HasPrefix(trimmed, "#   "):
		default:
			inside = false
			rest.WriteString(line)
		}
	}
	return []byte(rest.String())
}

// sshTag is how an age file names an SSH key. Source: age's specification of the ssh-ed25519 recipient type.
func sshTag(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return base64.RawStdEncoding.EncodeToString(sum[:4])
}

// Package sealed reads and writes files that are encrypted with age, for -var-file: https://age-encryption.org/v1.
//
// Any tool that writes age files makes ones that [Opener.Open] reads. Those of [Seal] are in the text form (armor), so that a
// repository shows them as text. An age file doesn't say for whom it is encrypted; so the text itself begins with comments that name
// the recipients, which [Opener.Lock] reads, and whoever changes the text can encrypt it for the same ones.
package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

const binaryHeader = "age-encryption.org/v1\n"

// IsSealed reports whether a file's content is encrypted with age.
func IsSealed(content []byte) bool {
	return bytes.HasPrefix(content, []byte(binaryHeader)) || bytes.HasPrefix(bytes.TrimSpace(content), []byte(armor.Header))
}

// An Opener decrypts files. It reads identities, and asks for passphrases, when a file needs them, and once.
type Opener struct {
	// Identities are files with age's identities (AGE-SECRET-KEY-...), plain or encrypted with a passphrase, or SSH private keys. If
	// there are none, those of Defaults that exist are tried.
	Identities []string
	Defaults   []string

	// Ask asks a person for a passphrase, without showing it. Nil: nobody can be asked.
	Ask func(question string) (string, error)

	read        bool
	identities  []age.Identity
	skipped     []error // identities that can't be used
	passphrases map[string]string
}

// DefaultIdentities are the files tried when none is named.
func DefaultIdentities(home string) []string {
	return []string{
		filepath.Join(home, ".config", "rcprov", "identity"), filepath.Join(home, ".ssh", "id_ed25519"), filepath.Join(home, ".ssh", "id_rsa"),
	}
}

// Open decrypts the content of the file that name stands for. The error of a file for others names its recipients, as far as an
// age file tells.
func (o *Opener) Open(name string, content []byte) ([]byte, error) {
	raw, err := binary(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	stanzas, err := recipientsIn(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var identities []age.Identity
	if len(stanzas) == 1 && stanzas[0].kind == "scrypt" {
		passphrase, err := o.passphrase(name, "passphrase of "+name+": ")
		if err != nil {
			return nil, err
		}
		identity, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		identities = append(identities, identity)
	} else if identities, err = o.all(); err != nil {
		return nil, err
	}
	text, err := decrypt(raw, identities)
	var mismatch *age.NoIdentityMatchError
	switch {
	case errors.As(err, &mismatch) && stanzas[0].kind == "scrypt":
		delete(o.passphrases, name)
		return nil, modules.WithHint(fmt.Errorf("%s: the passphrase is wrong", name), "It is the one that the file was encrypted with; run the command again.")
	case errors.As(err, &mismatch):
		return nil, o.forOthers(name, stanzas)
	case err != nil:
		return nil, modules.WithHint(fmt.Errorf("%s can't be decrypted: %w", name, err), "The file is cut off or was changed. Take it from your repository or backup again.")
	}
	return text, nil
}

// ShutOut reports whether none of the identities opens a file that is encrypted for recipients. It asks for no passphrase: an identity
// that needs one counts as one that opens it.
func (o *Opener) ShutOut(content []byte) bool {
	asked := false
	trial := &Opener{Identities: o.Identities, Defaults: o.Defaults, Ask: func(string) (string, error) {
		asked = true
		return "", errors.New("not asked for")
	}}
	_, err := trial.Open("", content)
	var others *othersError
	return errors.As(err, &others) && !asked
}

// othersError is that none of the identities opens a file.
type othersError struct{ error }

// decrypt is age.Decrypt of a whole file.
func decrypt(raw []byte, identities []age.Identity) ([]byte, error) {
	if len(identities) == 0 {
		return nil, &age.NoIdentityMatchError{}
	}
	r, err := age.Decrypt(bytes.NewReader(raw), identities...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// binary returns a file without its armor.
func binary(content []byte) ([]byte, error) {
	if bytes.HasPrefix(content, []byte(binaryHeader)) {
		return content, nil
	}
	raw, err := io.ReadAll(armor.NewReader(bytes.NewReader(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("is not a whole age file: %w", err), "The file is cut off or was changed. Take it from your repository or backup again.")
	}
	return raw, nil
}

// passphrase asks for a passphrase, once for each file.
func (o *Opener) passphrase(file, question string) (string, error) {
	if known, ok := o.passphrases[file]; ok {
		return known, nil
	}
	if o.Ask == nil {
		return "", modules.WithHint(fmt.Errorf("%s needs a passphrase, and there is no terminal to ask at", file),
			"Encrypt the variables for a key instead: `rcprov secrets rekey FILE --recipient age1...`, and name its file with --identity.")
	}
	answer, err := o.Ask(question)
	if err != nil {
		return "", fmt.Errorf("%s needs a passphrase: %w", file, err)
	}
	if o.passphrases == nil {
		o.passphrases = make(map[string]string)
	}
	o.passphrases[file] = answer
	return answer, nil
}

// all returns the identities of all files.
func (o *Opener) all() ([]age.Identity, error) {
	if o.read {
		return o.identities, nil
	}
	for _, file := range o.Identities {
		found, err := o.identitiesIn(file)
		if err != nil {
			return nil, err
		}
		o.identities = append(o.identities, found...)
	}
	if len(o.Identities) == 0 {
		for _, file := range o.Defaults {
			if _, err := os.Stat(file); err != nil {
				continue
			}
			found, err := o.identitiesIn(file)
			if err != nil {
				o.skipped = append(o.skipped, err)
				continue
			}
			o.identities = append(o.identities, found...)
		}
	}
	o.read = true
	return o.identities, nil
}

// identitiesIn reads a file of identities.
func (o *Opener) identitiesIn(file string) ([]age.Identity, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	if IsSealed(content) {
		if content, err = o.Open(file, content); err != nil {
			return nil, err
		}
	}
	if bytes.Contains(content, []byte("-----BEGIN")) {
		identity, err := o.sshIdentity(file, content)
		if err != nil {
			return nil, err
		}
		return []age.Identity{identity}, nil
	}
	found, err := age.ParseIdentities(bytes.NewReader(content))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%s is neither an age identity nor an SSH private key", file), "`age-keygen -o FILE` makes an identity; a public key (age1..., .pub) can only encrypt.")
	}
	return found, nil
}

func (o *Opener) sshIdentity(file string, content []byte) (age.Identity, error) {
	identity, err := agessh.ParseIdentity(content)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return identity, nil
	}
	public := locked.PublicKey
	if public == nil { // of the older PEM formats, which don't hold it
		line, err := os.ReadFile(file + ".pub")
		if err == nil {
			public, _, _, _, err = ssh.ParseAuthorizedKey(line)
		}
		if err != nil {
			return nil, modules.WithHint(fmt.Errorf("%s is encrypted, and its public key is unknown: %w", file, err), "Put it beside the key: `ssh-keygen -y -f %[1]s >%[1]s.pub`.", file)
		}
	}
	return agessh.NewEncryptedSSHIdentity(public, content, func() ([]byte, error) {
		passphrase, err := o.passphrase(file, "passphrase of the SSH key "+file+": ")
		return []byte(passphrase), err
	})
}

// forOthers is the error of a file that none of the identities opens.
func (o *Opener) forOthers(name string, stanzas []stanza) error {
	list := make([]string, len(stanzas))
	for i, s := range stanzas {
		list[i] = s.String()
	}
	tried := "no identity was found"
	files := o.Identities
	if len(files) == 0 {
		files = slices.DeleteFunc(slices.Clone(o.Defaults), func(f string) bool { _, err := os.Stat(f); return err != nil })
	}
	if len(files) > 0 {
		tried = "tried: " + strings.Join(files, ", ")
	}
	for _, err := range o.skipped {
		tried += "; " + err.Error()
	}
	return modules.WithHint(&othersError{fmt.Errorf("%s is encrypted for %s, and not for you (%s)", name, strings.Join(list, " and "), tried)},
		"Name your identity with --identity or RCPROV_IDENTITY, or ask one of the recipients to add you: `rcprov secrets rekey %s --recipient ...`.", name)
}

// A stanza is what an age file tells about one of its recipients.
type stanza struct {
	kind string // "X25519", "ssh-ed25519", "scrypt", ...
	tag  string // of an SSH key: the first bytes of its hash
}

func (s stanza) String() string {
	switch {
	case strings.HasPrefix(s.kind, "ssh-"):
		if name := s.publicKey(); name != "" {
			return "the SSH key of " + name
		}
		return fmt.Sprintf("an SSH key (%s, hash %s)", s.kind, s.tag)
	case s.kind == "scrypt":
		return "a passphrase"
	}
	return "an age key (" + s.kind + ")"
}

// publicKey returns the file in ~/.ssh with the public key of an SSH stanza; empty: none has it.
func (s stanza) publicKey() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	files, _ := filepath.Glob(filepath.Join(home, ".ssh", "*.pub"))
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if key, _, _, _, err := ssh.ParseAuthorizedKey(line); err == nil && sshTag(key) == s.tag {
			return file
		}
	}
	return ""
}

// recipientsIn reads the header of a file. Source: the specification of age, "Header".
func recipientsIn(raw []byte) ([]stanza, error) {
	header, err := age.ExtractHeader(bytes.NewReader(raw))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("is not a whole age file: %w", err), "The file is cut off or was changed. Take it from your repository or backup again.")
	}
	var found []stanza
	for line := range strings.Lines(string(header)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "->" || strings.HasSuffix(words[1], "-grease") {
			continue
		}
		s := stanza{kind: words[1]}
		if len(words) > 2 {
			s.tag = words[2]
		}
		found = append(found, s)
	}
	if len(found) == 0 {
		return nil, errors.New("has no recipients")
	}
	return found, nil
}

package sealed

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

const text = "password = \"swordfish\"\n"

// A person is a recipient with an identity in a file.
type person struct{ recipient, file string }

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func ageKey(t *testing.T) person {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return person{identity.Recipient().String(), write(t, "identity", []byte("# created: today\n"+identity.String()+"\n"))}
}

func sshKey(t *testing.T, kind, passphrase string) person {
	t.Helper()
	var private any
	var public any
	var err error
	if kind == "rsa" {
		key, keyErr := rsa.GenerateKey(rand.Reader, 2048)
		private, public, err = key, &key.PublicKey, keyErr
	} else {
		public, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return person{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " me@" + kind, write(t, "id_"+kind, pem.EncodeToMemory(block))}
}

func seal(t *testing.T, lock Lock) []byte {
	t.Helper()
	content, err := Seal([]byte(text), lock)
	if err != nil {
		t.Fatal(err)
	}
	if !IsSealed(content) || bytes.Contains(content, []byte("swordfish")) {
		t.Fatalf("not encrypted: %s", content)
	}
	return content
}

// answers returns an Ask that gives an answer, and counts how often.
func answers(answer string, count *int) func(string) (string, error) {
	return func(string) (string, error) { *count++; return answer, nil }
}

func TestOpen(t *testing.T) {
	t.Parallel()
	plain, ed, rsaKey, locked := ageKey(t), sshKey(t, "ed25519", ""), sshKey(t, "rsa", ""), sshKey(t, "ed25519", "open sesame")
	content := seal(t, Lock{Recipients: []string{plain.recipient, ed.recipient, rsaKey.recipient, locked.recipient}})
	content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n")) // git on Windows
	for name, p := range map[string]person{"age": plain, "ed25519": ed, "rsa": rsaKey, "encrypted SSH key": locked} {
		asked := 0
		o := &Opener{Identities: []string{p.file}, Ask: answers("open sesame", &asked)}
		for range 2 {
			got, err := o.Open("x.age", content)
			if err != nil || !strings.HasSuffix(string(got), "\n"+text) {
				t.Fatalf("%s: %q, %v", name, got, err)
			}
			lock, err := o.Lock("x.age", got)
			if err != nil || len(lock.Recipients) != 4 || lock.Recipients[1] != ed.recipient {
				t.Errorf("%s: %+v, %v", name, lock, err)
			}
			again, err := Seal(got, lock)
			if err != nil {
				t.Fatal(err)
			}
			if twice, err := o.Open("x.age", again); err != nil || !bytes.Equal(twice, got) {
				t.Errorf("%s: sealed again: %q, %v", name, twice, err)
			}
		}
		if want := 0; name == "encrypted SSH key" && asked != 1 || name != "encrypted SSH key" && asked != want {
			t.Errorf("%s: asked %d times", name, asked)
		}
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	content := seal(t, Lock{Passphrase: "open sesame"})
	asked := 0
	o := &Opener{Ask: answers("open sesame", &asked)}
	for range 2 {
		got, err := o.Open("x.age", content)
		if err != nil || !strings.HasSuffix(string(got), "\n"+text) {
			t.Fatalf("%q, %v", got, err)
		}
		if lock, err := o.Lock("x.age", got); err != nil || lock.Passphrase != "open sesame" {
			t.Errorf("%+v, %v", lock, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	o = &Opener{Ask: answers("guess", &asked)}
	if _, err := o.Open("x.age", content); err == nil || !strings.Contains(err.Error(), "x.age: the passphrase is wrong") {
		t.Errorf("a wrong one: %v", err)
	}
	o = &Opener{}
	if _, err := o.Open("x.age", content); err == nil || !strings.Contains(err.Error(), "no terminal to ask at") {
		t.Errorf("nobody to ask: %v", err)
	}
}

// An identity may be encrypted with a passphrase itself, as age does with one.
func TestEncryptedIdentity(t *testing.T) {
	t.Parallel()
	p := ageKey(t)
	identity, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.NewScryptRecipient("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	var encrypted bytes.Buffer
	w, err := age.Encrypt(&encrypted, r)
	if err == nil {
		_, err = w.Write(identity)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	o := &Opener{Identities: []string{write(t, "identity.age", encrypted.Bytes())}, Ask: answers("open sesame", &asked)}
	got, err := o.Open("x.age", seal(t, Lock{Recipients: []string{p.recipient}}))
	if err != nil || !strings.HasSuffix(string(got), text) || asked != 1 {
		t.Errorf("%q, %v, asked %d times", got, err, asked)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	mine, theirs, ed := ageKey(t), ageKey(t), sshKey(t, "ed25519", "")
	content := seal(t, Lock{Recipients: []string{theirs.recipient, ed.recipient}})
	broken := sshKey(t, "rsa", "")
	for name, c := range map[string]struct {
		o       Opener
		content []byte
		want    []string
	}{
		"for others":          {Opener{Identities: []string{mine.file}}, content, []string{"x.age is encrypted for an age key (X25519) and an SSH key (ssh-ed25519, hash ", "and not for you (tried: " + mine.file}},
		"no identity":         {Opener{Defaults: []string{"/nowhere/identity"}}, content, []string{"not for you (no identity was found)"}},
		"missing identity":    {Opener{Identities: []string{"/nowhere/identity"}}, content, []string{"read the identity: open /nowhere/identity"}},
		"public key":          {Opener{Identities: []string{write(t, "key.pub", []byte(broken.recipient))}}, content, []string{"neither an age identity nor an SSH private key"}},
		"default that is bad": {Opener{Defaults: []string{write(t, "rubbish", []byte("rubbish"))}}, content, []string{"not for you", "neither an age identity"}},
		"cut off":             {Opener{Identities: []string{theirs.file}}, content[:len(content)-60], []string{"x.age: is not a whole age file"}},
		"changed":             {Opener{Identities: []string{theirs.file}}, bytes.Replace(content, content[120:124], []byte("AAAA"), 1), []string{"x.age"}},
	} {
		got, err := c.o.Open("x.age", c.content)
		if err == nil {
			t.Errorf("%s: opened: %q", name, got)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", name, err, want)
			}
		}
	}
}

// What another tool encrypted can be read, and doesn't say for whom it is.
func TestOfAnotherTool(t *testing.T) {
	t.Parallel()
	p := ageKey(t)
	r, err := age.ParseX25519Recipient(p.recipient)
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	w, err := age.Encrypt(&content, r)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	o := &Opener{Identities: []string{p.file}}
	got, err := o.Open("x.age", content.Bytes())
	if err != nil || string(got) != text {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := o.Lock("x.age", got); err == nil || !strings.Contains(err.Error(), "doesn't say for whom it is encrypted") {
		t.Errorf("%v", err)
	}
}

func TestReadRecipients(t *testing.T) {
	t.Parallel()
	one, two := ageKey(t), sshKey(t, "ed25519", "")
	list, err := ReadRecipients([]string{one.recipient}, []string{write(t, "team", []byte("# us\n\n"+two.recipient+"\n"))})
	if err != nil || len(list) != 2 || list[1] != two.recipient {
		t.Errorf("%q, %v", list, err)
	}
	secret, err := os.ReadFile(one.file)
	if err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"is not a recipient": {"bob"},
		"a recipient is a public key, and this is a secret one": {strings.Split(string(secret), "\n")[1]},
	} {
		_, err := ReadRecipients(args, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "AGE-SECRET-KEY-1") {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if _, err := ReadRecipients(nil, []string{write(t, "empty", nil)}); err == nil {
		t.Error("a file without a recipient")
	}
	if _, err := ReadRecipients(nil, []string{"/nowhere/keys"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

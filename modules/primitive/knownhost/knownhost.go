package knownhost

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what ssh hashes names with
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/internal/publickey"
)

// Module is the module known_host.
func Module() modules.Module { return modules.Primitive("known_host", source, New) }

// New checks args. The step is a [*portion.Step].
func New(args Args, _ modules.Env) (modules.Step, error) {
	d := desired{absent: args.State == "absent"}
	s := &portion.Step{
		Path: args.Path, Field: "key", Absent: d.absent, Create: !d.absent, Owner: args.Owner, Group: args.Group,
	}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	if args.Name == "" || strings.ContainsAny(args.Name, " \t\r\n\x00,*?!|#@[]") {
		errs = append(errs, &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must be one name or address, not %q", args.Name), Hint: "A port goes into `port`.",
		})
	}
	if args.Port < 1 || args.Port > 65535 {
		errs = append(errs, modules.Argf("port", "must be from 1 to 65535, not %d", args.Port))
	}
	d.name = knownhosts.Normalize(fmt.Sprintf("[%s]:%d", strings.ToLower(args.Name), args.Port))
	if args.Key != "" {
		if d.key, _, err = publickey.Parse(args.Key); err != nil {
			errs = append(errs, &modules.ArgError{Arg: "key", Err: err, Hint: "It is the type and the text, without the host's name: \"ssh-ed25519 AAAA...\"."})
		}
	} else if !d.absent {
		errs = append(errs, modules.Argf("key", "is required"))
	}
	s.Text = func(old string) (string, []string, error) {
		text, err := d.text(old)
		return text, nil, err
	}
	return s, errors.Join(errs...)
}

// desired is the key that a host should have, or not.
type desired struct {
	name   string        // as known_hosts has it: "[host]:2222", or without port 22
	key    ssh.PublicKey // nil: all keys, with absent
	absent bool
}

// text returns known_hosts with the desired key, which is old itself if it has converged. Lines that it can't read stay.
func (d desired) text(old string) (string, error) {
	var lines []string
	found := false
	for line := range strings.Lines(old) {
		e, ok := parse(line)
		switch {
		case !ok || e.marker != "" && e.marker != "@revoked":
		case e.marker == "@revoked":
			if !d.absent && e.is(d.key) && e.covers(d.name) {
				return "", modules.WithHint(fmt.Errorf("the key is revoked for %s", d.name), "If it is in use again, remove the line with @revoked on the host.")
			}
		case !e.names(d.name):
		case !d.absent && e.is(d.key):
			found = true
		case d.key == nil || d.absent && e.is(d.key) || !d.absent && e.key.Type() == d.key.Type():
			line = e.without(d.name, line)
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	if !found && !d.absent {
		lines, _ = portion.Place{}.Add(lines, "", d.name+" "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(d.key))))
	}
	return strings.Join(lines, ""), nil
}

// entry is a line of known_hosts, sshd(8).
type entry struct {
	marker string
	hosts  string // as they stand there
	key    ssh.PublicKey
}

func parse(line string) (entry, bool) {
	var e entry
	words := strings.Fields(line)
	if len(words) > 0 && strings.HasPrefix(words[0], "@") {
		e.marker, words = words[0], words[1:]
	}
	if len(words) < 3 || strings.HasPrefix(words[0], "#") {
		return e, false
	}
	e.hosts = words[0]
	blob, err := base64.StdEncoding.DecodeString(words[2])
	if err == nil {
		e.key, err = ssh.ParsePublicKey(blob)
	}
	return e, err == nil
}

func (e entry) is(key ssh.PublicKey) bool {
	return key != nil && bytes.Equal(e.key.Marshal(), key.Marshal())
}

// names reports whether one of the entry's hosts is name itself, perhaps hashed.
func (e entry) names(name string) bool {
	if hashed(e.hosts, name) {
		return true
	}
	hosts := strings.Split(e.hosts, ",")
	return !slices.Contains(hosts, "!"+name) && slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(host, name) })
}

// covers reports whether the entry counts for name, also by a pattern.
func (e entry) covers(name string) bool {
	return e.names(name) || slices.ContainsFunc(strings.Split(e.hosts, ","), func(pattern string) bool {
		matched, err := path.Match(strings.NewReplacer("[", `\[`, "]", `\]`).Replace(strings.ToLower(pattern)), name)
		return err == nil && matched
	})
}

// hashed reports whether host is the hash of name: "|1|SALT|HASH", HMAC-SHA1 of the name (hostfile.c of OpenSSH, host_hash).
func hashed(host, name string) bool {
	parts := strings.Split(host, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	sum, err2 := base64.StdEncoding.DecodeString(parts[3])
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return err == nil && err2 == nil && hmac.Equal(mac.Sum(nil), sum)
}

// without returns the line without name; "" if it has no other.
func (e entry) without(name, line string) string {
	hosts := slices.DeleteFunc(strings.Split(e.hosts, ","), func(host string) bool { return strings.EqualFold(host, name) || hashed(host, name) })
	if len(hosts) == 0 {
		return ""
	}
	return strings.Replace(line, e.hosts, strings.Join(hosts, ","), 1)
}

package signed

import (
	"bytes"
	"context"
	"crypto"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/shell"
)

// A Signature is the detached signature of a file, by one of the keys that may sign it. The file is on a host, and stays
// there: what is signed is the digest of the file and of a trailer, some bytes of the signature (RFC 9580, 5.2.4). The
// host computes the digest, and the controller checks the signature of it.
type Signature struct {
	URL    string
	made   *packet.Signature
	signer *openpgp.Key
}

// programs compute digests on hosts. What is not here is too weak for a signature.
var programs = map[crypto.Hash]string{
	crypto.SHA224: "sha224sum", crypto.SHA256: "sha256sum", crypto.SHA384: "sha384sum", crypto.SHA512: "sha512sum",
}

// Signature fetches a detached signature, and the keys. Who has made it is known then, and that this key was valid when
// it did; not yet whether it is the file's.
func (k *Keys) Signature(ctx context.Context, address string) (*Signature, error) {
	modules.Progress(ctx, "fetching %s", address)
	data, err := Get(ctx, address)
	if err != nil {
		return nil, modules.WithHint(err, "rcprov itself fetches the signature, not the host. Check the version, or give the `sha256`; then nothing is fetched here.")
	}
	ring, problems, err := k.need(ctx, address)
	if err != nil {
		return nil, err
	}
	s, err := k.read(data, ring, time.Now())
	if err != nil {
		err = fmt.Errorf("%s: %w", address, err)
		if len(problems) > 0 {
			err = fmt.Errorf("%w\n(and not all keys could be had: %w)", err, errors.Join(problems...))
		}
		return nil, err
	}
	s.URL = address
	return s, nil
}

// read finds the first signature in data that is by one of ring.
func (k *Keys) read(data []byte, ring openpgp.EntityList, now time.Time) (*Signature, error) {
	var body io.Reader = bytes.NewReader(data)
	if bytes.Contains(data, []byte("-----BEGIN PGP ")) {
		block, err := armor.Decode(body)
		if err != nil {
			return nil, fmt.Errorf("read the signature: %w", err)
		}
		body = block.Body
	}
	packets, by := packet.NewReader(body), ""
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) && by != "" {
			return nil, k.unknownIssuer(by)
		}
		made, ok := p.(*packet.Signature)
		if err != nil || !ok {
			return nil, modules.WithHint(errors.New("this is not an OpenPGP signature"), "Open the address in a browser: it may lead to a page of another kind.")
		}
		by = issuer(made)
		if made.IssuerKeyId == nil {
			continue
		}
		for _, key := range ring.KeysByIdUsage(*made.IssuerKeyId, packet.KeyFlagSign) {
			if err := usable(key, made, now); err != nil {
				return nil, err
			}
			return &Signature{made: made, signer: &key}, nil
		}
	}
}

// usable says why a signature by key doesn't count, whatever it is of. Files outlive the keys that signed them: what
// counts is that the key was valid then; but a key that is revoked by now is worth nothing.
func usable(key openpgp.Key, made *packet.Signature, now time.Time) error {
	name, at := fingerprintOf(key.Entity.PrimaryKey), made.CreationTime
	self, identity := key.Entity.PrimarySelfSignature()
	switch {
	case programs[made.Hash] == "":
		return fmt.Errorf("its signature is made with %s, which is too weak or not known", made.Hash)
	case made.Version != 4 || made.SigType != packet.SigTypeBinary || slices.ContainsFunc(made.Notations, critical):
		return errors.New("its signature is of a kind that rcprov doesn't know; only plain detached signatures of version 4 are")
	case key.Entity.Revoked(now), key.Revoked(now), identity != nil && identity.Revoked(now):
		return modules.WithHint(fmt.Errorf("it is signed with the key %s, which is revoked", name),
			"Look for what the vendor says about it, and for a release that is signed with another key.")
	case self == nil, key.SelfSignature == nil:
		return fmt.Errorf("it is signed with the key %s, which has no valid self-signature", name)
	case key.Entity.PrimaryKey.KeyExpired(self, at), key.PublicKey.KeyExpired(key.SelfSignature, at):
		return modules.WithHint(fmt.Errorf("it is signed with the key %s, which was not valid on %s, when it signed", name, at.UTC().Format(time.DateOnly)),
			"The vendor may have prolonged the key: look whether there is a newer copy of it at another address.")
	case made.SigExpired(now):
		return errors.New("its signature has expired")
	}
	return nil
}

func critical(n *packet.Notation) bool { return n.IsCritical }

// signs reports whether the digest, of a file and the trailer, is what was signed.
func (s *Signature) signs(digest []byte) bool {
	return len(digest) == s.made.Hash.Size() && s.signer.PublicKey.VerifySignature(computed{digest: digest}, s.made) == nil
}

// computed is a hash that was computed already; the trailer, which the library adds, is in it.
type computed struct {
	hash.Hash
	digest []byte
}

func (c computed) Write(p []byte) (int, error) { return len(p), nil }
func (c computed) Sum([]byte) []byte           { return c.digest }

//go:embed download.sh
var downloadScript string

//go:embed remove.sh
var removeScript string

func (s *Signature) command(address, path, dir string) modules.Command {
	var trailer strings.Builder
	for _, b := range s.made.HashSuffix {
		fmt.Fprintf(&trailer, `\%03o`, b)
	}
	return modules.Command{Script: hostfile.Script(shell.Script(fetch.Functions, nil)+shell.Script(downloadScript, nil), shell.Vars{
		"url": address, "path": path, "staging": fetch.Staging(path), "store": fetch.Store(path), "prepared": fetch.Prepared(path), "dir": dir,
		"program": programs[s.made.Hash], "trailer": trailer.String(),
	}, nil)}
}

// check reads the script's last line.
func (s *Signature) check(answer string) (sha256 string, signed, left bool, err error) {
	words := strings.Fields(answer)
	if len(words) != 4 || words[0] != "rcprov-digest" {
		return "", false, false, fmt.Errorf("the host answered %q", answer)
	}
	digest, err := hex.DecodeString(words[2])
	if err != nil {
		return "", false, false, fmt.Errorf("the host answered %q: %w", answer, err)
	}
	return words[1], s.signs(digest), words[3] == "yes", nil
}

// Download downloads what was signed, for path, to the file `file` of its staging directory on the host ([fetch.Staging]),
// and returns its SHA-256. If it is not what was signed, nothing of it is left.
func (s *Signature) Download(ctx context.Context, h modules.Host, address, path string) (sha256 string, err error) {
	return s.download(ctx, h, job.Run, address, path, fetch.Staging(path))
}

// Prepare does what Download does, ahead ([modules.Preparer]): the file is in [fetch.Prepared].
func (s *Signature) Prepare(ctx context.Context, h modules.Host, address, path string) (sha256 string, err error) {
	return s.download(ctx, h, job.RunWhile, address, path, fetch.Prepared(path))
}

// runner is [job.Run] or [job.RunWhile].
type runner func(context.Context, modules.Host, job.Job) (modules.Result, error)

func (s *Signature) download(ctx context.Context, h modules.Host, run runner, address, path, dir string) (sha256 string, err error) {
	for {
		result, err := run(ctx, h, job.Job{
			Name: fetch.JobName("download", path), Command: s.command(address, path, dir), Progress: progress,
		})
		if err != nil {
			return "", fetch.Explain(modules.DoorError(err, path), address, "", dir)
		}
		sha256, signed, left, err := s.check(modules.LastLine(result.Stdout))
		if err != nil || signed {
			return sha256, err
		}
		remove := hostfile.Script(removeScript, shell.Vars{"path": path, "dir": dir, "staging": fetch.Staging(path), "store": fetch.Store(path)}, nil)
		if _, err := h.Run(ctx, modules.Command{Script: remove}); err != nil {
			return "", fmt.Errorf("remove what was downloaded to %s: %w", dir, err)
		}
		if !left {
			return "", modules.WithHint(fmt.Errorf("%s is not what was signed: %s, by the key %s, is a signature of something else", address, s.URL, issuer(s.made)),
				"It was not unpacked, and nothing of it was kept. The transfer may have broken it: run the same command again. If it happens again, somebody may have changed it; don't install it until you know.")
		}
		// It began with what a killed run had left, which may be of another file: once more from the start.
	}
}

func progress(line string) string {
	if strings.HasPrefix(line, "rcprov-digest ") {
		return ""
	}
	return fetch.Progress(line)
}

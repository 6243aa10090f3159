package node

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/fetch"
)

// releasers are the primary keys of those who sign releases of Node.js: the active ones of the README of
// github.com/nodejs/release-keys, 2026-07-01. Some of them sign with a subkey.
var releasers = []string{
	"5BE8A3F6C8A5C01D106C0AD820B1A390B168D356", // Antoine du Hamel
	"DD792F5973C6DE52C432CBDAC77ABFA00DDBF2B7", // Juan José Arboleda
	"CC68F5A3106FF448322E48ED27F5E38D5B0A215F", // Marco Ippolito
	"8FCCA13FEF1D0C2E91008E09770F7A9A5AE15600", // Michaël Zasso
	"890C08DB8579162FEE0DF9DB8BEAB4DFCF555EF4", // Rafael Gonzaga
	"C82FA3AE1CBEDC6BE46B9360C43CEC45C17AB93C", // Richard Lau
	"108F52B48DB57BB0CC439B2997B01419BD92F80A", // Ruy Adorno
	"655F3B5C1FB3FA8D1A0CA6BDE4A7D232B936D2FD", // Stewart X Addison
	"A363A499291CBBC940DD62E41F10027AF002F8B0", // Ulises Gascón
}

// maxFetch is how large a list or a file of keys may be, in bytes, and fetchTimeout how long fetching one may take.
const (
	maxFetch     = 1 << 20
	fetchTimeout = 30 * time.Second
)

// placeholder is what key_url has in place of a fingerprint.
const placeholder = "FINGERPRINT"

// signedSums is a clear-signed list of SHA-256 sums, and the keys that may sign it.
type signedSums struct {
	URL          string
	Fingerprints []string // of primary keys, upper-case hex
	KeyURL       string
	Keys         []byte // instead of KeyURL
}

// readArgs takes over and checks the arguments about keys.
func (s *signedSums) readArgs(args Args, env modules.Env) error {
	s.KeyURL = args.KeyURL
	var errs []error
	for _, word := range args.Fingerprints {
		plain := strings.ToUpper(strings.Join(strings.Fields(word), ""))
		if _, err := hex.DecodeString(plain); err != nil || (len(plain) != 40 && len(plain) != 64) {
			errs = append(errs, modules.Argf("fingerprints", "must be 40 (or 64) hexadecimal digits each, not %q", word))
		}
		s.Fingerprints = append(s.Fingerprints, plain)
	}
	if len(s.Fingerprints) == 0 {
		s.Fingerprints = releasers
	}
	if args.KeyFile == "" {
		if err := fetch.CheckURL(args.KeyURL); err != nil {
			errs = append(errs, modules.Argf("key_url", "%w", err))
		}
		return errors.Join(errs...)
	}
	data, err := env.ReadFile(args.KeyFile)
	if err == nil {
		_, err = s.trusted(data)
	}
	if err != nil {
		errs = append(errs, modules.Argf("key_file", "%w", err))
	}
	s.Keys = data
	return errors.Join(errs...)
}

// of fetches the list and the keys, checks the signature and returns the sum of file. It runs on the controller.
func (s *signedSums) of(ctx context.Context, file string) (string, error) {
	modules.Progress(ctx, "fetching %s", s.URL)
	list, err := get(ctx, s.URL)
	if err != nil {
		return "", modules.WithHint(err, "rcprov itself fetches the signed list, not the host. Check `version` and `mirror`, or give the tarball's `sha256`; then nothing is fetched here.")
	}
	ring, problems := s.ring(ctx)
	if len(ring) == 0 {
		return "", modules.WithHint(fmt.Errorf("none of the keys that may sign %s could be had: %w", s.URL, errors.Join(problems...)),
			"rcprov itself fetches the keys, not the host. Check `key_url`, or give `key_file`, or the tarball's `sha256`.")
	}
	text, err := s.verify(list, ring)
	if err != nil {
		err = fmt.Errorf("%s: %w", s.URL, err)
		if len(problems) > 0 {
			err = fmt.Errorf("%w\n(and not all keys could be had: %w)", err, errors.Join(problems...))
		}
		return "", err
	}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[1] == file {
			return fetch.ParseSHA256(fields[0])
		}
	}
	return "", modules.WithHint(fmt.Errorf("%s names no %s", s.URL, file), "The vendor doesn't publish this version for the host's architecture.")
}

// verify returns the text that is signed, if one of ring signed it.
func (s *signedSums) verify(list []byte, ring openpgp.EntityList) (string, error) {
	block, _ := clearsign.Decode(list)
	if block == nil {
		return "", modules.WithHint(errors.New("this is no clear-signed text"), "Open the address in a browser: it may lead to a page of another kind.")
	}
	signature, err := io.ReadAll(block.ArmoredSignature.Body)
	if err != nil {
		return "", fmt.Errorf("read the signature: %w", err)
	}
	check := func(config *packet.Config) (*packet.Signature, error) {
		made, _, err := openpgp.VerifyDetachedSignature(ring, bytes.NewReader(block.Bytes), bytes.NewReader(signature), config)
		return made, err
	}
	made, err := check(nil)
	if errors.Is(err, pgperrors.ErrKeyExpired) && made != nil {
		// Releases outlive the keys that signed them: what counts is that the key was valid then. A key revoked as
		// compromised is refused for any time.
		_, err = check(&packet.Config{Time: func() time.Time { return made.CreationTime }})
	}
	switch {
	case err == nil:
		return string(block.Plaintext), nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", modules.WithHint(fmt.Errorf("it is signed with the key %s, which belongs to none of the fingerprints", issuer(signature)),
			"Older releases may be signed by a retired releaser, newer ones by a new one: look the key up in the README of github.com/nodejs/release-keys "+
				"and add the fingerprint of its primary key to `fingerprints`. Otherwise somebody may have replaced the list.")
	default:
		return "", modules.WithHint(fmt.Errorf("its signature by %s is not valid: %w", issuer(signature), err), "Somebody may have changed the list, or the transfer broke it: fetch it again, and don't install from this mirror until you know.")
	}
}

// issuer names the key that made a signature, for people: its fingerprint, or ID.
func issuer(signature []byte) string {
	p, err := packet.Read(bytes.NewReader(signature))
	made, ok := p.(*packet.Signature)
	switch {
	case err != nil || !ok:
		return "(unreadable)"
	case made.IssuerFingerprint != nil:
		return strings.ToUpper(hex.EncodeToString(made.IssuerFingerprint))
	case made.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *made.IssuerKeyId)
	}
	return "(unnamed)"
}

// ring returns the keys that could be had, and why others could not. Not all are needed: one has signed.
func (s *signedSums) ring(ctx context.Context) (ring openpgp.EntityList, problems []error) {
	if s.Keys != nil {
		ring, err := s.trusted(s.Keys)
		return ring, slices.DeleteFunc([]error{err}, func(err error) bool { return err == nil })
	}
	addresses := []string{s.KeyURL}
	if strings.Contains(s.KeyURL, placeholder) {
		addresses = nil
		for _, fingerprint := range s.Fingerprints {
			addresses = append(addresses, strings.ReplaceAll(s.KeyURL, placeholder, fingerprint))
		}
	}
	modules.Progress(ctx, "fetching the keys of Node's releasers")
	var mu sync.Mutex
	var group errgroup.Group // never fails: problems are collected
	for _, address := range addresses {
		group.Go(func() error {
			data, err := get(ctx, address)
			var keys openpgp.EntityList
			if err == nil {
				if keys, err = s.trusted(data); err != nil {
					err = fmt.Errorf("%s: %w", address, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, err)
			}
			ring = append(ring, keys...)
			return nil
		})
	}
	_ = group.Wait()
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return ring, problems
}

// trusted returns the keys in data whose primary fingerprint is among those of the plan.
func (s *signedSums) trusted(data []byte) (openpgp.EntityList, error) {
	var all openpgp.EntityList
	if !bytes.Contains(data, []byte("-----BEGIN PGP ")) {
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("this is not an OpenPGP key: %w", err)
		}
		all = keys
	} else {
		text := bufio.NewReader(bytes.NewReader(data)) // armor.Decode goes on reading where it stopped
		for {
			block, err := armor.Decode(text)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("this is not an armored OpenPGP key: %w", err)
			}
			keys, err := openpgp.ReadKeyRing(block.Body)
			if err != nil {
				return nil, fmt.Errorf("this is not an OpenPGP key: %w", err)
			}
			all = append(all, keys...)
		}
	}
	var ring openpgp.EntityList
	for _, key := range all {
		if slices.Contains(s.Fingerprints, strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint))) {
			ring = append(ring, key)
		}
	}
	if len(ring) == 0 {
		return nil, errors.New("there is no key with one of the fingerprints in it")
	}
	return ring, nil
}

// get fetches a small file. The error names the address.
func get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the method and the address once more
		}
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: the server answered %s", address, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxFetch+1))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	if len(data) > maxFetch {
		return nil, fmt.Errorf("fetch %s: it is larger than %d bytes", address, maxFetch)
	}
	return data, nil
}

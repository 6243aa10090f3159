// Package signed checks what vendors have signed with OpenPGP: a library for products that install what no apt
// repository has.
//
// What is signed, and by which keys, is fetched and checked on the controller, never through a mirror's word: [Keys] are
// trusted by the full fingerprints of their primary keys alone. There are two kinds of signatures: around a text that is
// fetched with it ([Keys.Text]), and of a large file that stays on the host ([Keys.Signature]).
package signed

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
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
)

// maxFetch is how large a text, a signature or a file of keys may be, in bytes, and fetchTimeout how long fetching one
// may take.
const (
	maxFetch     = 1 << 20
	fetchTimeout = 30 * time.Second
)

// Placeholder is what Keys.URL has in place of a fingerprint.
const Placeholder = "FINGERPRINT"

// Keys are those that may sign what a vendor publishes.
type Keys struct {
	Fingerprints []string // of primary keys, upper-case hex
	URL          string   // where they are; with [Placeholder] one address for each, else one file with all
	Data         []byte   // instead of URL

	Whose string // for people: "Node's releasers"

	// Unknown is advice for a signature by a key that is none of these.
	Unknown string
}

// ReadArgs takes over the arguments fingerprints (if there are any), key_url and key_file.
func (k *Keys) ReadArgs(fingerprints []string, keyURL, keyFile string, env modules.Env) error {
	k.URL = keyURL
	var errs []error
	if len(fingerprints) > 0 {
		parsed, err := ParseFingerprints(fingerprints)
		k.Fingerprints, errs = parsed, []error{err}
	}
	if keyFile == "" {
		if err := fetch.CheckURL(keyURL); err != nil {
			errs = append(errs, modules.Argf("key_url", "%w", err))
		}
		return errors.Join(errs...)
	}
	data, err := env.ReadFile(keyFile)
	if err == nil {
		_, err = k.trusted(data)
	}
	if err != nil {
		errs = append(errs, modules.Argf("key_file", "%w", err))
	}
	k.Data = data
	return errors.Join(errs...)
}

// ParseFingerprints reads the argument fingerprints: 40 or 64 hexadecimal digits each, spaces between them allowed. It
// returns them in upper case.
func ParseFingerprints(words []string) ([]string, error) {
	var fingerprints []string
	var errs []error
	for _, word := range words {
		plain := strings.ToUpper(strings.Join(strings.Fields(word), ""))
		if _, err := hex.DecodeString(plain); err != nil || (len(plain) != 40 && len(plain) != 64) {
			errs = append(errs, modules.Argf("fingerprints", "must be 40 (or 64) hexadecimal digits each, not %q", word))
		}
		fingerprints = append(fingerprints, plain)
	}
	return fingerprints, errors.Join(errs...)
}

// need returns the keys that could be had, of which there must be one, and why others could not. Not all are needed: one
// has signed what is at address.
func (k *Keys) need(ctx context.Context, address string) (ring openpgp.EntityList, problems []error, err error) {
	if ring, problems = k.ring(ctx); len(ring) > 0 {
		return ring, problems, nil
	}
	return nil, nil, modules.WithHint(fmt.Errorf("none of the keys that may sign %s could be had: %w", address, errors.Join(problems...)),
		"rcprov itself fetches the keys, not the host. Check `key_url`, or give `key_file`, or the `sha256`.")
}

func (k *Keys) ring(ctx context.Context) (ring openpgp.EntityList, problems []error) {
	if k.Data != nil {
		ring, err := k.trusted(k.Data)
		return ring, slices.DeleteFunc([]error{err}, func(err error) bool { return err == nil })
	}
	addresses := []string{k.URL}
	if strings.Contains(k.URL, Placeholder) {
		addresses = nil
		for _, fingerprint := range k.Fingerprints {
			addresses = append(addresses, strings.ReplaceAll(k.URL, Placeholder, fingerprint))
		}
	}
	modules.Progress(ctx, "fetching the keys of %s", k.Whose)
	var mu sync.Mutex
	var group errgroup.Group // never fails: problems are collected
	for _, address := range addresses {
		group.Go(func() error {
			data, err := Get(ctx, address)
			var keys openpgp.EntityList
			if err == nil {
				if keys, err = k.trusted(data); err != nil {
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
func (k *Keys) trusted(data []byte) (openpgp.EntityList, error) {
	packets, err := Packets(data)
	if err != nil {
		return nil, err
	}
	all, err := openpgp.ReadKeyRing(bytes.NewReader(packets))
	if err != nil {
		return nil, fmt.Errorf("this is not an OpenPGP key: %w", err)
	}
	var ring openpgp.EntityList
	for _, key := range all {
		if slices.Contains(k.Fingerprints, fingerprintOf(key.PrimaryKey)) {
			ring = append(ring, key)
		}
	}
	if len(ring) == 0 {
		return nil, errors.New("there is no key with one of the fingerprints in it")
	}
	return ring, nil
}

// Packets returns the OpenPGP packets of a file with keys: those of all its armored blocks, or the file itself.
func Packets(data []byte) ([]byte, error) {
	if !bytes.Contains(data, []byte("-----BEGIN PGP ")) {
		return data, nil
	}
	var all []byte
	text := bufio.NewReader(bytes.NewReader(data)) // armor.Decode goes on reading where it stopped
	for {
		block, err := armor.Decode(text)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("this is not an armored OpenPGP key: %w", err)
		}
		content, err := io.ReadAll(block.Body)
		if err != nil {
			return nil, fmt.Errorf("this is not an armored OpenPGP key: %w", err)
		}
		all = append(all, content...)
	}
}

func fingerprintOf(key *packet.PublicKey) string {
	return strings.ToUpper(hex.EncodeToString(key.Fingerprint))
}

// unknownIssuer says that a signature is by none of the keys.
func (k *Keys) unknownIssuer(issuer string) error {
	return modules.WithHint(fmt.Errorf("it is signed with the key %s, which belongs to none of the fingerprints", issuer), "%s", k.Unknown)
}

// issuer names the key that made a signature, for people: its fingerprint, or ID.
func issuer(made *packet.Signature) string {
	switch {
	case made.IssuerFingerprint != nil:
		return strings.ToUpper(hex.EncodeToString(made.IssuerFingerprint))
	case made.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *made.IssuerKeyId)
	}
	return "(unnamed)"
}

// Get fetches a small file, such as a key, to the controller; a larger one than 1 MiB is an error. The errors name the
// address.
func Get(ctx context.Context, address string) ([]byte, error) {
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
		return nil, fmt.Errorf("fetch %s: %w", address, modules.Network(err))
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

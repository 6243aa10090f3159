package signed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules"
)

// Text fetches a clear-signed text and returns what one of the keys has signed of it.
func (k *Keys) Text(ctx context.Context, address string) (string, error) {
	modules.Progress(ctx, "fetching %s", address)
	data, err := Get(ctx, address)
	if err != nil {
		return "", modules.WithHint(err, "rcprov itself fetches the signed list, not the host. Check `version` and `mirror`, or give the `sha256`; then nothing is fetched here.")
	}
	ring, problems, err := k.need(ctx, address)
	if err != nil {
		return "", err
	}
	text, err := k.verify(data, ring)
	if err != nil {
		err = fmt.Errorf("%s: %w", address, err)
		if len(problems) > 0 {
			err = fmt.Errorf("%w\n(and not all keys could be had: %w)", err, errors.Join(problems...))
		}
		return "", err
	}
	return text, nil
}

// verify returns the text that is signed, if one of ring signed it.
func (k *Keys) verify(data []byte, ring openpgp.EntityList) (string, error) {
	block, _ := clearsign.Decode(data)
	if block == nil {
		return "", modules.WithHint(errors.New("this is not a clear-signed text"), "Open the address in a browser: it may lead to a page of another kind.")
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
		return "", k.unknownIssuer(issuerIn(signature))
	default:
		return "", modules.WithHint(fmt.Errorf("its signature by %s is not valid: %w", issuerIn(signature), err), "Somebody may have changed the list, or the transfer broke it: fetch it again, and don't install from this mirror until you know.")
	}
}

// issuerIn names the key that made a signature in its binary form, for people.
func issuerIn(signature []byte) string {
	p, err := packet.Read(bytes.NewReader(signature))
	made, ok := p.(*packet.Signature)
	if err != nil || !ok {
		return "(unreadable)"
	}
	return issuer(made)
}

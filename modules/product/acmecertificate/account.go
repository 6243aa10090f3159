package acmecertificate

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/certcrypto"
	"github.com/go-acme/lego/v4/lego"
	"github.com/go-acme/lego/v4/registration"

	"github.com/rcprov/rcprov/modules"
)

// noEmail is what lego (cmd/accounts_storage.go) calls an account without an address.
const noEmail = "noemail@example.com"

// account is an account with a CA, in lego's form. It implements registration.User.
type account struct {
	Email        string                 `json:"email"`
	Registration *registration.Resource `json:"registration"`
	key          crypto.PrivateKey
	stored       *registration.Resource // what the host says that Registration is
}

// GetEmail implements [registration.User].
func (a *account) GetEmail() string { return a.Email }

// GetRegistration implements [registration.User].
func (a *account) GetRegistration() *registration.Resource { return a.Registration }

// GetPrivateKey implements [registration.User].
func (a *account) GetPrivateKey() crypto.PrivateKey { return a.key }

// accountDir is where lego keeps the account: by the CA's host and the address.
func (i *Issue) accountDir() string {
	host := i.Directory
	if u, err := url.Parse(i.Directory); err == nil {
		host = strings.ReplaceAll(u.Host, ":", "_")
	}
	return i.Lego + "/accounts/" + host + "/" + i.accountName()
}

func (i *Issue) accountName() string {
	if i.Email == "" {
		return noEmail
	}
	return i.Email
}

func (i *Issue) accountKey() string { return i.accountDir() + "/keys/" + i.accountName() + ".key" }

func (i *Issue) accountText() string { return i.accountDir() + "/account.json" }

// loadAccount reads the host's account with the CA, without its URL, which [Issue.register] asks the CA for. A new key is stored on the host before the CA learns of it, so that a
// run that is killed in between leaves no account without its key.
func (i *Issue) loadAccount(ctx context.Context, h modules.Host) (*account, error) {
	a := &account{Email: i.Email}
	keyText, err := modules.ReadPath(ctx, h, i.accountKey())
	if err != nil {
		return nil, err
	}
	if keyText == nil {
		if a.key, err = certcrypto.GeneratePrivateKey(certcrypto.EC256); err != nil {
			return nil, err
		}
		return a, putFiles(ctx, h, "0700", []stored{{i.accountKey(), certcrypto.PEMEncode(a.key), keyMode}})
	}
	if a.key, err = i.parseAccountKey(keyText); err != nil {
		return nil, err
	}
	text, err := modules.ReadPath(ctx, h, i.accountText())
	if err != nil || text == nil {
		return a, err
	}
	if err := json.Unmarshal(text, a); err != nil {
		return nil, modules.WithHint(fmt.Errorf("read %s: %w", i.accountText(), err), "Move it away: rcprov makes it again from the key.")
	}
	a.Email, a.stored, a.Registration = i.Email, a.Registration, nil
	return a, nil
}

// parseAccountKey reads the key of the account from text, the content of its file.
func (i *Issue) parseAccountKey(text []byte) (crypto.PrivateKey, error) {
	key, err := parseKey(text)
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("the key of the account with the CA, %s, %w", i.accountKey(), err),
			"Restore it, or move it away: rcprov then makes a new account.")
	}
	return key, nil
}

// register makes sure that the CA has the account, and stores the CA's answer.
func (i *Issue) register(ctx context.Context, h modules.Host, client *lego.Client, a *account) error {
	var err error
	if a.stored != nil && a.stored.URI != "" {
		// By the key, at the CA of the plan: this machine posts to no address that a host has written into a file.
		a.Registration, err = client.Registration.ResolveAccountByKey()
		var problem *acme.ProblemDetails
		switch {
		case err == nil && a.Registration.URI == a.stored.URI:
			return nil
		case err == nil:
			return i.storeAccount(ctx, h, a)
		case !errors.As(err, &problem) || !strings.HasSuffix(problem.Type, ":accountDoesNotExist") && !strings.HasSuffix(problem.Type, ":malformed"):
			return err
		}
	}
	// For a key that it knows, the CA returns the same account again (RFC 8555, section 7.3).
	if i.EABKeyID != "" {
		a.Registration, err = client.Registration.RegisterWithExternalAccountBinding(registration.RegisterEABOptions{
			TermsOfServiceAgreed: true, Kid: i.EABKeyID, HmacEncoded: string(i.EABHMAC),
		})
	} else {
		a.Registration, err = client.Registration.Register(registration.RegisterOptions{TermsOfServiceAgreed: true})
	}
	if err != nil {
		return fmt.Errorf("register an account: %w", err)
	}
	return i.storeAccount(ctx, h, a)
}

// storeAccount stores the CA's answer on the host, for lego.
func (i *Issue) storeAccount(ctx context.Context, h modules.Host, a *account) error {
	text, err := json.MarshalIndent(a, "", "\t")
	if err != nil {
		return err
	}
	return putFiles(ctx, h, "0700", []stored{{i.accountText(), text, 0o600}})
}

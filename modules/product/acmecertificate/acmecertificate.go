package acmecertificate

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/certcrypto"
	"github.com/go-acme/lego/v4/lego"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/dnsname"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// Module is the module acme_certificate.
func Module() modules.Module { return modules.Product("acme_certificate", source, New) }

// The values of the argument source that the code asks for.
const (
	fromACME  = "acme"
	fromFiles = "files"
)

// tlsDir has the certificates that lego doesn't manage.
const tlsDir = "/etc/rcprov/tls"

var keyTypes = map[string]certcrypto.KeyType{
	"ec256": certcrypto.EC256, "ec384": certcrypto.EC384,
	"rsa2048": certcrypto.RSA2048, "rsa3072": certcrypto.RSA3072, "rsa4096": certcrypto.RSA4096,
}

// Pair is where a certificate and its key are on a host.
type Pair struct {
	Certificate string
	Key         string
}

// New makes the steps of an acme_certificate block.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	if err := check(args); err != nil {
		return nil, Outputs{}, err
	}
	name := fileName(args.Names[0])
	pair := Pair{tlsDir + "/" + name + "/fullchain.pem", tlsDir + "/" + name + "/privkey.pem"}
	if args.Source == fromACME {
		pair = Pair{legoDir + "/certificates/" + name + ".crt", legoDir + "/certificates/" + name + ".key"}
	}
	outputs := Outputs{Certificate: pair.Certificate, Key: pair.Key, Files: []string{pair.Certificate, pair.Key}}
	var roots []byte
	if args.CAFile != "" {
		var err error
		if roots, err = env.ReadFile(args.CAFile); err == nil && !x509.NewCertPool().AppendCertsFromPEM(roots) {
			err = errors.New("has no certificate in PEM form")
		}
		if err != nil {
			return nil, outputs, modules.Argf("ca_file", "%w", err)
		}
	}
	selfSigned := &SelfSigned{Pair: pair, Names: args.Names, KeyType: keyTypes[args.KeyType], Placeholder: args.Source == fromACME}
	switch args.Source {
	case fromFiles:
		parts, err := ownParts(args, pair, roots)
		return append(parts, noTimerParts(args)...), outputs, err
	case fromACME:
		issue := newIssue(args, pair, roots)
		if env.Facts != nil {
			issue.Addresses = env.Facts.Addresses
		}
		first := modules.Part{Name: "placeholder", Step: selfSigned}
		certificate := modules.Part{Name: "certificate", Step: issue, Requires: requirements(args, env)}
		if args.RenewTimer {
			parts, err := timerParts(args, issue, env)
			return append([]modules.Part{first, {Name: "account", Step: &Registered{issue}}, certificate}, parts...), outputs, err
		}
		return append([]modules.Part{first, certificate}, noTimerParts(args)...), outputs, nil
	}
	return append([]modules.Part{{Name: "certificate", Step: selfSigned}}, noTimerParts(args)...), outputs, nil
}

// requirements are what a CA requires of a host. The DNS records are checked only with self_check: the names may resolve to
// something else on this machine.
func requirements(args Args, env modules.Env) []modules.Requirement {
	if env.Facts == nil {
		return nil
	}
	all := []modules.Requirement{preflight.Clock{}}
	if args.Challenge != "http-01" || !args.SelfCheck {
		return all
	}
	server := ""
	if servers := nameservers(args.Nameservers); len(servers) > 0 {
		server = servers[0]
	}
	for _, name := range args.Names {
		all = append(all, preflight.DNS{Name: name, Nameserver: server, Facts: env.Facts, Address: preflight.AddressOf(env)})
	}
	return all
}

// ownParts are the steps for a certificate that the plan contains.
func ownParts(args Args, pair Pair, roots []byte) ([]modules.Part, error) {
	chain, err := checkOwn(args, roots)
	if err != nil {
		return nil, err
	}
	dir := strings.TrimSuffix(pair.Certificate, "/fullchain.pem")
	return []modules.Part{
		{Name: "validity", Step: newValidity(args.Names[0], chain)},
		{Name: "directory", Step: &directory.Step{Path: dir, Mode: 0o755, Owner: "root", Group: "root"}},
		{Name: "pair", Step: &OwnPair{
			Key: &file.Step{
				Path: pair.Key, Content: []byte(args.KeyPEM), Mode: keyMode, Owner: "root", Group: "root", Sensitive: true,
			},
			Certificate: &file.Step{
				Path: pair.Certificate, Content: []byte(args.CertificatePEM), Mode: 0o644, Owner: "root", Group: "root",
			},
		}},
	}, nil
}

// fileName is the name of a certificate's files, as lego makes it.
func fileName(name string) string { return strings.ReplaceAll(name, "*", "_") }

// directoryURL is the URL that the argument directory means.
func directoryURL(directory string) string {
	switch directory {
	case "production":
		return lego.LEDirectoryProduction
	case "staging":
		return lego.LEDirectoryStaging
	}
	return directory
}

var (
	validName = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	validUnit = regexp.MustCompile(`^[A-Za-z0-9:_.@-]+\.[a-z]+$`)

	validAddress = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]+$`)
)

func check(args Args) error {
	var errs []error
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if len(args.Names) == 0 {
		wrong("names", "must name at least one host")
	}
	seen := map[string]bool{}
	for _, name := range args.Names {
		switch {
		case !dnsname.Lowercase(strings.TrimPrefix(name, "*.")):
			errs = append(errs, &modules.ArgError{
				Arg: "names", Err: fmt.Errorf("%q is not a lowercase host name, such as \"chat.example.com\"", name), Hint: "It is " + dnsname.Rule + ".",
			})
		case net.ParseIP(name) != nil:
			wrong("names", "%q is an address, and certificates of this module are for names", name)
		case seen[name]:
			wrong("names", "has %q twice", name)
		}
		seen[name] = true
	}
	if args.Source == fromACME {
		errs = append(errs, checkACME(args)...)
	} else if args.RenewTimer {
		wrong("renew_timer", "requires source = \"acme\", not %q", args.Source)
	}
	own := args.CertificatePEM != "" || args.KeyPEM != ""
	switch {
	case args.Source == fromFiles && args.CertificatePEM == "":
		wrong("certificate_pem", "must be given with source = \"files\"")
	case args.Source == fromFiles && args.KeyPEM == "":
		wrong("key_pem", "must be given with source = \"files\"")
	case args.Source != fromFiles && own:
		wrong("source", "must be \"files\" if certificate_pem or key_pem is given")
	}
	return errors.Join(errs...)
}

// checkACME checks the arguments about the CA.
func checkACME(args Args) (errs []error) {
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if u, err := url.Parse(directoryURL(args.Directory)); err != nil || u.Scheme != "https" || u.Host == "" {
		wrong("directory", "must be \"production\", \"staging\" or an https URL, not %q", args.Directory)
	}
	if address, err := mail.ParseAddress(args.Email); args.Email != "" && (err != nil || address.Address != args.Email || strings.ContainsAny(args.Email, "/\"'%$ ")) {
		wrong("email", "%q is not an address", args.Email)
	}
	if err := modules.CheckPath(args.Webroot); err != nil {
		wrong("webroot", "%w", err)
	}
	if (args.EABKeyID == "") != (args.EABHMAC == "") {
		wrong("eab_kid", "must be given together with eab_hmac")
	}
	for _, unit := range args.Reload {
		if !validUnit.MatchString(unit) {
			wrong("reload", "%q is not a unit such as \"nginx.service\"", unit)
		}
	}
	if args.FailBelowDays < 0 {
		wrong("fail_below_days", "must be a number of days, 0 or more, not %d", args.FailBelowDays)
	}
	for _, address := range args.ServedAt {
		if !validAddress.MatchString(address) || !dnsname.HasPort(address) {
			wrong("served_at", "%q is not an address such as \"127.0.0.1:443\"", address)
		}
	}
	errs = append(errs, checkChallenge(args)...)
	switch {
	case !args.RenewTimer:
	case args.Challenge == "dns-01":
		wrong("renew_timer", "requires http-01: with dns-01 the DNS provider's credentials would have to stay on the host")
	case args.Email == "":
		wrong("email", "must be given with renew_timer: the distributions' lego needs one")
	case args.EABKeyID != "" || args.Profile != "" || args.KeyType == "rsa3072":
		wrong("renew_timer", "can't renew with eab_kid, profile or key_type = \"rsa3072\": the distributions' lego is too old for them")
	}
	return errs
}

func checkChallenge(args Args) (errs []error) {
	wildcard := ""
	for _, name := range args.Names {
		if strings.HasPrefix(name, "*.") {
			wildcard = name
		}
	}
	switch {
	case args.Challenge == "tls-alpn-01":
		return []error{&modules.ArgError{
			Arg: "challenge", Err: errors.New("can't be tls-alpn-01: it needs port 443, which nginx has"),
			Hint: "Use http-01, which the `nginx` module answers on port 80, or dns-01.",
		}}
	case args.Challenge == "http-01" && wildcard != "":
		errs = append(errs, &modules.ArgError{
			Arg: "names", Err: fmt.Errorf("%q can't be validated by http-01", wildcard), Hint: "CAs issue certificates for wildcards only with challenge = \"dns-01\".",
		})
	}
	if wait, err := time.ParseDuration(args.DNSWait); args.DNSWait != "" && (err != nil || wait <= 0) {
		errs = append(errs, modules.Argf("dns_wait", "must be a duration such as \"2m\", not %q", args.DNSWait))
	}
	if args.Challenge != "dns-01" {
		if args.DNSProvider != "" {
			errs = append(errs, modules.Argf("dns_provider", "requires challenge = \"dns-01\""))
		}
		return errs
	}
	if _, ok := dnsProviders[args.DNSProvider]; !ok {
		errs = append(errs, &modules.ArgError{
			Arg: "dns_provider", Err: fmt.Errorf("must be one of %s, not %q", strings.Join(dnsProviderNames(), ", "), args.DNSProvider),
			Hint: "For any other provider use `exec` (a program of yours), `httpreq` or `acme-dns`.",
		})
	}
	return errs
}

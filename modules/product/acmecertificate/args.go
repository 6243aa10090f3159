// Package acmecertificate is the module acme_certificate: a TLS certificate with its key on the host, from an ACME CA, from
// the plan, or self-signed.
package acmecertificate

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a TLS certificate and its key on the host. The outputs `certificate` (the file with the whole chain) and
// `key` are their paths, for the blocks that use them.
//
//	acme_certificate "chat" {
//	  names   = ["chat.example.com"]
//	  email   = "admin@example.com"
//	  webroot = nginx.web.webroot
//	}
//
//	acme_certificate "intranet" {
//	  source          = "files"
//	  names           = ["wiki.example.com"]
//	  certificate_pem = file("tls/wiki.fullchain.pem")
//	  key_pem         = var.wiki_key
//	}
//
//	acme_certificate "lab" {
//	  source = "self_signed"
//	  names  = ["lab.example.com"]
//	}
//
// With `source = "acme"` rcprov itself talks to the CA, from the machine it runs on, and answers the CA's challenge with
// a file on the host. Before it asks the CA it makes sure that such a file can be fetched by each name: a failed
// validation counts against the CA's rate limits. Preflight checks the DNS records and the clock. You agree to the CA's
// terms of service. Account and certificate are stored on the host in the layout of lego (/var/lib/lego), so that another
// laptop, or lego itself, can renew. Until there is a certificate, a self-signed one takes its place, so that a server
// can start.
//
// If you take a certificate out of the plan, or change its first name, its files and its timer stay on the host: set
// `renew_timer = false` first, or remove rcprov-renew-NAME.timer and .service from /etc/systemd/system, and rcprov-renew-NAME
// from /usr/local/sbin.
//
// `rcprov apply` renews a certificate at the time that the CA suggests (ARI), or when a third of its lifetime remains. A CA that is
// going to revoke a certificate suggests to renew it at once: plan and apply ask the CA again as soon as its last answer is too
// old (Let's Encrypt's after six hours), and the timer on each run. With `renew_timer` the host renews it by itself. A renewal that fails is a note with the CA's words and the
// remaining days, as long as enough of the lifetime remains (`fail_below_days`); a run asks the CA again after an hour, or when
// the CA says so.
type Args struct {
	// The host names that the certificate is for. Its files are named after the first one. `*.example.com` needs `dns-01`.
	Names []string `hcl:"names"`

	// Where the certificate comes from: an ACME CA, the plan, or signed by its own key.
	Source string `hcl:"source,optional" default:"acme" oneof:"acme,files,self_signed"`

	// The CA: `production` and `staging` are Let's Encrypt's, anything else is the URL of an ACME directory. Use `staging`
	// to try things out, whose certificates no browser trusts: the limits of `production` are soon reached.
	Directory string `hcl:"directory,optional" default:"production"`

	// A file on the controller, relative to the plan, with CA certificates in PEM form. With `acme`, the CA's own web
	// server is checked against them; with `files`, the chain. Left out: those that the controller trusts.
	CAFile string `hcl:"ca_file,optional"`

	// The address that the CA may write to. Required with renew_timer.
	Email string `hcl:"email,optional"`

	// How to prove to the CA that the names are yours: `http-01` with a file that the host serves on port 80, `dns-01` with
	// a record in the domain.
	Challenge string `hcl:"challenge,optional" default:"http-01" oneof:"http-01,dns-01,tls-alpn-01"`

	// Directory on the host from which the web server serves `/.well-known/acme-challenge/` on port 80; the `nginx`
	// module's is the same.
	Webroot string `hcl:"webroot,optional" default:"/var/www/acme"`

	// Whether to look up each name before anything is changed (preflight), and to fetch a file by it before the CA is
	// asked. Turn it off if the names resolve to something else on the controller than at the CA.
	SelfCheck bool `hcl:"self_check,optional" default:"true"`

	// DNS servers (`host` or `host:port`) to ask instead of the controller's, for all that this step asks.
	Nameservers []string `hcl:"nameservers,optional"`

	// Who hosts the domain, for `dns-01`: a name of lego's list, such as `cloudflare`. The records of all names are set at once; with
	// `rfc2136` and `exec`, `*.example.com` waits for `example.com`, whose record it shares (RFC2136_SEQUENCE_INTERVAL, a minute).
	DNSProvider string `hcl:"dns_provider,optional"`

	// The provider's settings as lego's documentation names them: `{ CLOUDFLARE_DNS_API_TOKEN = var.token }`. Values are secrets,
	// but not a server's address, the name and algorithm of a TSIG key, and times.
	DNSCredentials map[string]modules.Secret `hcl:"dns_credentials,optional" public:"_NAMESERVER,_TSIG_KEY,_TSIG_ALGORITHM,_TIMEOUT,_INTERVAL,_TTL"`

	// For `dns-01`: how long to wait (`2m`) before the CA looks. Left out: rcprov asks the domain's DNS servers until all of
	// them have the record. Give it if the controller can't reach them.
	DNSWait string `hcl:"dns_wait,optional"`

	// The key: elliptic curves, or RSA for clients that know nothing else.
	KeyType string `hcl:"key_type,optional" default:"ec256" oneof:"ec256,ec384,rsa2048,rsa3072,rsa4096"`

	// Whether a new certificate has the key of the present one, for clients that know the key (TLSA records of DANE, pinned keys). If
	// false, or after another `key_type`, each certificate has a key of its own.
	ReuseKey bool `hcl:"reuse_key,optional"`

	// The CA's profile, such as Let's Encrypt's `tlsserver` or `shortlived`.
	Profile string `hcl:"profile,optional"`

	// The common name of the root to prefer if the CA offers several chains.
	PreferredChain string `hcl:"preferred_chain,optional"`

	// Key identifier of an external account, for CAs that ask for one.
	EABKeyID string `hcl:"eab_kid,optional"`

	// The external account's MAC key, in base64url.
	EABHMAC modules.Secret `hcl:"eab_hmac,optional"`

	// Whether the host renews the certificate by itself, with the distribution's lego and a timer that runs twice a day,
	// and reloads the services that use it. Each run also compares what is served with the file, and reloads again where they
	// differ. If a run can't renew, can't reload or can't tell, the unit rcprov-renew-NAME.service has failed, where
	// monitoring and `systemctl --failed` show it. Only with `http-01`. If false, an existing timer is removed.
	RenewTimer bool `hcl:"renew_timer,optional"`

	// From how many remaining days on a renewal that fails is an error. A tenth of the lifetime, and at least 3, when left out.
	FailBelowDays int `hcl:"fail_below_days,optional"`

	// Units that the timer reloads for a new certificate; `["nginx.service"]` when left out.
	Reload []string `hcl:"reload,optional"`

	// Where these units serve the certificate, as seen from the host: `["127.0.0.1:443"]` when left out and nginx.service is
	// one of them, else nowhere. The timer asks for each name there, with TLS from the first byte. `[]`: it asks nothing.
	ServedAt []string `hcl:"served_at,optional"`

	// With `files`: the certificate and its chain in PEM form, the certificate itself first.
	CertificatePEM string `hcl:"certificate_pem,optional"`

	// With `files`: the private key in PEM form.
	KeyPEM modules.Secret `hcl:"key_pem,optional"`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	Certificate string   `cty:"certificate"` // path of the certificate with its chain
	Key         string   `cty:"key"`         // path of the private key
	Files       []string `cty:"files"`       // both
}

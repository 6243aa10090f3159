// Package nginxsite is the module nginx_site: a site that nginx serves, mostly over TLS and in front of an application.
package nginxsite

import (
	_ "embed"

	"github.com/zclconf/go-cty/cty"
)

//go:embed args.go
var source string

// Args describe a site of nginx: its names, its certificate, and the applications behind it. An `nginx` block must come before
// it.
//
//	nginx_site "chat" {
//	  names       = ["chat.example.com"]
//	  certificate = acme_certificate.chat.certificate
//	  key         = acme_certificate.chat.key
//	  upstreams   = ["127.0.0.1:3000", "127.0.0.1:3001"]
//	  sticky      = "cookie"
//	}
//
//	nginx_site "static" {
//	  names       = ["www.example.com", "example.com"]
//	  certificate = "/etc/ssl/example.pem"
//	  key         = "/etc/ssl/private/example.key"
//	  location "/" {
//	    config = "root /srv/www;"
//	  }
//	}
//
//	nginx_site "inside" {
//	  names     = ["app.internal", "10.0.0.5"]
//	  tls       = "off"
//	  port      = 8080
//	  upstreams = ["127.0.0.1:9000"]
//	  health    = "/healthz"
//	}
//
//	nginx_site "old" {
//	  names = ["old.example.com"]
//	  state = "absent"
//	}
//
// The site is the file /etc/nginx/conf.d/FIRST-NAME.conf. nginx tests it together with all other files before it is written,
// and is reloaded when it, the certificate or the key changed after nginx read them. For sites that change one after another there
// is one reload, at the last of them, as long as no step in between may need what nginx serves. The step is done when nginx really
// serves that certificate for all names at the loopback address and, if nginx may have a site for another address alone (by its files,
// or because they changed since it read them), without `template`, at the host's others (eight at most).
// Another site of nginx that has such an address to itself is an error if the DNS leads a name there, or to no address of the host
// at all and it is the host's first; otherwise it is a note. So is what port 80 does for a name, if not a redirect to https.
//
// A site with `tls = "off"` has no certificate, and nothing is asked about one; nginx must answer for all names at the loopback
// address with this site. On port 80 of its names it is itself, but for ACME challenges, so that it can get a certificate later. Where
// a site has another port than 443 with TLS, port 80 redirects to it; where it is plain and has another port than 80, port 80 has
// nothing. Several sites may have one port; what comes for none of their names gets the first of them by its file's name, on port 80
// the `nginx` block's server. Open ports with `ufw`: this block leaves the firewall as it is. Browsers that have seen a site with hsts
// ask for https until that time is over: set `hsts = 0` before you take TLS away.
//
// If you change the first name, the file of the former one is removed, if rcprov wrote it (without `template`) and it has one of
// the names; it is kept below /var/lib/rcprov/backup. If you take a site out of the plan, or change all of its names, nginx goes
// on serving the old file. To remove it, give the names that it had with `state = "absent"` for a run, before you remove the
// certificate: nginx doesn't start if a file is missing. That removes FIRST-NAME.conf, and what rcprov wrote for one of the names.
//
// A name of more than 46 characters needs more room than nginx has by default. The file rcprov-long-names.conf beside the site's
// makes it (server_names_hash_bucket_size), unless another file in /etc/nginx sets that.
//
// TLS is set up as Mozilla's guidelines 6.0 recommend, as far as the host's nginx and OpenSSL support it: HTTP/2, and
// post-quantum key exchange with OpenSSL 3.5 (Debian 13, Ubuntu 26.04). Websockets work. Applications get X-Forwarded-For,
// -Proto, -Host and -Port and X-Real-IP, and must expect one proxy.
type Args struct {
	// The host names of the site. Its file is named after the first one. `*.example.com` is all names below example.com.
	Names []string `hcl:"names"`

	// `absent` removes the site; of the other arguments only names count then.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// The path of the certificate on the host: the whole chain, the site's own certificate first. Required, as key is, unless
	// state is `absent` or tls is `off`.
	Certificate string `hcl:"certificate,optional"`

	// The path of its private key on the host.
	Key string `hcl:"key,optional"`

	// Applications behind the site: `host:port` or `unix:/path`, with parameters of nginx where needed
	// (`10.0.0.3:3000 weight=2`). Requests that no location takes go to them.
	Upstreams []string `hcl:"upstreams,optional"`

	// How all requests of a person get to the same upstream: by address (`ip`), or by the value of sticky_cookie (`cookie`;
	// by address until the cookie is set).
	Sticky string `hcl:"sticky,optional" default:"none" oneof:"none,ip,cookie"`

	// The name of the cookie for `sticky = "cookie"`: letters, digits and underscores.
	StickyCookie string `hcl:"sticky_cookie,optional" default:"rc_uid"`

	// The largest request, and so the largest upload, in nginx's notation. `0` is no limit.
	MaxBodySize string `hcl:"max_body_size,optional" default:"200m"`

	// How long an upstream may be silent, in nginx's notation.
	ProxyTimeout string `hcl:"proxy_timeout,optional" default:"300s"`

	// `modern` is TLS 1.3 only, which clients older than about 2019 don't support. `off` is plain HTTP.
	TLS string `hcl:"tls,optional" default:"intermediate" oneof:"intermediate,modern,off"`

	// The port. If left out: 443, or 80 without TLS.
	Port *int `hcl:"port,optional"`

	// A path that nginx itself answers with status 200 and `ok`, without the applications and without a line in the access log, such
	// as `/healthz`. Load balancers that ask by address need the address among names.
	Health string `hcl:"health,optional"`

	// For how many seconds browsers are told to use only https for these names (Strict-Transport-Security). 0: not at all, nor where
	// the port is not 443.
	HSTS int `hcl:"hsts,optional" default:"63072000"`

	// Whether that includes all names below these.
	HSTSSubdomains bool `hcl:"hsts_subdomains,optional"`

	// Whether to listen on IPv6 as well.
	IPv6 bool `hcl:"ipv6,optional" default:"true"`

	// The version of nginx, such as `1.28.0`, if it is not the distribution's.
	NginxVersion string `hcl:"nginx_version,optional"`

	// More locations of the site, as nginx writes them: `"/api/"`, `"= /robots.txt"`, `"~ \\.php$"`.
	Locations []Location `hcl:"location,block"`

	// More directives for the site's server block, one per line, in nginx's notation.
	Config string `hcl:"config,optional" exposed:"Every user can read a site's file. Write the secret to a file with mode 0600 in an earlier step, and name it here: include FILE; in config."`

	// A template of your own for the whole file, relative to the plan, in the language of `templatefile()`. Its
	// variables are those of vars, and `names`, `certificate`, `key`, `upstreams`, `max_body_size`, `listen`, `tls` and
	// `proxy`; the last three are the lines that rcprov would write.
	Template string `hcl:"template,optional"`

	// Variables for the template.
	Vars cty.Value `hcl:"vars,optional" exposed:"Every user can read a site's file. Write the secret to a file with mode 0600 in an earlier step, and name it here: include FILE; in config."`
}

// Location is a part of a site.
type Location struct {
	// What nginx matches, as after the word `location`.
	Match string `hcl:"match,label"`

	// Where requests go: a URL such as `http://127.0.0.1:9000`, or `upstreams` for the site's own.
	ProxyPass string `hcl:"proxy_pass,optional"`

	// Directives, one per line, in nginx's notation.
	Config string `hcl:"config,optional" exposed:"Every user can read a site's file. Write the secret to a file with mode 0600 in an earlier step, and name it here: include FILE; in config."`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	URL   string   `cty:"url"`   // of the first name
	Files []string `cty:"files"` // the site's file
}

// Package nginxsite is the module nginx_site: a site that nginx serves by TLS, mostly in front of an application.
package nginxsite

import (
	_ "embed"

	"github.com/zclconf/go-cty/cty"
)

//go:embed args.go
var source string

// Args describe a site of nginx: TLS for some names, and what stands behind it. An `nginx` block must come before it.
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
// The site is the file /etc/nginx/conf.d/FIRST-NAME.conf. nginx tries it with all other files before it takes its place,
// and is reloaded when it, the certificate or the key changed since nginx read them. The site is as wanted when nginx
// really serves that certificate.
//
// A site that is taken out of the plan, or gets another first name, is served on from the file that it had. Remove that, and
// `systemctl reload nginx`, before you remove the certificate: with a file that is missing nginx doesn't start.
//
// TLS is as Mozilla's guidelines 6.0 recommend, as far as nginx and OpenSSL of the host can: HTTP/2, and post-quantum
// key exchange with OpenSSL 3.5 (Debian 13, Ubuntu 26.04). Websockets work; applications get X-Forwarded-For, -Proto,
// -Host and -Port and X-Real-IP, and count one proxy.
type Args struct {
	// Host names that the site answers for. The first one names its file. `*.example.com` is all names below.
	Names []string `hcl:"names"`

	// Path of the certificate on the host, with the whole chain, the site's own certificate first.
	Certificate string `hcl:"certificate"`

	// Path of its private key on the host.
	Key string `hcl:"key"`

	// Applications behind the site: `host:port` or `unix:/path`, with parameters of nginx where needed
	// (`10.0.0.3:3000 weight=2`). Requests that no location takes go to them.
	Upstreams []string `hcl:"upstreams,optional"`

	// How requests of one person stay with one upstream: `ip` by address, `cookie` by the value of sticky_cookie (by
	// address as long as there is none).
	Sticky string `hcl:"sticky,optional" default:"none" oneof:"none,ip,cookie"`

	// Name of the cookie for `sticky = "cookie"`: letters, digits and underscores.
	StickyCookie string `hcl:"sticky_cookie,optional" default:"rc_uid"`

	// Largest request that is let through, as nginx writes it; no upload can be larger. `0` is no limit.
	MaxBodySize string `hcl:"max_body_size,optional" default:"200m"`

	// How long an upstream may be silent, as nginx writes it.
	ProxyTimeout string `hcl:"proxy_timeout,optional" default:"300s"`

	// `modern` speaks TLS 1.3 only, which clients older than about 2019 don't know.
	TLS string `hcl:"tls,optional" default:"intermediate" oneof:"intermediate,modern"`

	// Seconds for which browsers shall refuse plain HTTP for these names, once they came by TLS. 0 says nothing to them.
	HSTS int `hcl:"hsts,optional" default:"63072000"`

	// Whether that holds for all names below these as well.
	HSTSSubdomains bool `hcl:"hsts_subdomains,optional"`

	// Whether to listen on IPv6 as well.
	IPv6 bool `hcl:"ipv6,optional" default:"true"`

	// The version of nginx, such as `1.28.0`, where it is not the one of the distribution.
	NginxVersion string `hcl:"nginx_version,optional"`

	// More paths of the site, by nginx's location: `"/api/"`, `"= /robots.txt"`, `"~ \\.php$"`.
	Locations []Location `hcl:"location,block"`

	// More directives for the site's server block, one in each line, as nginx writes them.
	Config string `hcl:"config,optional"`

	// A template of your own for the whole file, relative to the plan, in the language of `templatefile()`. Its
	// variables are those of vars and: `names`, `certificate`, `key`, `upstreams`, `max_body_size`, and the texts
	// `listen`, `tls` and `proxy` (the lines that the site would have).
	Template string `hcl:"template,optional"`

	// Variables for the template.
	Vars cty.Value `hcl:"vars,optional"`
}

// Location is a part of a site.
type Location struct {
	// What nginx matches, as behind the word `location`.
	Match string `hcl:"match,label"`

	// Where requests go: a URL such as `http://127.0.0.1:9000`, or `upstreams` for those of the site.
	ProxyPass string `hcl:"proxy_pass,optional"`

	// Directives, one in each line, as nginx writes them.
	Config string `hcl:"config,optional"`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	URL   string   `cty:"url"`   // of the first name
	Files []string `cty:"files"` // the site's file
}

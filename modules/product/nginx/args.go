// Package nginx is the module nginx: the web server itself, without a site. It also has [Configuration], the step that
// installs nginx files for all modules, and what the nginx of each release supports.
package nginx

import _ "embed"

//go:embed args.go
var source string

// Args describe the web server nginx, without a site. It is installed from the host's package repositories and listens on
// port 80, where it answers ACME challenges and redirects everything else to https. Sites are `nginx_site` blocks.
//
//	nginx "web" {}
//
//	acme_certificate "chat" {
//	  names   = ["chat.example.com"]
//	  webroot = nginx.web.webroot
//	}
//
// The distribution's default site is removed, because it takes port 80. Other files in /etc/nginx are left alone. New files
// are first tested together with the rest of the configuration (`nginx -t`): files that nginx refuses never replace files
// that it accepts. When the configuration changes, or somebody has edited nginx.conf, nginx is reloaded, not restarted.
// Preflight checks port 80.
//
// What nginx refuses in a file of somebody else that it has not read yet is noted. An nginx.conf that no longer includes conf.d is an
// error, and nginx is not reloaded.
//
// If nginx is down or not installed, and would not start because the certificate or key of a site that rcprov wrote is missing, or the
// two don't belong together, the site's file is moved away first, as plan says; the site's own block makes it again, after the
// certificate's. So leave the package to this block: an `apt_package` step before it would fail there.
type Args struct {
	// The directory from which ACME challenges are served: `/.well-known/acme-challenge/TOKEN` is the file with that path
	// below it.
	Webroot string `hcl:"webroot,optional" default:"/var/www/acme"`

	// Whether to listen on IPv6 as well. nginx refuses to start with it on a host whose kernel has no IPv6.
	IPv6 bool `hcl:"ipv6,optional" default:"true"`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	Service string `cty:"service"` // the systemd unit
}

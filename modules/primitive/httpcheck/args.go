// Package httpcheck is the module http_check: an HTTP server that must answer.
package httpcheck

import _ "embed"

//go:embed args.go
var source string

// Args describe an HTTP request and the expected answer. If another answer comes, rcprov asks again until the expected one
// comes, or until the deadline has passed, which is an error. Nothing on the host is changed.
//
//	http_check "app" {
//	  url           = "http://127.0.0.1:3000/health"
//	  body_contains = "ok"
//	  deadline      = "2m"
//	}
//
//	http_check "site" {
//	  url    = "https://chat.example.com/"
//	  from   = "controller"
//	  status = [200, 302]
//	}
//
//	http_check "live" {
//	  url = "wss://chat.example.com/websocket"
//	}
//
//	http_check "site-before-dns" {
//	  url        = "https://chat.example.com/"
//	  connect_to = "127.0.0.1:443"
//	}
type Args struct {
	// What to ask for: an http or https URL. With ws or wss, a websocket must open (status 101, and the right answer to
	// the handshake).
	URL string `hcl:"url" secret:"yes"`

	// Where the request comes from. `host`: through the SSH connection, as if the host made it, so the server may
	// listen on 127.0.0.1, and names are looked up on the host. `controller`: from the machine rcprov runs on.
	From string `hcl:"from,optional" default:"host" oneof:"host,controller"`

	// The request's method.
	Method string `hcl:"method,optional" default:"GET" oneof:"GET,HEAD,POST,PUT,OPTIONS"`

	// Further headers of the request. `Host` changes the name that the server is asked for. The values are never
	// shown.
	Headers map[string]string `hcl:"headers,optional" secret:"yes"`

	// The expected statuses. If left out, 200, and for a websocket 101.
	Status []int `hcl:"status,optional"`

	// A text that the body must contain, in its first MiB.
	BodyContains string `hcl:"body_contains,optional" secret:"yes"`

	// A regular expression that the body must match, in its first MiB (Go's syntax; `(?m)` lets ^ and $ match at
	// each line).
	BodyRegexp string `hcl:"body_regexp,optional" secret:"yes"`

	// A file on the controller, relative to the plan, with the certificates of the authorities to trust instead of
	// the controller's own, in PEM format.
	CAFile string `hcl:"ca_file,optional"`

	// Whether any certificate is accepted.
	Insecure bool `hcl:"insecure,optional"`

	// Connect to this address, `HOST:PORT`, instead of the URL's. The certificate must still be for the URL's name.
	ConnectTo string `hcl:"connect_to,optional"`

	// Whether redirects are followed, up to ten of them. What is in headers is not sent to another origin (scheme, name or
	// port) than that of the URL.
	FollowRedirects bool `hcl:"follow_redirects,optional"`

	// The pause between two requests.
	Interval string `hcl:"interval,optional" default:"2s"`

	// How long to wait for the expected answer.
	Deadline string `hcl:"deadline,optional" default:"60s"`
}

package nginxsite

import (
	"errors"
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/dnsname"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// Module is the module nginx_site.
func Module() modules.Module { return modules.Product("nginx_site", source, New) }

// New makes the steps of an nginx_site block.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	if err := check(args); err != nil {
		return nil, Outputs{}, err
	}
	path := nginx.Dir + "/" + fileName(args.Names[0]) + ".conf"
	outputs := Outputs{URL: args.url(args.Names[0]), Files: []string{path}}
	if args.State == "absent" {
		gone := &file.Step{Path: path, Absent: true, Backup: true}
		return []modules.Part{
			{Name: "configuration", Step: &nginx.Configuration{Files: []*file.Step{gone}, Names: args.Names}},
			{Name: "service", Step: nginx.Reread(path)},
		}, outputs, nil
	}
	release, err := nginx.ReleaseOf(env.Facts, args.NginxVersion)
	if err != nil {
		return nil, Outputs{}, modules.Argf("nginx_version", "%w", err)
	}
	text, err := content(args, release, env)
	if err != nil {
		return nil, Outputs{}, err
	}
	site := &file.Step{
		Path: path, Content: []byte(text), Mode: 0o644, Owner: "root", Group: "root", Sensitive: env.Sensitive("vars") || env.Sensitive("config"),
	}
	free := []modules.Requirement{preflight.Port{Number: args.port(), Unit: nginx.Unit}}
	watched := append([]string{path}, nginx.ForLongNames(args.Names)...)
	if args.hasTLS() {
		watched = append(watched, args.Certificate, args.Key)
	}
	parts := []modules.Part{
		{Name: "configuration", Step: &nginx.Configuration{Files: []*file.Step{site}, Names: args.Names, Port: args.port()}, Requires: free},
		{Name: "service", Step: nginx.Service(watched...), Requires: free},
		{Name: "served", Step: served(args, env)},
	}
	return parts, outputs, nil
}

// served returns the step that checks what clients get.
func served(args Args, env modules.Env) modules.Step {
	if !args.hasTLS() {
		s := &Answering{Names: examples(args.Names), Port: args.port()}
		if args.Template == "" { // which need not have the location
			s.Greeting = greeting(args)
		}
		return s
	}
	s := &Served{Names: examples(args.Names), Certificate: args.Certificate, Plain: true, Port: args.port()}
	if args.Template == "" && args.port() == 443 { // a template may listen where it likes
		s.Addresses = Addresses(env.Facts, args.IPv6)
	}
	return s
}

func (a Args) hasTLS() bool { return a.TLS != "off" }

// port is where the site listens.
func (a Args) port() int {
	switch {
	case a.Port != nil:
		return *a.Port
	case a.hasTLS():
		return 443
	}
	return 80
}

// url is the address of a name.
func (a Args) url(name string) string {
	scheme, usual := "https", 443
	if !a.hasTLS() {
		scheme, usual = "http", 80
	}
	if a.port() == usual {
		return scheme + "://" + name
	}
	return fmt.Sprintf("%s://%s:%d", scheme, name, a.port())
}

// greeting is what a site without TLS answers to a look.
func greeting(args Args) string { return "rcprov " + args.Names[0] }

// fileName makes a host name fit for a file name.
func fileName(name string) string { return strings.ReplaceAll(name, "*", "_") }

// examples returns host names that names stand for.
func examples(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strings.Replace(name, "*", "any", 1)
	}
	return all
}

var (
	validCookie = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	validSize   = regexp.MustCompile(`^[0-9]+[kKmMgG]?$`)
	validPath   = regexp.MustCompile(`^/[A-Za-z0-9._~/-]+$`)
	validTime   = regexp.MustCompile(`^[0-9]+(ms|s|m|h|d)?$`)
	validServer = regexp.MustCompile(`^(unix:/[^\s;{}"'$#\\]+|[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9a-fA-F:.]+\](:[0-9]+)?)( [a-z_]+(=[A-Za-z0-9_.]+)?)*$`)
)

// challenges is where a CA looks, RFC 8555, section 8.3.
const challenges = "/.well-known/acme-challenge/"

// longestFirst leaves room for ".conf" in the name of a file (NAME_MAX is 255).
const longestFirst = 250

func check(args Args) error {
	var errs []error
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if len(args.Names) == 0 {
		wrong("names", "must name at least one host")
	}
	for _, name := range args.Names {
		if !dnsname.Lowercase(strings.TrimPrefix(name, "*.")) {
			errs = append(errs, &modules.ArgError{
				Arg: "names", Err: fmt.Errorf("%q is not a lowercase host name, such as \"chat.example.com\" or \"*.example.com\"", name), Hint: "It is " + dnsname.Rule + ".",
			})
		}
	}
	if len(args.Names) > 0 && len(args.Names[0]) > longestFirst {
		wrong("names", "the first has more than %d characters, and the site's file, which is called after it, can't have so long a name", longestFirst)
	}
	if args.State == "absent" {
		return errors.Join(errs...)
	}
	for arg, path := range map[string]string{"certificate": args.Certificate, "key": args.Key} {
		if !args.hasTLS() {
			if path != "" {
				wrong(arg, "conflicts with tls = \"off\"")
			}
			continue
		}
		if path == "" {
			wrong(arg, "must be given, unless state is absent")
		} else if err := errors.Join(modules.CheckPath(path), nginx.CheckWord(path)); err != nil {
			wrong(arg, "%w", err)
		}
	}
	for _, server := range args.Upstreams {
		switch {
		case strings.Contains(server, "://"):
			errs = append(errs, &modules.ArgError{
				Arg: "upstreams", Err: fmt.Errorf("%q must be a host and a port, not a URL", server),
				Hint: "Write \"127.0.0.1:3000\". For an upstream with https give a `location \"/\"` with proxy_pass instead.",
			})
		case !validServer.MatchString(server):
			wrong("upstreams", "%q must be \"host:port\" or \"unix:/path\", optionally followed by parameters of nginx", server)
		case !validPort(server):
			wrong("upstreams", "%q must have a port from 1 to 65535", server)
		}
	}
	for arg, value := range map[string]struct {
		rule *regexp.Regexp
		text string
	}{
		"sticky_cookie": {validCookie, args.StickyCookie}, "max_body_size": {validSize, args.MaxBodySize}, "proxy_timeout": {validTime, args.ProxyTimeout},
	} {
		if !value.rule.MatchString(value.text) {
			wrong(arg, "must be in nginx's notation, not %q", value.text)
		}
	}
	switch {
	case args.port() < 1 || args.port() > 65535:
		wrong("port", "must be from 1 to 65535, not %d", args.port())
	case args.hasTLS() && args.port() == 80:
		wrong("port", "80 is for sites without TLS: the nginx block has it for ACME challenges and redirects")
	case !args.hasTLS() && args.port() == 443:
		wrong("port", "443 is for sites with TLS, and this one has tls = \"off\"")
	}
	if args.Health != "" {
		switch {
		case !validPath.MatchString(args.Health):
			wrong("health", "must be a path such as \"/healthz\", not %q", args.Health)
		case strings.Contains(args.Health, "//") || strings.TrimSuffix(args.Health, "/") != path.Clean(args.Health):
			wrong("health", "must be a path as nginx sees it, without \"//\", \".\" and \"..\", not %q", args.Health)
		case args.Health == plainPath || strings.HasPrefix(args.Health+"/", challenges):
			wrong("health", "%q is for ACME challenges or for looks at the site", args.Health)
		case args.Template != "":
			wrong("health", "conflicts with template, which has all locations")
		case slices.ContainsFunc(args.Locations, func(l Location) bool { return strings.Join(strings.Fields(l.Match), " ") == "= "+args.Health }):
			wrong("health", "conflicts with location %q", "= "+args.Health)
		}
	}
	if args.HSTS < 0 {
		wrong("hsts", "must be a number of seconds, 0 or more")
	}
	if args.Sticky != "none" && len(args.Upstreams) == 0 {
		wrong("sticky", "requires upstreams, and there are none")
	}
	return errors.Join(append(errs, checkLocations(args)...)...)
}

// validPort reports whether the port of an upstream, if it has one, is one.
func validPort(server string) bool {
	at, _, _ := strings.Cut(server, " ")
	if strings.HasPrefix(at, "unix:") {
		return true
	}
	if _, _, err := net.SplitHostPort(at); err != nil {
		return true // it has none
	}
	return dnsname.HasPort(at)
}

func checkLocations(args Args) (errs []error) {
	seen := map[string]bool{}
	for i, l := range args.Locations {
		at := fmt.Sprintf("location[%d]", i)
		match := strings.Join(strings.Fields(l.Match), " ")
		switch {
		case match == "" || strings.ContainsAny(match, ";{}\n"):
			errs = append(errs, modules.Argf(at, "%q is not what nginx matches, such as \"/api/\"", l.Match))
		case seen[match]:
			errs = append(errs, modules.Argf(at, "%q is given twice", match))
		case l.ProxyPass == "" && strings.TrimSpace(l.Config) == "":
			errs = append(errs, modules.Argf(at, "%q is empty: give proxy_pass, config or both", match))
		case l.ProxyPass == "upstreams" && len(args.Upstreams) == 0:
			errs = append(errs, modules.Argf(at+".proxy_pass", "means the site's upstreams, and there are none"))
		case l.ProxyPass != "" && l.ProxyPass != "upstreams" && !regexp.MustCompile(`^https?://[^\s;{}"']+$`).MatchString(l.ProxyPass):
			errs = append(errs, modules.Argf(at+".proxy_pass", "must be a URL such as \"http://127.0.0.1:9000\", or \"upstreams\", not %q", l.ProxyPass))
		}
		seen[match] = true
	}
	switch {
	case len(args.Upstreams) > 0 && seen["/"]:
		errs = append(errs, modules.Argf("location", "\"/\" conflicts with upstreams, which get all other requests"))
	case len(args.Upstreams) == 0 && len(args.Locations) == 0 && args.Template == "":
		errs = append(errs, modules.Argf("upstreams", "must be given, unless there is a location or a template"))
	}
	return errs
}

package nginxsite

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// page has the values for the templates.
type page struct {
	Upstream, ServerName, HSTS, MaxBodySize string
	StickyIP                                bool
	StickyCookie                            string // empty unless it decides
	StickyVariable                          string // has its value, or the client's address
	Servers                                 []string
	Locations                               []location
	Extra                                   []string

	Listen, TLS, Proxy string // other templates, filled in

	Plain      string // what a site without TLS answers to a look; empty: it has TLS
	Challenges bool   // it has port 80, so that the CA comes to it
	Health     string // a path; empty: none
	Port80     string // what another server for these names on port 80 returns; empty: it isn't needed
	IPv6       bool
}

type location struct {
	Match, ProxyPass string
	Lines            []string
}

// content returns the text of the site's file.
func content(args Args, release nginx.Release, env modules.Env) (string, error) {
	listen, err := nginx.Render(env.Templates, "listen", map[string]any{
		"Port": args.port(), "TLS": args.hasTLS(), "IPv6": args.IPv6, "HTTP2Flag": !release.HTTP2Directive(),
	})
	if err != nil {
		return "", err
	}
	tls := ""
	if args.hasTLS() {
		if tls, err = nginx.Render(env.Templates, "tls", map[string]any{
			"Certificate": args.Certificate, "Key": args.Key, "Profile": args.TLS,
			"PostQuantum": release.PostQuantum(), "NoTickets": !release.RotatesTickets(),
		}); err != nil {
			return "", err
		}
	}
	proxy, err := nginx.Render(env.Templates, "proxy", map[string]string{"Timeout": args.ProxyTimeout})
	if err != nil {
		return "", err
	}
	p := page{
		Upstream: upstreamName(args.Names[0]), ServerName: strings.Join(args.Names, " "), MaxBodySize: args.MaxBodySize,
		StickyIP: args.Sticky == "ip", Servers: args.Upstreams, Extra: lines(args.Config),
		Listen: trim(listen), TLS: trim(tls), Proxy: trim(proxy), Health: args.Health, IPv6: args.IPv6,
	}
	switch port := args.port(); {
	case !args.hasTLS():
		p.Plain = greeting(args)
		if p.Challenges = port == 80; !p.Challenges {
			p.Port80 = "404"
		}
	case port != 443:
		p.Port80 = fmt.Sprintf("301 https://$host:%d$request_uri", port)
	}
	if args.Sticky == "cookie" {
		p.StickyCookie, p.StickyVariable = args.StickyCookie, stickyVariable(p.Upstream)
	}
	if args.HSTS > 0 && args.hasTLS() && args.port() == 443 {
		p.HSTS = fmt.Sprintf("max-age=%d", args.HSTS)
		if args.HSTSSubdomains {
			p.HSTS += "; includeSubDomains"
		}
	}
	p.Locations = locations(args, p.Upstream)
	if args.Template != "" {
		return own(args, p, env)
	}
	return nginx.Render(env.Templates, "site.conf", p)
}

func locations(args Args, upstream string) (all []location) {
	for _, l := range args.Locations {
		target := l.ProxyPass
		if target == "upstreams" {
			target = "http://" + upstream
		}
		all = append(all, location{Match: l.Match, ProxyPass: target, Lines: lines(l.Config)})
	}
	if len(args.Upstreams) > 0 {
		all = append(all, location{Match: "/", ProxyPass: "http://" + upstream})
	}
	return all
}

// own renders the plan's template.
func own(args Args, p page, env modules.Env) (string, error) {
	vars := map[string]cty.Value{
		"names": list(args.Names), "certificate": cty.StringVal(args.Certificate), "key": cty.StringVal(args.Key),
		"upstreams": list(args.Upstreams), "max_body_size": cty.StringVal(args.MaxBodySize),
		"listen": cty.StringVal(p.Listen), "tls": cty.StringVal(p.TLS), "proxy": cty.StringVal(p.Proxy),
	}
	if args.Vars != cty.NilVal && !args.Vars.IsNull() {
		if ty := args.Vars.Type(); !ty.IsObjectType() && !ty.IsMapType() {
			return "", modules.Argf("vars", "must be an object: { name = value }")
		}
		for name, value := range args.Vars.AsValueMap() {
			vars[name] = value
		}
	}
	text, err := env.Render(args.Template, cty.ObjectVal(vars))
	if err != nil {
		return "", modules.Argf("template", "%w", err)
	}
	return text, nil
}

func list(texts []string) cty.Value {
	if len(texts) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	var values []cty.Value
	for _, text := range texts {
		values = append(values, cty.StringVal(text))
	}
	return cty.ListVal(values)
}

// upstreamName is the name of the site's upstreams in nginx, and part of a variable's name, which may have only letters,
// digits and underscores.
func upstreamName(name string) string {
	return "rcprov_" + strings.NewReplacer(".", "_", "-", "__", "*", "any").Replace(name)
}

// longestVariable is how long the name of a variable may be where variables_hash_bucket_size has its default, 64 bytes.
const longestVariable = 46

// stickyVariable is the name of the variable that decides which of an upstream's servers is taken.
func stickyVariable(upstream string) string {
	if name := upstream + "_sticky"; len(name) <= longestVariable {
		return name
	}
	sum := sha256.Sum256([]byte(upstream))
	return "rcprov_" + hex.EncodeToString(sum[:8]) + "_sticky"
}

func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func trim(text string) string { return strings.TrimRight(text, "\n") }

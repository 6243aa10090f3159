package jitsi

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/dnsname"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// Module is the module jitsi.
func Module() modules.Module { return modules.Product("jitsi", source, New) }

// New checks args and returns the parts, in the order in which they turn a host with nginx and a certificate into a Jitsi.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	ports, err := checkArgs(args)
	if err != nil {
		return nil, Outputs{}, err
	}
	b := &builder{Builder: &product.Builder{Env: env}, args: args, port: ports.first}
	b.build()
	parts, err := b.Parts()
	if err != nil {
		return nil, Outputs{}, err
	}
	outputs := Outputs{
		URL: "https://" + args.Domain, TCPPorts: "80,443", UDPPorts: ports.String(), Files: []string{bridgeConf, focusConf},
	}
	if args.TURNSecret != "" {
		outputs.TCPPorts += ",5349"
		outputs.UDPPorts += ",3478"
		outputs.Files = append(outputs.Files, turnConf)
	}
	return parts, outputs, nil
}

var (
	domainRule = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`)
	// Jitsi's maintainer scripts put secrets into commands of shell and sed, and into configuration files, without quoting.
	secretRule  = regexp.MustCompile(`^[A-Za-z0-9_.~+=-]*$`)
	appRule     = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	serverRule  = regexp.MustCompile(`^[A-Za-z0-9.-]+:[0-9]+$`)
	packageRule = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
)

const shortestSecret = 12

// checkArgs returns the media ports, and the mistakes in the arguments.
func checkArgs(args Args) (portRange, error) {
	var errs []error
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if !domainRule.MatchString(args.Domain) || !dnsname.Lowercase(args.Domain) {
		wrong("domain", "must be a lowercase host name such as \"meet.example.com\", not %q", args.Domain)
	}
	for arg, path := range map[string]string{"certificate": args.Certificate, "key": args.Key, "webroot": args.Webroot} {
		if err := errors.Join(modules.CheckPath(path), nginx.CheckWord(path)); err != nil {
			wrong(arg, "%w", err)
		}
	}
	secrets := map[string]modules.Secret{"bridge_secret": args.BridgeSecret, "focus_secret": args.FocusSecret}
	if args.TokenAppID != "" || args.TokenSecret != "" {
		secrets["token_secret"] = args.TokenSecret
		if !appRule.MatchString(args.TokenAppID) {
			wrong("token_app_id", "must be of letters, digits, \"_\", \"-\" and \".\", not %q", args.TokenAppID)
		}
	}
	if args.TURNSecret != "" {
		secrets["turn_secret"] = args.TURNSecret
	}
	for _, arg := range slices.Sorted(maps.Keys(secrets)) {
		if secret := string(secrets[arg]); len(secret) < shortestSecret || !secretRule.MatchString(secret) {
			errs = append(errs, &modules.ArgError{
				Arg: arg, Err: fmt.Errorf("must be at least %d letters, digits, \"-\", \"_\", \".\", \"~\", \"+\" and \"=\"", shortestSecret),
				Hint: "`openssl rand -hex 24` makes a good one.",
			})
		}
	}
	if args.NATPrivate != "" || args.NATPublic != "" {
		for arg, text := range map[string]string{"nat_private": args.NATPrivate, "nat_public": args.NATPublic} {
			if _, err := netip.ParseAddr(text); err != nil {
				wrong(arg, "must be an IP address, not %q; give nat_private and nat_public together", text)
			}
		}
	}
	if args.STUNServer != "" && (!serverRule.MatchString(args.STUNServer) || !dnsname.HasPort(args.STUNServer)) {
		wrong("stun_server", "must be HOST:PORT, not %q", args.STUNServer)
	}
	for name := range args.Versions {
		if !slices.Contains(packages, name) && !slices.Contains(optionalPackages, name) {
			wrong("versions", "%q is not one of Jitsi's packages: %s", name, strings.Join(slices.Concat(packages, optionalPackages), ", "))
		}
	}
	if args.JavaPackage != "" && !packageRule.MatchString(args.JavaPackage) {
		wrong("java_package", "must be the name of a package, not %q", args.JavaPackage)
	}
	ports, err := parsePorts(args.MediaPorts)
	if err != nil {
		errs = append(errs, err)
	}
	return ports, errors.Join(errs...)
}

// portRange is one or more ports.
type portRange struct{ first, last int }

// String returns the range in the form for a ufw rule.
func (r portRange) String() string {
	if r.first == r.last {
		return strconv.Itoa(r.first)
	}
	return fmt.Sprintf("%d:%d", r.first, r.last)
}

func parsePorts(text string) (portRange, error) {
	from, to, isRange := strings.Cut(text, ":")
	if !isRange {
		to = from
	}
	first, firstErr := strconv.ParseUint(from, 10, 16)
	last, lastErr := strconv.ParseUint(to, 10, 16)
	if firstErr != nil || lastErr != nil || first == 0 || first > last {
		return portRange{}, modules.Argf("media_ports", "must be a port such as \"10000\", or a range such as \"10000:20000\", not %q", text)
	}
	return portRange{int(first), int(last)}, nil
}

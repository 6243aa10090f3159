package acmecertificate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/go-acme/lego/v4/lego"
	"github.com/go-acme/lego/v4/providers/dns/acmedns"
	"github.com/go-acme/lego/v4/providers/dns/cloudflare"
	"github.com/go-acme/lego/v4/providers/dns/desec"
	"github.com/go-acme/lego/v4/providers/dns/digitalocean"
	"github.com/go-acme/lego/v4/providers/dns/exec"
	"github.com/go-acme/lego/v4/providers/dns/gandiv5"
	"github.com/go-acme/lego/v4/providers/dns/hetzner"
	"github.com/go-acme/lego/v4/providers/dns/httpreq"
	"github.com/go-acme/lego/v4/providers/dns/ionos"
	"github.com/go-acme/lego/v4/providers/dns/netcup"
	"github.com/go-acme/lego/v4/providers/dns/ovh"
	"github.com/go-acme/lego/v4/providers/dns/rfc2136"

	"github.com/rcprov/rcprov/modules"
)

// dnsProviders are the providers of lego that the binary contains, by lego's names. All 190 would add more than 30 MB to
// it and minutes to its build; what is missing is reached by exec, httpreq or acme-dns, or gets its line here.
var dnsProviders = map[string]func() (challenge.Provider, error){
	"acme-dns":     provider(acmedns.NewDNSProvider),
	"cloudflare":   provider(cloudflare.NewDNSProvider),
	"desec":        provider(desec.NewDNSProvider),
	"digitalocean": provider(digitalocean.NewDNSProvider),
	"exec":         provider(exec.NewDNSProvider),
	"gandiv5":      provider(gandiv5.NewDNSProvider),
	"hetzner":      provider(hetzner.NewDNSProvider),
	"httpreq":      provider(httpreq.NewDNSProvider),
	"ionos":        provider(ionos.NewDNSProvider),
	"netcup":       provider(netcup.NewDNSProvider),
	"ovh":          provider(ovh.NewDNSProvider),
	"rfc2136":      provider(rfc2136.NewDNSProvider),
}

func dnsProviderNames() []string { return slices.Sorted(maps.Keys(dnsProviders)) }

func provider[P challenge.Provider](make func() (P, error)) func() (challenge.Provider, error) {
	return func() (challenge.Provider, error) { return make() }
}

// environment guards the process's environment, from which lego's providers read their settings.
var environment sync.Mutex

// setDNS makes the provider with its settings.
func (i *Issue) setDNS(ctx context.Context, client *lego.Client) error {
	p, err := i.dnsProvider()
	if err != nil {
		return modules.WithHint(fmt.Errorf("dns_provider %q: %w", i.DNSProvider, err),
			"lego's documentation names its settings: https://go-acme.github.io/lego/dns/%s/", i.DNSProvider)
	}
	s := newSolver(ctx, i, p)
	return client.Challenge.SetDNS01Provider(s, dns01.WrapPreCheck(s.ready))
}

func (i *Issue) dnsProvider() (challenge.Provider, error) {
	environment.Lock()
	defer environment.Unlock()
	for name, value := range i.DNSCredentials {
		old, was := os.LookupEnv(name)
		if err := os.Setenv(name, string(value)); err != nil {
			return nil, fmt.Errorf("dns_credentials: %q is no name of a setting", name)
		}
		defer func() {
			if was {
				_ = os.Setenv(name, old)
			} else {
				_ = os.Unsetenv(name)
			}
		}()
	}
	return dnsProviders[i.DNSProvider]()
}

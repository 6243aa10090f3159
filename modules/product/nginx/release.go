package nginx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
)

// Version is major, minor and patch.
type Version [3]int

// Before reports whether v is older than other.
func (v Version) Before(other Version) bool { return slices.Compare(v[:], other[:]) < 0 }

// ParseVersion reads "1.28.3".
func ParseVersion(text string) (v Version, err error) {
	words := strings.Split(text, ".")
	if len(words) != len(v) {
		return v, fmt.Errorf("must be a version such as \"1.28.3\", not %q", text)
	}
	for i, word := range words {
		if v[i], err = strconv.Atoi(word); err != nil || v[i] < 0 {
			return v, fmt.Errorf("must be a version such as \"1.28.3\", not %q", text)
		}
	}
	return v, nil
}

// Release has the versions that decide what nginx's configuration may contain.
type Release struct {
	Nginx   Version
	OpenSSL Version
}

// HTTP2Directive reports whether nginx has the directive `http2 on;`, which replaces `listen ... http2`
// (https://nginx.org/en/docs/http/ngx_http_v2_module.html).
func (r Release) HTTP2Directive() bool { return !r.Nginx.Before(Version{1, 25, 1}) }

// RotatesTickets reports whether nginx itself changes the keys of TLS session tickets, with a shared session cache (CHANGES
// of 1.23.2).
func (r Release) RotatesTickets() bool { return !r.Nginx.Before(Version{1, 23, 2}) }

// PostQuantum reports whether OpenSSL has X25519MLKEM768: nginx refuses a group that its OpenSSL doesn't know.
func (r Release) PostQuantum() bool { return !r.OpenSSL.Before(Version{3, 5, 0}) }

// releases are what distributions ship, the newest last (package indexes, November 2026).
var releases = map[string][]struct {
	version string
	Release
}{
	"debian": {
		{"11", Release{Version{1, 18, 0}, Version{1, 1, 1}}},
		{"12", Release{Version{1, 22, 1}, Version{3, 0, 20}}},
		{"13", Release{Version{1, 26, 3}, Version{3, 5, 7}}},
	},
	"ubuntu": {
		{"20.04", Release{Version{1, 18, 0}, Version{1, 1, 1}}},
		{"22.04", Release{Version{1, 18, 0}, Version{3, 0, 2}}},
		{"24.04", Release{Version{1, 24, 0}, Version{3, 0, 13}}},
		{"26.04", Release{Version{1, 28, 3}, Version{3, 5, 5}}},
	},
}

// ReleaseOf returns what the host's distribution ships; for a release that isn't known, what the one before it does; without
// facts (nil), what the newest Debian does. nginxVersion, if not empty, replaces the distribution's nginx. The error is for
// another distribution, or a nginxVersion that is no version.
func ReleaseOf(facts *observe.Facts, nginxVersion string) (Release, error) {
	known := releases["debian"]
	release := known[len(known)-1].Release
	if facts != nil {
		known, ok := releases[facts.OS.ID]
		if !ok {
			return Release{}, fmt.Errorf("rcprov doesn't know which nginx %s has; it knows Debian and Ubuntu", facts.OS.Name)
		}
		release = known[0].Release
		for _, k := range known {
			if number(k.version) <= number(facts.OS.Version) {
				release = k.Release
			}
		}
	}
	if nginxVersion == "" {
		return release, nil
	}
	var err error
	release.Nginx, err = ParseVersion(nginxVersion)
	return release, err
}

// number makes "24.04" comparable; without a number, as in Debian testing, it is the highest.
func number(osVersion string) float64 {
	n, err := strconv.ParseFloat(osVersion, 64)
	if err != nil {
		return 1e9
	}
	return n
}

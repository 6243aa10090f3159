package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/signed"
)

// releasers are the primary keys of the people who sign releases of Node.js: the active ones in the README of
// github.com/nodejs/release-keys, 2026-07-01. Some sign with a subkey.
var releasers = []string{
	"5BE8A3F6C8A5C01D106C0AD820B1A390B168D356", // Antoine du Hamel
	"DD792F5973C6DE52C432CBDAC77ABFA00DDBF2B7", // Juan José Arboleda
	"CC68F5A3106FF448322E48ED27F5E38D5B0A215F", // Marco Ippolito
	"8FCCA13FEF1D0C2E91008E09770F7A9A5AE15600", // Michaël Zasso
	"890C08DB8579162FEE0DF9DB8BEAB4DFCF555EF4", // Rafael Gonzaga
	"C82FA3AE1CBEDC6BE46B9360C43CEC45C17AB93C", // Richard Lau
	"108F52B48DB57BB0CC439B2997B01419BD92F80A", // Ruy Adorno
	"655F3B5C1FB3FA8D1A0CA6BDE4A7D232B936D2FD", // Stewart X Addison
	"A363A499291CBBC940DD62E41F10027AF002F8B0", // Ulises Gascón
}

// signedSums is the vendor's clear-signed list of SHA-256 sums, and the keys that may sign it.
type signedSums struct {
	URL string
	signed.Keys
}

func newSums(args Args, env modules.Env) (*signedSums, error) {
	s := &signedSums{URL: releaseURL(args, "SHASUMS256.txt.asc"), Keys: signed.Keys{
		Fingerprints: releasers, Whose: "Node's releasers",
		Unknown: "A retired releaser may have signed an old release, a new one a new release: look up the key in the README of github.com/nodejs/release-keys " +
			"and add the fingerprint of its primary key to `fingerprints`. If it is not there, somebody may have replaced the list.",
	}}
	return s, s.ReadArgs(args.Fingerprints, args.KeyURL, args.KeyFile, env)
}

// of returns the sum of file in the list, if one of the keys signed that. It fetches the list on the controller.
func (s *signedSums) of(ctx context.Context, file string) (string, error) {
	text, err := s.Text(ctx, s.URL)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[1] == file {
			return fetch.ParseSHA256(fields[0])
		}
	}
	return "", modules.WithHint(fmt.Errorf("%s does not list %s", s.URL, file), "The vendor doesn't publish this version for the host's architecture.")
}

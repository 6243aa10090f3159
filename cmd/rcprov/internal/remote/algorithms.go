package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// setAlgorithms makes config use the algorithms of ssh_config that the library has, in their order; those that are old and insecure
// only when ssh_config names them.
func (s *settings) setAlgorithms(config *ssh.ClientConfig) error {
	able, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var err error
	choose := func(keyword string, wanted, good, bad []string) []string {
		if wanted == nil {
			return nil // the library's
		}
		known := slices.Concat(good, bad)
		list := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return !slices.Contains(known, name) })
		if len(list) == 0 && err == nil {
			err = modules.WithHint(fmt.Errorf("%s of ssh_config has only %s; rcprov knows %s", keyword, strings.Join(wanted, ", "), strings.Join(known, ", ")),
				"Add one of those that rcprov knows for this host.")
		}
		return list
	}
	config.KeyExchanges = choose("KexAlgorithms", s.kex, able.KeyExchanges, old.KeyExchanges)
	config.Ciphers = choose("Ciphers", s.ciphers, able.Ciphers, old.Ciphers)
	config.MACs = choose("MACs", s.macs, able.MACs, old.MACs)
	if s.hostKeyAlgorithms != nil {
		allowed := choose("HostKeyAlgorithms", s.hostKeyAlgorithms, able.HostKeys, old.HostKeys)
		// Those of known keys stay first, so that the host shows one of them.
		first := slices.DeleteFunc(slices.Clone(config.HostKeyAlgorithms), func(name string) bool { return !slices.Contains(allowed, name) })
		for _, name := range allowed {
			if !slices.Contains(first, name) {
				first = append(first, name)
			}
		}
		config.HostKeyAlgorithms = first
	}
	return err
}

// noCommonAlgorithm returns a better error for a key exchange without a common algorithm; nil for other errors.
func noCommonAlgorithm(err error) error {
	var failed *ssh.AlgorithmNegotiationError
	if !errors.As(err, &failed) {
		return nil
	}
	what := strings.TrimPrefix(strings.TrimPrefix(failed.What, "client to server "), "server to client ")
	return fmt.Errorf("there is no common algorithm for the %s: the host has %s; rcprov offered %s", what,
		strings.Join(failed.RequestedAlgorithms, ", "), strings.Join(failed.SupportedAlgorithms, ", "))
}

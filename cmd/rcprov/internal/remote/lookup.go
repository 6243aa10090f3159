package remote

import (
	"context"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Go's own resolver, which a static binary has, knows the hosts file and the DNS. Names of mDNS (.local), libvirt, systemd-machined or a
// directory service are known to the C library alone, as are numbers in the forms of inet_aton(3): who finds nothing asks the program
// that asks the library.

// systemLookupTimeout is how long the system may search a name.
const systemLookupTimeout = 10 * time.Second

// systemLookups are the programs that know what the C library knows, for Linux and macOS; the name follows.
var systemLookups = [][]string{{"getent", "ahosts"}, {"dscacheutil", "-q", "host", "-a", "name"}}

// oddNumber is an IPv4 address as inet_aton(3) reads it: no name that the DNS could have.
var oddNumber = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|[0-9]+)(\.(0[xX][0-9a-fA-F]+|[0-9]+)){0,3}$`)

// isOddNumber reports whether name is an IPv4 address in a form that Go doesn't read.
func isOddNumber(name string) bool {
	_, err := netip.ParseAddr(name)
	return err != nil && oddNumber.MatchString(name)
}

// systemLookup returns the addresses that the system has for a name; none if it has none, or there is no program to ask.
func systemLookup(ctx context.Context, name string) []string {
	ctx, cancel := context.WithTimeout(ctx, systemLookupTimeout)
	defer cancel()
	if strings.HasPrefix(name, "-") {
		return nil
	}
	for _, argv := range systemLookups {
		program, err := exec.LookPath(argv[0])
		if err != nil {
			continue
		}
		command := exec.CommandContext(ctx, program, append(argv[1:], name)...)
		command.WaitDelay = time.Second
		output, _ := command.Output() // fails when there is none
		return addressesIn(string(output))
	}
	return nil
}

// addressesIn returns the addresses in the output of `getent ahosts` ("10.0.0.2  STREAM web") or dscacheutil ("ip_address: 10.0.0.2").
func addressesIn(output string) []string {
	var list []string
	for line := range strings.Lines(output) {
		for _, word := range strings.Fields(line) {
			if _, err := netip.ParseAddr(word); err == nil && !slices.Contains(list, word) {
				list = append(list, word)
			}
		}
	}
	return list
}

// Package dnsname checks names of hosts as the DNS takes them, and the ports behind them.
package dnsname

import (
	"net"
	"regexp"
	"strconv"
	"strings"
)

var name = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Rule is what a name must be, for messages.
const Rule = "lowercase letters, digits and hyphens, up to 63 between two dots and 253 in all"

// Lowercase reports whether the DNS takes a name without capitals as that of a host: RFC 1123, section 2.1, and RFC 1035, section 2.3.4.
func Lowercase(s string) bool {
	if len(s) > 253 || !name.MatchString(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > 63 {
			return false
		}
	}
	return true
}

// HasPort reports whether HOST:PORT has a port from 1 to 65535.
func HasPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535
}

package modules

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Network returns err, from package net, in the words of people: "connection refused" instead of "dial tcp 192.0.2.1:22: connect:
// connection refused". The address that was dialled stays before it ("192.0.2.1:22: connection refused"): a name may have several.
// errors.Is and errors.As find what they found in err. Other errors are returned as they are.
func Network(err error) error {
	var op *net.OpError
	var dns *net.DNSError
	raw, text := "", ""
	switch {
	case err == nil:
		return nil
	case errors.As(err, &op):
		raw, text = op.Error(), plainOperation(op)
	case errors.As(err, &dns):
		raw, text = dns.Error(), plainLookup(dns)
	default:
		return err
	}
	return &networkError{text: strings.Replace(err.Error(), raw, text, 1), err: err}
}

func plainOperation(op *net.OpError) string {
	var dns *net.DNSError
	if errors.As(op, &dns) {
		return plainLookup(dns)
	}
	var call *os.SyscallError
	reason := op.Err.Error()
	switch {
	case errors.As(op.Err, &call):
		reason = call.Err.Error()
	case op.Timeout():
		reason = "no answer in time"
	}
	if op.Op == "dial" && op.Addr != nil {
		return op.Addr.String() + ": " + reason
	}
	return reason
}

func plainLookup(dns *net.DNSError) string {
	switch {
	case dns.IsNotFound:
		return fmt.Sprintf("the DNS has no address for the name %q", dns.Name)
	case dns.IsTimeout:
		return fmt.Sprintf("the DNS did not answer when asked for the name %q", dns.Name)
	default:
		return fmt.Sprintf("the DNS could not be asked for the name %q (%s)", dns.Name, dns.Err)
	}
}

type networkError struct {
	text string
	err  error
}

func (e *networkError) Error() string { return e.text }

func (e *networkError) Unwrap() error { return e.err }

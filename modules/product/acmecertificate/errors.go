package acmecertificate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-acme/lego/v4/acme"

	"github.com/rcprov/rcprov/modules"
)

// explain makes an error of what a CA, or lego, said: the CA's own words, and what can be done.
func (i *Issue) explain(err error) error {
	var problem *acme.ProblemDetails
	if !errors.As(err, &problem) {
		hint := "Is the CA's URL right, and can this machine reach it? A CA of your own needs ca_file."
		if strings.Contains(err.Error(), "propagation: ") {
			hint = "The CA was not asked to look, because the domain's DNS servers didn't show the record in time. " +
				"Where they can't be asked from this machine, name others in `nameservers`, or wait a fixed time with `dns_wait`."
		}
		// What went wrong on the host, as with its account or where a challenge is written, brings better advice.
		if own := (*modules.HintError)(nil); errors.As(err, &own) {
			hint = own.Hint
		}
		// lego lists names below a line that says only that there are some.
		text := strings.TrimPrefix(err.Error(), "error: one or more domains had a problem:\n")
		return modules.WithHint(fmt.Errorf("get a certificate from %s: %s", i.Directory, strings.ReplaceAll(text, "\n", "; ")), "%s", hint)
	}
	kind := strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:")
	var limited *acme.RateLimitedError
	hint := "The CA is not asked again by itself: what it refuses counts against its limits. Try with `directory = \"staging\"` first."
	switch {
	case errors.As(err, &limited), problem.HTTPStatus == http.StatusTooManyRequests:
		hint = "It is a limit of the CA, not of rcprov; asking again sooner doesn't help. "
		if limited != nil && limited.RetryAfter != "" {
			hint += "The CA says when to come back: Retry-After " + limited.RetryAfter + ". "
		}
		hint += "Use `directory = \"staging\"` while you try things out."
	case kind == "connection", kind == "unauthorized" && i.Challenge == "http-01", kind == "dns":
		hint = "The CA looks from outside, from several places: check the names' DNS records (AAAA too), and that port 80 is open to everybody. " + hint
	case kind == "externalAccountRequired":
		hint = "Get a key identifier and a MAC key from the CA, and give them in eab_kid and eab_hmac."
	case kind == "invalidProfile":
		hint = "Correct `profile`, or leave it out."
	}
	return modules.WithHint(fmt.Errorf("the CA refuses: %s", strings.Join(words(err), "; ")), "%s", hint)
}

// words returns what a CA said, for each name that it said something of.
func words(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, words(e)...)
		}
		return all
	}
	if problem, ok := err.(*acme.ProblemDetails); ok { //nolint:errorlint // this very error
		text := problem.Detail + " (" + strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:") + ")"
		for _, sub := range problem.SubProblems {
			text += "; " + sub.Identifier.Value + ": " + sub.Detail
		}
		return []string{text}
	}
	inner := errors.Unwrap(err)
	if inner == nil {
		return nil
	}
	all := words(inner)
	// lego writes "NAME: ..." before what it is about.
	if name, _, ok := strings.Cut(err.Error(), ": "); ok && len(all) == 1 && validName.MatchString(name) && strings.Contains(name, ".") {
		all[0] = name + ": " + all[0]
	}
	return all
}

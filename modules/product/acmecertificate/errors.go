package acmecertificate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/lego"

	"github.com/rcprov/rcprov/modules"
)

// explain returns the error for a CA's or lego's: the CA's own words, and what to do. A site that is live is nothing to try out.
func (i *Issue) explain(err error, live bool) error {
	if refused := (*providerError)(nil); errors.As(err, &refused) {
		return modules.WithHint(errors.New(strings.ReplaceAll(refused.Error(), "\n", "; ")), "%s", providerHint(refused.provider, refused.Error()))
	}
	var problem *acme.ProblemDetails
	if !errors.As(err, &problem) {
		hint := "Check the CA's URL, and that this machine can reach it. A CA of your own needs ca_file."
		if i.Directory == lego.LEDirectoryProduction || i.Directory == lego.LEDirectoryStaging {
			hint = "Check that this machine can reach the CA; if it can, the CA may have an outage (https://letsencrypt.status.io)."
		}
		if strings.Contains(err.Error(), "propagation: ") {
			hint = "The CA was not asked to look, because the domain's DNS servers did not have the record in time. " +
				"If this machine can't reach them, name others in `nameservers`, or wait a fixed time with `dns_wait`."
		}
		// Errors of the host, as with its account or its webroot, bring better advice.
		if own := (*modules.HintError)(nil); errors.As(err, &own) {
			hint = own.Hint
		}
		// lego lists names below a line that says only that there are some.
		text := strings.TrimPrefix(err.Error(), "error: one or more domains had a problem:\n")
		return modules.WithHint(fmt.Errorf("get a certificate from %s: %s", i.Directory, strings.ReplaceAll(text, "\n", "; ")), "%s", hint)
	}
	kind := strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:")
	var limited *acme.RateLimitedError
	hint := "rcprov does not ask again by itself: what the CA refuses counts against its limits."
	try, rest := " Try with `directory = \"staging\"` first.", "Use `directory = \"staging\"` while you try things out."
	if live {
		try, rest = "", ""
	}
	hint += try
	switch {
	case errors.As(err, &limited), problem.HTTPStatus == http.StatusTooManyRequests:
		hint = "This is a limit of the CA, not of rcprov; asking again sooner doesn't help. "
		if limited != nil && limited.RetryAfter != "" {
			hint += "The CA says when to try again: Retry-After " + limited.RetryAfter + ". "
		}
		hint = strings.TrimSpace(hint + rest)
	case problem.HTTPStatus >= http.StatusInternalServerError:
		hint = "The CA has trouble of its own: look at its status page, and run the same command again later."
	case kind == "connection", kind == "unauthorized" && i.Challenge == "http-01", kind == "dns":
		hint = "The CA connects from several places on the Internet: check the DNS records of the names (AAAA too), and that port 80 is open to everybody. " + hint
	case kind == "externalAccountRequired":
		hint = "Get a key identifier and a MAC key from the CA, and give them in eab_kid and eab_hmac."
	case kind == "invalidProfile":
		hint = "Correct `profile`, or leave it out."
	}
	return modules.WithHint(fmt.Errorf("the CA refuses: %s", strings.Join(details(err), "; ")), "%s", hint)
}

// details returns what a CA said of each name.
func details(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, details(e)...)
		}
		return all
	}
	if problem, ok := err.(*acme.ProblemDetails); ok { //nolint:errorlint // this very error
		text := problem.Detail
		if problem.Type != "" {
			text += " (" + strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:") + ")"
		}
		for _, sub := range problem.SubProblems {
			text += "; " + sub.Identifier.Value + ": " + sub.Detail
		}
		return []string{text}
	}
	inner := errors.Unwrap(err)
	if inner == nil {
		return nil
	}
	all := details(inner)
	// lego puts "NAME: " before an error that is about one name.
	if name, _, ok := strings.Cut(err.Error(), ": "); ok && len(all) == 1 && validName.MatchString(name) && strings.Contains(name, ".") {
		all[0] = name + ": " + all[0]
	}
	return all
}

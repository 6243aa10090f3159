package acmecertificate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-acme/lego/v4/acme"
)

// plain makes a problem document (RFC 9457) of an answer that is none: a CA's front end, a proxy or a hotel's network answers with
// a page, and lego would complain of its JSON.
type plain struct{ next http.RoundTripper }

var title = regexp.MustCompile(`(?is)<title[^>]*>\s*(.*?)\s*</title>`)

// RoundTrip implements [http.RoundTripper].
func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	page := strings.HasPrefix(response.Header.Get("Content-Type"), "text/html")
	if response.StatusCode < http.StatusBadRequest && !page {
		return response, nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	_ = response.Body.Close() // read
	if err != nil {
		return nil, err
	}
	var known acme.ProblemDetails
	if json.Unmarshal(text, &known) != nil {
		problem := acme.ProblemDetails{HTTPStatus: response.StatusCode, Detail: response.Status}
		if found := title.FindSubmatch(text); found != nil {
			problem.Detail += ": " + strings.Join(strings.Fields(html.UnescapeString(string(found[1]))), " ")
		}
		switch {
		case response.StatusCode == http.StatusTooManyRequests:
			problem.Type = acme.RateLimitedErr
		case response.StatusCode < http.StatusBadRequest:
			return nil, fmt.Errorf("%s answers with a page for people (%s), not as an ACME CA", r.URL.Host, problem.Detail)
		}
		if text, err = json.Marshal(problem); err != nil {
			return nil, err
		}
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return response, nil
}

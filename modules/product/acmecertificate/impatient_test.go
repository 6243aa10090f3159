package acmecertificate

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestImpatient: when lego is to ask again about a challenge. Boulder sends no Retry-After with one, other CAs do.
func TestImpatient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, link, says, want string }{
		{"challenge", `<https://ca.test/authz/1>;rel="up"`, "", "2"},
		{"the CA says when", `<https://ca.test/authz/1>;rel="up"`, "7", "7"},
		{"something else", `<https://ca.test/dir>;rel="index"`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Link", `<https://ca.test/dir>;rel="index"`)
				w.Header().Add("Link", test.link)
				if test.says != "" {
					w.Header().Set("Retry-After", test.says)
				}
			}))
			t.Cleanup(server.Close)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := impatient{http.DefaultTransport}.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // empty
			if got := response.Header.Get("Retry-After"); got != test.want {
				t.Errorf("Retry-After %q, want %q", got, test.want)
			}
		})
	}
}

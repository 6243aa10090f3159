package acmecertificate

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// TestRedirects: the self-check follows redirects as a CA does, with the plan's name servers and whatever the certificate.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var web, secure *httptest.Server
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/https": "https://chat.example.com/answer", "/other": "https://other.example.com/answer", "/loop": "/loop",
			"/address": "https://127.0.0.1/answer", "/port": "http://chat.example.com:8080/answer", "/scheme": "ftp://chat.example.com/answer",
		}[r.URL.Path]
		switch {
		case r.URL.Path == "/303":
			http.Redirect(w, r, "/answer", http.StatusSeeOther)
		case to != "":
			http.Redirect(w, r, to, http.StatusMovedPermanently)
		default:
			_, _ = w.Write([]byte("answer of " + strings.Split(r.Host, ":")[0]))
		}
	})
	web, secure = httptest.NewServer(handler), httptest.NewTLSServer(handler) // for example.com, and by nobody's CA
	t.Cleanup(web.Close)
	t.Cleanup(secure.Close)
	port := func(of string) string {
		u, err := url.Parse(of)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	i := &Issue{Names: []string{"chat.example.com"}, Webroot: "/srv", port: port(web.URL), tlsPort: port(secure.URL), Nameservers: []string{startDNS(t, nil)}}
	for path, want := range map[string]string{
		"/answer": "", "/https": "", "/other": "answer of other.example.com",
		"/loop": "it was led on more than 10 times", "/address": "it must be a name, not an address", "/port": "the port must be 80 or 443",
		"/scheme": "the scheme must be http or https", "/303": "the status is 303, and must be 301, 302, 307 or 308",
	} {
		got := ""
		if err := i.fetch(t.Context(), "chat.example.com", path, "answer of chat.example.com"); err != nil {
			got = err.Error()
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if _, err := i.get80(t.Context(), "chat.example.com", netip.MustParseAddr("127.0.0.77"), "/https"); err == nil || !strings.Contains(modules.Network(err).Error(), "refused") {
		t.Errorf("of another address: %v", err)
	}
}

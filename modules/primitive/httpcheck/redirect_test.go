package httpcheck

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestRedirectsWithHeaders: the plan's headers reach its own origin only, wherever the server sends the request.
func TestRedirectsWithHeaders(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 10)
	answer := func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Clone()
		_, _ = w.Write([]byte("ok"))
	}
	other := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/", answer)
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	headers := map[string]string{"X-Api-Key": "hunter2", "authorization": "Bearer hunter2", "cookie": "a=hunter2"}
	for path, sent := range map[string]bool{"/": true, "/here": true, "/there": false} {
		step := build(t, Args{URL: server.URL + path, FollowRedirects: true, Headers: headers}, plain)
		if is, err := step.Request.ask(t.Context(), new(net.Dialer).DialContext); err != nil || !is.AsWanted {
			t.Fatalf("%s: %+v, %v", path, is, err)
		}
		header := <-got
		for name := range headers {
			if (header.Get(name) != "") != sent {
				t.Errorf("%s: %s is %q, sent should be %v", path, name, header.Get(name), sent)
			}
		}
	}
}

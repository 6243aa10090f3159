package signed

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rcprov/rcprov/modules/moduletest"
)

func TestGet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/key":
			_, _ = w.Write([]byte("key"))
		case "/endless":
			_, _ = w.Write(make([]byte, maxFetch+1))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"/key":     "",
		"/endless": "fetch " + server.URL + "/endless: it is larger than 1048576 bytes",
		"/missing": "fetch " + server.URL + "/missing: the server answered 404 Not Found",
	} {
		data, err := Get(t.Context(), server.URL+path)
		if got := moduletest.ErrorText(err); got != want || (err == nil && string(data) != "key") {
			t.Errorf("%s: %q, error %q, want %q", path, data, got, want)
		}
	}
}

package acmecertificate

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// faulty stands before a CA and answers instead of it, a number of times.
type faulty struct {
	left   atomic.Int32
	answer func(w http.ResponseWriter)
	path   string // of the requests that it answers
}

func (f *faulty) hits(w http.ResponseWriter, r *http.Request) bool {
	if f == nil || f.answer == nil || !strings.HasPrefix(r.URL.Path, f.path) || f.left.Add(-1) < 0 {
		return false
	}
	f.answer(w)
	return true
}

// page answers with an HTML page, as front ends of CAs do.
func page(status int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><head><title>Down for\n maintenance &amp; rest</title></head><body>{</body></html>"))
	}
}

func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// TestFaults: a real CA behind a proxy that answers in its place or drops connections. What passes is tried again within the step.
func TestFaults(t *testing.T) {
	l := newLab(t, "")
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		path   string
		times  int32
		want   string // the error; empty: there is none
		hint   string
	}{
		{name: "a page with 500, once", answer: page(500), path: "/order-plz", times: 1},
		{name: "a dropped connection", answer: drop, path: "/finalize-order", times: 1},
		{
			name: "a page with 503, always", answer: page(503), times: 1000,
			want: "the CA refuses: 503 Service Unavailable: Down for maintenance & rest", hint: "trouble of its own",
		},
		{
			name: "429 with a page", answer: page(429, "Retry-After", "7200"), path: "/order-plz", times: 1000,
			want: "the CA refuses: 429 Too Many Requests: Down for maintenance & rest (rateLimited)", hint: "Retry-After 7200",
		},
		{
			name: "a page of somebody else", answer: page(200), times: 1000,
			want: "answers with a page for people (200 OK: Down for maintenance & rest), not as an ACME CA",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			host := &moduletest.Host{}
			held, step := l.steps(t, t.TempDir()+"/lego", "chat.example.com")
			moduletest.Converge(t, host, held)
			f := &faulty{answer: test.answer, path: test.path}
			f.left.Store(test.times)
			l.fault.Store(f)
			defer l.fault.Store(nil)
			if test.want == "" {
				moduletest.Converge(t, host, step)
				if f.left.Load() >= test.times {
					t.Error("the fault was not met")
				}
				return
			}
			err := step.Apply(t.Context(), host, moduletest.Diff(t, host, step))
			var advice *modules.HintError
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "invalid character") ||
				!errors.As(err, &advice) || !strings.Contains(advice.Hint, test.hint) {
				t.Errorf("error %v\n want %s with %q", err, test.want, test.hint)
			}
		})
	}

	t.Run("reuse_key, and a CA that wants to rest", func(t *testing.T) {
		l.reuse(t)
	})
}

// reuse renews a certificate with the same key, once a CA has ended the pause that it wanted.
func (l lab) reuse(t *testing.T) {
	t.Helper()
	host := &moduletest.Host{}
	held, step := l.steps(t, t.TempDir()+"/lego", "chat.example.com")
	step.ReuseKey = true
	moduletest.Converge(t, host, held)
	placeholderKey := mustRead(t, step.Key)
	moduletest.Converge(t, host, step)
	key, first := mustRead(t, step.Key), mustRead(t, step.Certificate)
	if key == placeholderKey {
		t.Error("the placeholder's key was taken")
	}
	renew := func() modules.Change {
		chain, err := parseChain([]byte(mustRead(t, step.Certificate)))
		if err != nil {
			t.Fatal(err)
		}
		text := `{"serial": "` + chain[0].SerialNumber.Text(16) + `", "directory": "` + step.Directory + `", "renewAt": "2020-01-01T00:00:00Z", "askAt": "2100-01-01T00:00:00Z"}`
		if err := os.WriteFile(step.originPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return moduletest.Converge(t, host, step)
	}
	f := &faulty{answer: page(429, "Retry-After", "7200"), path: "/order-plz"}
	f.left.Store(1000)
	l.fault.Store(f)
	renew()
	c := moduletest.Diff(t, host, step)
	if want := time.Now().Add(2 * time.Hour).UTC().Format("2006-01-02 15:0"); len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "asked again from "+want[:13]) {
		t.Errorf("notes %q, want that the CA is asked again from %s on", c.Notes, want)
	}
	l.fault.Store(nil)
	renew()
	if mustRead(t, step.Key) != key || mustRead(t, step.Certificate) == first {
		t.Error("not renewed with the same key")
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNonces: Pebble refuses every third nonce.
func TestNonces(t *testing.T) {
	l := newLab(t, "", "PEBBLE_WFE_NONCEREJECT=30")
	host := &moduletest.Host{}
	held, step := l.steps(t, t.TempDir()+"/lego", "chat.example.com")
	moduletest.Converge(t, host, held)
	moduletest.Converge(t, host, step)
}

package httpcheck

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

var plain = modules.Env{Sensitive: func(string) bool { return false }}

// build makes the step of args, with their defaults and a deadline that a test can wait for.
func build(t testing.TB, args Args, env modules.Env) *Step {
	t.Helper()
	if args.Method == "" {
		args.Method = "GET"
	}
	args.Interval, args.Deadline = "10ms", "100ms"
	step, err := New(args, env)
	if err != nil {
		t.Fatal(err)
	}
	return step.(*Step)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	refused := modules.WithHint(errors.New("the host's sshd refuses TCP forwarding"), "allow it")
	for _, test := range []struct {
		name  string
		is    answer
		isErr error
		edits []modules.Edit
	}{
		{name: "as wanted", is: answer{AsWanted: true, Text: "status 200"}},
		{
			name: "not as wanted", is: answer{Text: "connection refused"},
			edits: []modules.Edit{{
				Action: modules.Run, Subject: "wait for GET http://localhost:3000/", From: "connection refused", To: `status 200 or 204 and "ok" in the body`,
			}},
		},
		{name: "could not tell", isErr: refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := build(t, Args{URL: "http://localhost:3000/", Status: []int{200, 204}, BodyContains: "ok"}, plain)
			snapshot := observe.NewSnapshot()
			answers.Put(snapshot, step.Request, test.is, test.isErr)
			change, err := step.Diff(snapshot)
			if !errors.Is(err, test.isErr) {
				t.Fatalf("error %v", err)
			}
			want := modules.Change{Edits: test.edits}
			if test.edits != nil {
				want.Work = work{Step: step, Seen: test.is}
			}
			moduletest.WantChange(t, want, change)
		})
	}
}

// site answers as the tests below want it.
func site(t *testing.T) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "all is\nwell\n") })
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "database is away", http.StatusBadGateway) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.Host+" "+r.Header.Get("X-Token"))
	})
	mux.HandleFunc("/live", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	return mux
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(site(t))
	t.Cleanup(server.Close)
	secure := httptest.NewUnstartedServer(site(t))
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	t.Cleanup(secure.Close)
	address := strings.TrimPrefix(secure.URL, "https://")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	env := plain
	env.ReadFile = func(string) ([]byte, error) { return ca, nil }
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String() + "/"
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name string
		args Args
		want string // empty: as wanted
	}{
		{"ok", Args{URL: server.URL + "/ok"}, ""},
		{"from the controller", Args{URL: server.URL + "/ok", From: "controller"}, ""},
		{"body", Args{URL: server.URL + "/ok", BodyContains: "well"}, ""},
		{"another body", Args{URL: server.URL + "/ok", BodyContains: "ill"}, `status 200 and a body without "ill", which begins "all is"`},
		{"pattern", Args{URL: server.URL + "/ok", BodyRegexp: "(?m)^w.*l$"}, ""},
		{"no match", Args{URL: server.URL + "/ok", BodyRegexp: "^w"}, `status 200 and a body that does not match "^w", which begins "all is"`},
		{"down", Args{URL: server.URL + "/down"}, "status 502: database is away"},
		{"wanted 502", Args{URL: server.URL + "/down", Status: []int{502}}, ""},
		{"redirect", Args{URL: server.URL + "/moved"}, "status 302 to /ok"},
		{"redirect followed", Args{URL: server.URL + "/moved", FollowRedirects: true}, ""},
		{"headers", Args{
			URL: server.URL + "/host", Method: "POST", Headers: map[string]string{"host": "chat.example.com", "x-token": "hunter2"},
			BodyRegexp: "^POST chat.example.com hunter2$",
		}, ""},
		{"no websocket", Args{URL: "ws" + strings.TrimPrefix(server.URL, "http") + "/ok"}, "status 200: all is"},
		{"half a websocket", Args{URL: "wss" + strings.TrimPrefix(secure.URL, "https") + "/live", CAFile: "ca.pem"}, "status 101, but it doesn't accept the websocket (Sec-WebSocket-Accept)"},
		{"cut off", Args{URL: server.URL + "/cut"}, "the connection was closed without an answer"},
		{"nobody there", Args{URL: nobody}, strings.TrimSuffix(strings.TrimPrefix(nobody, "http://"), "/") + ": connection refused"},
		{"unknown authority", Args{URL: secure.URL + "/ok"}, "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"insecure", Args{URL: secure.URL + "/ok", Insecure: true}, ""},
		{"own authority", Args{URL: secure.URL + "/ok", CAFile: "ca.pem"}, ""},
		{"another address", Args{URL: "https://example.com/host", CAFile: "ca.pem", ConnectTo: address, BodyContains: "GET example.com"}, ""},
		{
			"certificate for another name",
			Args{URL: "https://example.org/ok", CAFile: "ca.pem", ConnectTo: address},
			"tls: failed to verify certificate: x509: certificate is valid for example.com, *.example.com, not example.org",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := build(t, test.args, env)
			is, err := step.Request.ask(t.Context(), (&moduletest.Host{}).Dial)
			if err != nil {
				t.Fatal(err)
			}
			if is.AsWanted != (test.want == "") || test.want != "" && is.Text != test.want {
				t.Errorf("answer %+v, want %q", is, test.want)
			}
		})
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 4 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	change := moduletest.Converge(t, &moduletest.Host{}, build(t, Args{URL: server.URL}, plain))
	if len(change.Edits) != 1 || change.Edits[0].From != "status 503: starting" {
		t.Errorf("change %+v", change)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(site(t))
	t.Cleanup(server.Close)
	step := build(t, Args{URL: server.URL + "/down"}, plain)
	err := step.Apply(t.Context(), &moduletest.Host{}, modules.Change{})
	want := "GET " + server.URL + "/down did not answer as expected within 100ms: status 502: database is away; expected status 200"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
	var hint *modules.HintError
	if wantHint := "See the server's log, and run `curl -v " + server.URL + "/down` on the host."; !errors.As(err, &hint) || hint.Hint != wantHint {
		t.Errorf("hint %+v\nwant %s", hint, wantHint)
	}
}

// TestForwarding: what sshd says to a tunnel, RFC 4254 section 5.1, as OpenSSH 9.2 words it.
func TestForwarding(t *testing.T) {
	t.Parallel()
	step := build(t, Args{URL: "http://127.0.0.1:3000/"}, plain)
	ask := func(reason ssh.RejectionReason, message string) (answer, error) {
		return step.Request.ask(t.Context(), func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("dial through the host: %w", &ssh.OpenChannelError{Reason: reason, Message: message})
		})
	}
	is, err := ask(ssh.ConnectionFailed, "Connection refused")
	if err != nil || is.AsWanted || is.Text != "connection refused" {
		t.Errorf("closed port: %+v, %v", is, err)
	}
	_, err = ask(ssh.Prohibited, "open failed")
	var hint *modules.HintError
	if !errors.As(err, &hint) || !strings.HasPrefix(err.Error(), "the host's sshd refuses TCP forwarding: ") || !strings.Contains(hint.Hint, "AllowTcpForwarding") {
		t.Errorf("forwarding refused: %v, hint %+v", err, hint)
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	step := build(t, Args{URL: "http://127.0.0.1:3000/"}, plain)
	if _, err := step.Request.ask(ctx, (&moduletest.Host{}).Dial); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: a run that was stopped says nothing about the server", err)
	}
}

func TestSensitive(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(site(t))
	t.Cleanup(server.Close)
	env := modules.Env{Sensitive: func(arg string) bool { return arg == "url" }}
	step := build(t, Args{URL: server.URL + "/down?token=hunter2", BodyContains: "hunter2"}, env)
	change := moduletest.Diff(t, &moduletest.Host{}, step)
	err := step.Apply(t.Context(), &moduletest.Host{}, change)
	var hint *modules.HintError
	errors.As(err, &hint)
	if text := fmt.Sprintf("%+v %v %+v", change, err, hint); strings.Contains(text, "hunter2") {
		t.Errorf("shows the secret: %s", text)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	env := plain
	env.ReadFile = func(string) ([]byte, error) { return []byte("no certificate"), nil }
	const ok = "http://localhost/"
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{URL: ok}, ""},
		{Args{URL: "localhost:3000"}, `url: must be an http, https, ws or wss URL, such as "http://127.0.0.1:3000/"`},
		{Args{URL: "http://a:hunter2@localhost/"}, "url: must not contain a user or password; give an Authorization header in headers"},
		{Args{URL: "http://[::1/hunter2"}, "url: is not a URL: missing ']' in host"},
		{Args{URL: ok, Status: []int{20}}, "status: must be from 100 to 599, not 20"},
		{Args{URL: ok, BodyRegexp: "("}, "body_regexp: error parsing regexp: missing closing ): `(`"},
		{Args{URL: ok, CAFile: "ca.pem"}, "ca_file: ca.pem holds no certificate in PEM format"},
		{Args{URL: ok, ConnectTo: "127.0.0.1"}, `connect_to: must be HOST:PORT, not "127.0.0.1"`},
		{Args{URL: ok, Headers: map[string]string{"X Y": "1"}}, `headers: has "X Y", which is not a valid header`},
		{Args{URL: ok, Interval: "2"}, `interval: must be a duration such as "90s" or "5m", not "2"`},
	} {
		if test.args.Interval == "" {
			test.args.Interval = "2s"
		}
		test.args.Deadline = "60s"
		_, err := New(test.args, env)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.args, got, test.want)
		}
		if strings.Contains(got, "hunter2") {
			t.Error("shows a secret")
		}
	}
}

package nginxsite

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// Served checks that nginx serves a certificate for a name. A reload returns before the workers have changed, and a running
// nginx that can't apply what it read (another program has the port) goes on as before and only logs that; so the proof is
// what a client gets.
type Served struct {
	Name        string // that the client asks for
	Certificate string // path on the host
}

var _ modules.Step = (*Served)(nil)

// address is where the site is asked, as seen from the host.
const address = "127.0.0.1:443"

// handshakeTimeout limits one handshake, switchTimeout the time that nginx takes to change its workers after a reload.
const (
	handshakeTimeout = 10 * time.Second
	switchTimeout    = 15 * time.Second
)

// answer is what a client gets.
type answer struct {
	Fingerprint string // SHA-256 of the first certificate, lowercase hex; empty if there is none
	Failure     string // why there is none
}

// tlsProbe asks which certificate is served for a name.
var tlsProbe = &observe.Probe[string, answer]{
	Name: "tls", Run: ask,
	Future: func(f *observe.Forecast, _ string, seen answer) observe.Outlook[answer] {
		o := observe.Outlook[answer]{Answer: observe.Answer[answer]{Value: seen}}
		if f.Knows(nginx.Unit) || seen.Failure != "" {
			const clause = nginx.Unit + " serves it by then"
			o.Or = append(o.Or, observe.Alternative[answer]{Answer: observe.Unknown[answer](clause), If: clause})
		}
		return o
	},
}

func ask(ctx context.Context, dial observe.Dial, name string) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := dial(limited, "tcp", address)
	if err == nil {
		defer func() { _ = conn.Close() }()
		// Any certificate is an answer: Diff compares it with the file.
		client := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err = client.HandshakeContext(limited); err == nil {
			return answer{Fingerprint: fingerprint(client.ConnectionState().PeerCertificates[0].Raw)}, nil
		}
	}
	if ctx.Err() != nil {
		return answer{}, ctx.Err()
	}
	return answer{Failure: err.Error()}, nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func (s *Served) question() observe.FileQuestion {
	return observe.FileQuestion{Path: s.Certificate, Content: true}
}

// Observe implements [modules.Step].
func (s *Served) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	tlsProbe.Ask(q, s.Name)
}

// Diff implements [modules.Step].
func (s *Served) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Certificate, err)
	}
	// nginx would follow a link, but its target isn't known here; the part service watches the files.
	if is.Type == observe.Symlink {
		return modules.Change{Notes: []string{s.Certificate + " is a link: rcprov does not check whether it is served"}}, nil
	}
	got, err := tlsProbe.Get(snapshot, s.Name)
	if err != nil {
		return modules.Change{}, fmt.Errorf("ask for the certificate of %s: %w", s.Name, err)
	}
	block, _ := pem.Decode(is.Content)
	switch {
	case got.Failure != "":
		return modules.NewChange(work{s, "nothing: " + got.Failure}), nil
	case is.Type == observe.Absent:
		return modules.NewChange(work{s, "another certificate"}), nil
	case block == nil:
		return modules.Change{}, fmt.Errorf("%s is not a certificate in PEM form", s.Certificate)
	case got.Fingerprint != fingerprint(block.Bytes):
		return modules.NewChange(work{s, "another certificate"}), nil
	}
	return modules.Change{}, nil
}

// work is a certificate that is not served yet.
type work struct {
	wanted *Served
	served string // what is served instead, for people
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	return []modules.Edit{{
		Action: modules.Run, Subject: "https://" + w.wanted.Name, Field: "certificate", From: w.served, To: w.wanted.Certificate,
	}}
}

// Apply implements [modules.Step]. Steps before this one have reloaded nginx when a file changed; the workers may just not
// have changed yet.
func (s *Served) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	modules.Progress(ctx, "waiting until %s is served", s.Name)
	read, err := modules.ReadPath(ctx, h, s.Certificate)
	if err == nil && read == nil {
		err = errors.New(s.Certificate + " is not there")
	}
	if err != nil {
		return modules.WithHint(fmt.Errorf("read the certificate: %w", err), "Put it there in an earlier block.")
	}
	block, _ := pem.Decode(read)
	if block == nil {
		return fmt.Errorf("%s is not a certificate in PEM form", s.Certificate)
	}
	want := fingerprint(block.Bytes)
	if got, err := s.wait(ctx, h, want, 2*time.Second); err != nil || got.Fingerprint == want {
		return err
	}
	if _, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "reload", nginx.Unit}}); err != nil {
		return err
	}
	got, err := s.wait(ctx, h, want, switchTimeout)
	if err != nil || got.Fingerprint == want {
		return err
	}
	return s.notServed(ctx, h, got)
}

// wait asks until the wanted certificate comes or the limit is over, and returns the last answer.
func (s *Served) wait(ctx context.Context, h modules.Host, want string, limit time.Duration) (got answer, err error) {
	err = wait.Until(ctx, wait.Pace{Every: 100 * time.Millisecond, Limit: limit}, func() (missing string, err error) {
		if got, err = ask(ctx, h.Dial, s.Name); err != nil || got.Fingerprint == want {
			return "", err
		}
		return "the certificate", nil
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		err = nil
	}
	return got, err
}

// notServed returns the error for a site that nginx accepted and doesn't serve: who has the port, and what nginx logged.
func (s *Served) notServed(ctx context.Context, h modules.Host, got answer) error {
	what := "another certificate is served"
	if got.Failure != "" {
		what = got.Failure
	}
	const script = `ss -Hltnp 'sport = :443' | sed 's/^/port 443: /'
tail -n 5 /var/log/nginx/error.log`
	result, err := h.Run(ctx, modules.Command{Script: script})
	text := fmt.Sprintf("%s at %s is not served with %s: %s", s.Name, address, s.Certificate, what)
	if lines := strings.TrimSpace(string(result.Stdout)); err == nil && lines != "" {
		text += "\n  " + strings.ReplaceAll(lines, "\n", "\n  ")
	}
	return modules.WithHint(errors.New(text), "nginx accepted the configuration. If another program has port 443, stop it; "+
		"if another site of nginx has the same name, remove one of them (`nginx -T | grep server_name`).")
}

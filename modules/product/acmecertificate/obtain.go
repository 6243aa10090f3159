package acmecertificate

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
	"github.com/go-acme/lego/v4/certificate"
	"github.com/go-acme/lego/v4/lego"
	legolog "github.com/go-acme/lego/v4/log"

	"github.com/rcprov/rcprov/modules"
)

// acmeLimit limits the exchange with a CA for one certificate, without the time that DNS takes.
const acmeLimit = 10 * time.Minute

// silence turns off lego's log, which the whole process shares and which goes to standard error.
var silence = sync.OnceFunc(func() { legolog.Logger = stdlog.New(io.Discard, "", 0) })

// Apply implements [modules.Step]. It asks the CA once, for the CA counts what it refuses; a second time only if the CA has
// trouble of its own. A renewal that fails while enough of the lifetime remains is noted beside the certificate, and tried again
// by a later run.
func (i *Issue) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if _, only := c.Work.(keyWork); only {
		return i.closeKey(ctx, h)
	}
	w := c.Work.(issueWork)
	limited, cancel := i.withLimit(ctx)
	defer cancel()
	err := i.getInTurn(limited, h, w)
	var refused *refusedError
	if w.Grace.IsZero() || ctx.Err() != nil || !errors.As(err, &refused) {
		return err
	}
	return i.tolerate(ctx, h, w, refused)
}

// refusedError says that there is no certificate because of the CA, the way to it, or the way from it to the host.
type refusedError struct {
	error
	after time.Duration // when the CA wants to be asked again, at the earliest
}

func (e *refusedError) Unwrap() error { return e.error }

// getInTurn is [Issue.get] while lego asks the name servers of the plan.
func (i *Issue) getInTurn(ctx context.Context, h modules.Host, w issueWork) error {
	if i.Challenge != "dns-01" {
		return i.get(ctx, h, w)
	}
	release, err := turns.take(ctx, i.resolver().servers)
	if err != nil {
		return ofHost(i.explainWithin(ctx, err, w.live()))
	}
	defer release()
	return i.get(ctx, h, w)
}

// get asks the CA for the certificate and stores it.
func (i *Issue) get(ctx context.Context, h modules.Host, w issueWork) error {
	if i.Challenge == "http-01" && i.SelfCheck {
		if err := i.checkReachable(ctx, h); err != nil {
			return ofHost(err)
		}
	}
	a, err := i.loadAccount(ctx, h)
	if err != nil {
		return i.explain(err, w.live())
	}
	var client *lego.Client
	var issued *certificate.Resource
	for attempt := 1; ; attempt++ {
		if client, err = i.connect(ctx, h, a); err == nil {
			modules.Progress(ctx, "asking the CA for a certificate for %s", i.Names[0])
			issued, err = i.obtain(ctx, h, client)
		}
		if err == nil {
			return i.store(ctx, h, client, issued)
		}
		if attempt > 1 || !passing(err) || ctx.Err() != nil {
			break
		}
		modules.Progress(ctx, "asking the CA once more: %v", err)
		select {
		case <-time.After(i.pause):
		case <-ctx.Done():
		}
	}
	after := retryAfter(err)
	err = ofHost(i.explainWithin(ctx, err, w.live()))
	if refused := (*refusedError)(nil); errors.As(err, &refused) {
		refused.after = after
	}
	return err
}

// ofHost returns err as a [*refusedError], unless it is about the host.
func ofHost(err error) error {
	var command *modules.CommandError
	var refused *modules.RefusedError
	if errors.As(err, &command) || errors.As(err, &refused) || errors.Is(err, modules.ErrUnreachable) {
		return err
	}
	return &refusedError{error: err}
}

// passingPause is how long to wait before a CA with trouble of its own is asked again.
const passingPause = 3 * time.Second

// passing reports whether a CA may do at once what it just didn't: it had an error of its own, or a connection ended.
func passing(err error) bool {
	var problem *acme.ProblemDetails
	if errors.As(err, &problem) {
		return problem.HTTPStatus >= http.StatusInternalServerError
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED)
}

// retryAfter returns how long a CA wants not to be asked again, as far as it says so (RFC 9110, section 10.2.3); a day at most.
func retryAfter(err error) time.Duration {
	var limited *acme.RateLimitedError
	if !errors.As(err, &limited) {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(limited.RetryAfter); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(limited.RetryAfter); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), 24*time.Hour)
}

// tolerate notes that a renewal failed, for [Issue.Diff]. Where too little of the lifetime remains, it returns the failure.
func (i *Issue) tolerate(ctx context.Context, h modules.Host, w issueWork, failed *refusedError) error {
	now, err := hostTime(ctx, h)
	if err != nil {
		return errors.Join(failed.error, err)
	}
	if !now.Before(w.Grace) {
		return failed.error
	}
	text, err := modules.ReadPath(ctx, h, i.Certificate)
	if err != nil {
		return errors.Join(failed.error, err)
	}
	note, err := modules.ReadPath(ctx, h, i.originPath())
	if err != nil {
		return errors.Join(failed.error, err)
	}
	chain, err := parseChain(text)
	if err != nil {
		return errors.Join(failed.error, err)
	}
	from := readOrigin(note, chain[0])
	from.Serial = chain[0].SerialNumber.Text(16)
	from.Failed = &failure{At: now.UTC(), Why: failed.Error(), RetryAt: now.Add(max(time.Hour, failed.after)).UTC()}
	if note, err = json.MarshalIndent(from, "", "\t"); err != nil {
		return err
	}
	return putFiles(ctx, h, "0700", []stored{{i.originPath(), append(note, '\n'), 0o600}})
}

// limit returns how long the whole exchange may take. That about DNS grows with the names, and takes the provider's own times.
func (i *Issue) limit() time.Duration {
	if i.Challenge != "dns-01" {
		return acmeLimit
	}
	p, err := i.dnsProvider()
	if err != nil {
		return acmeLimit // the exchange ends with this error
	}
	return termsOf(p).limit(i.Names, i.DNSWait)
}

// withLimit returns the context for an exchange with a CA, of which lego logs nothing. If it ends, its cause says what the exchange
// was at.
func (i *Issue) withLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	silence()
	var mu sync.Mutex
	at := "began"
	limit := i.limit()
	limited, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() {
		mu.Lock()
		defer mu.Unlock()
		cancel(fmt.Errorf("there was no certificate within %s; the last that was done: %s", modules.Span(limit), at))
	})
	return modules.WithProgress(limited, func(doing string) {
		mu.Lock()
		at = doing
		mu.Unlock()
		modules.Progress(ctx, "%s", doing)
	}), func() { timer.Stop(); cancel(context.Canceled) }
}

// explainWithin is [Issue.explain] for an error of an exchange that may have failed because ctx ended.
func (i *Issue) explainWithin(ctx context.Context, err error, live bool) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return i.explain(err, live)
}

// client returns a client of the CA with the host's account.
func (i *Issue) client(ctx context.Context, h modules.Host) (*lego.Client, error) {
	a, err := i.loadAccount(ctx, h)
	if err != nil {
		return nil, err
	}
	return i.connect(ctx, h, a)
}

// connect returns a client of the CA with an account, which the CA then has.
func (i *Issue) connect(ctx context.Context, h modules.Host, a *account) (*lego.Client, error) {
	if a.Registration != nil { // of an attempt before: lego would sign a question about the key as if it knew the answer
		a.stored, a.Registration = a.Registration, nil
	}
	config := &lego.Config{
		CADirURL: i.Directory, User: a, UserAgent: "rcprov",
		HTTPClient:  &http.Client{Timeout: 30 * time.Second, Transport: i.transport(ctx)},
		Certificate: lego.CertificateConfig{KeyType: i.KeyType, Timeout: time.Minute},
	}
	client, err := lego.NewClient(config)
	if err != nil {
		return nil, err
	}
	if err := i.setChallenge(ctx, h, client); err != nil {
		return nil, err
	}
	return client, i.register(ctx, h, client, a)
}

// transport returns the transport for requests to the CA, which all fail when ctx ends: lego's calls take no context.
func (i *Issue) transport(ctx context.Context) http.RoundTripper {
	t := transportTo(i.Roots)
	context.AfterFunc(ctx, t.CloseIdleConnections)
	return impatient{plain{bounded{ctx, t}}}
}

// transportTo returns the transport to a CA whose server has a certificate by one of roots, PEM; none: those of this machine.
func transportTo(roots []byte) *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 15 * time.Second,
		DialContext: (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
	}
	if len(roots) > 0 {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(roots)
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return t
}

// impatient makes lego ask after two seconds whether a challenge was met, and then less and less often, if the CA doesn't
// say when to ask (Let's Encrypt doesn't): lego's own five seconds are longer than most validations take.
type impatient struct{ next http.RoundTripper }

func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := i.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	challenge := slices.ContainsFunc(response.Header.Values("Link"), func(link string) bool { // RFC 8555, section 7.5.1
		return strings.Contains(link, `rel="up"`)
	})
	if challenge && response.Header.Get("Retry-After") == "" {
		response.Header.Set("Retry-After", "2")
	}
	return response, nil
}

// bounded ends each request when a context ends.
type bounded struct {
	ctx  context.Context
	next http.RoundTripper
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(b.ctx, cancel)
	response, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	response.Body = body{response.Body, func() { stop(); cancel() }}
	return response, nil
}

// body releases the resources of a request when it is closed.
type body struct {
	io.ReadCloser
	release func()
}

func (b body) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// obtain orders the certificate. If the CA supports it (RFC 9773, section 5), the order names the certificate on the host as
// the one that it replaces: such orders are exempt from rate limits.
func (i *Issue) obtain(ctx context.Context, h modules.Host, client *lego.Client) (*certificate.Resource, error) {
	request := certificate.ObtainRequest{Domains: i.Names, Bundle: true, Profile: i.Profile, PreferredChain: i.PreferredChain}
	replaced, err := i.replaced(ctx, h, client)
	if err != nil {
		return nil, err
	}
	request.ReplacesCertID = replaced
	if i.ReuseKey {
		if request.PrivateKey, err = i.presentKey(ctx, h); err != nil {
			return nil, err
		}
	}
	issued, err := client.Certificate.Obtain(request)
	if request.ReplacesCertID != "" && refusesSuccessor(err) {
		request.ReplacesCertID = ""
		issued, err = client.Certificate.Obtain(request)
	}
	return issued, err
}

// presentKey returns the key of the CA's certificate on the host, if it is of the wanted type; nil: there is none to use again.
func (i *Issue) presentKey(ctx context.Context, h modules.Host) (crypto.PrivateKey, error) {
	text, err := modules.ReadPath(ctx, h, i.Certificate)
	if err != nil {
		return nil, err
	}
	keyText, err := modules.ReadPath(ctx, h, i.Key)
	if err != nil {
		return nil, err
	}
	chain, err := parseChain(text)
	if err != nil || slices.Contains(chain[0].Subject.Organization, placeholder) || keyTypeOf(chain[0]) != i.KeyType {
		return nil, nil //nolint:nilerr // a new key it is
	}
	key, err := parseKey(keyText)
	if err != nil || !matches(chain[0], key) {
		return nil, nil //nolint:nilerr // the same
	}
	return key, nil
}

// refusesSuccessor reports whether a CA refused an order, maybe because of the certificate that it is to replace: that was
// replaced already, the CA doesn't know it (any more), another account got it, or whatever a CA may say; a plain order shows
// whether that was it. A limit is one for all orders, and trouble of its own has nothing to do with this one; what a CA says of a
// challenge that was not met is no answer to a request.
func refusesSuccessor(err error) bool {
	var problem *acme.ProblemDetails
	if !errors.As(err, &problem) {
		return false
	}
	var limited *acme.RateLimitedError
	if errors.As(err, &limited) || problem.HTTPStatus == http.StatusTooManyRequests || problem.HTTPStatus >= http.StatusInternalServerError {
		return false
	}
	return problem.Type == acme.AlreadyReplacedErr || problem.Method != ""
}

// replaced returns the ARI identifier of the certificate on the host; empty if another CA issued it, or it is for other
// names.
func (i *Issue) replaced(ctx context.Context, h modules.Host, client *lego.Client) (string, error) {
	text, err := modules.ReadPath(ctx, h, i.Certificate)
	if err != nil {
		return "", err
	}
	note, err := modules.ReadPath(ctx, h, i.originPath())
	if err != nil {
		return "", err
	}
	chain, err := parseChain(text)
	if err != nil || readOrigin(note, chain[0]).Directory != i.Directory || !sameNames(chain[0].DNSNames, i.Names) {
		return "", nil //nolint:nilerr // what can't be read is replaced, and no successor of anything
	}
	if _, err := client.Certificate.GetRenewalInfo(certificate.RenewalInfoRequest{Cert: chain[0]}); err != nil {
		return "", nil //nolint:nilerr // the CA has no ARI, or doesn't know the certificate: an ordinary order will do
	}
	return certificate.MakeARICertID(chain[0])
}

// store stores the certificate with its key, issuer and resource on the host, as lego does (cmd/certs_storage.go), and a
// note about its origin beside it.
func (i *Issue) store(ctx context.Context, h modules.Host, client *lego.Client, issued *certificate.Resource) error {
	chain, err := parseChain(issued.Certificate)
	if err != nil {
		return fmt.Errorf("what the CA issued %w", err)
	}
	from := origin{Serial: chain[0].SerialNumber.Text(16), Directory: i.Directory}
	from.RenewAt, from.AskAt = wishOf(client, chain[0])
	resource, err := json.MarshalIndent(issued, "", "\t")
	if err != nil {
		return err
	}
	note, err := json.MarshalIndent(from, "", "\t")
	if err != nil {
		return err
	}
	return putFiles(ctx, h, "0700", []stored{
		{i.Key, issued.PrivateKey, keyMode},
		{i.Certificate, issued.Certificate, 0o600},
		{i.base() + ".issuer.crt", issued.IssuerCertificate, 0o600},
		{i.base() + ".json", resource, 0o600},
		{i.originPath(), append(note, '\n'), 0o600},
	})
}

// wishOf asks the CA when it wants a certificate that it just issued to be renewed; a failure must not lose the certificate.
func wishOf(client *lego.Client, leaf *x509.Certificate) (at, again time.Time) {
	info, err := client.Certificate.GetRenewalInfo(certificate.RenewalInfoRequest{Cert: leaf})
	switch {
	case errors.Is(err, api.ErrNoARI):
		return time.Time{}, time.Now().Add(24 * time.Hour).UTC()
	case err != nil:
		return time.Time{}, time.Now().Add(failedPause).UTC()
	}
	return momentIn(info.SuggestedWindow, leaf), time.Now().Add(pauseFrom(info.RetryAfter)).UTC()
}

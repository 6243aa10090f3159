package jitsi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
)

// Login checks that a person who opens the page can log in: through nginx, by BOSH (XEP-0124, XEP-0206), as the page does; that
// prosody also answers by websocket (RFC 7395); and with tokens, that nobody can log in without one. A prosody that lacks a
// module of Lua runs, but lets nobody in; only a try shows that.
//
// The check itself completes no login, for which prosody 13 would make a file. Without tokens it is enough that prosody offers
// the login. With tokens it uses one that is valid except for the audience, which is verified last (luajwtjitsi.lib.lua of
// jitsi-meet: signature, expiry, issuer, audience).
type Login struct {
	Visitor visitor
}

var _ modules.Step = (*Login)(nil)

// A visitor is somebody who tries to log in.
type visitor struct {
	Domain string
	AppID  string // empty: without a token
	Secret modules.Secret
}

// nginxAddress is the address of the site, as seen from the host.
const nginxAddress = "127.0.0.1:443"

// entrance is the result of a visit.
type entrance struct {
	Login     string // why nobody can log in by BOSH; empty: one can
	NoToken   string // that one can log in without a token; empty: one can't, or needs none
	Websocket string // why there is no websocket; empty: there is one
}

// problem returns the first problem that people would meet; empty: none.
func (e entrance) problem() string {
	for _, p := range []string{e.Login, e.NoToken, e.Websocket} {
		if p != "" {
			return p
		}
	}
	return ""
}

var entrances = &observe.Probe[visitor, entrance]{Name: "login", Run: func(ctx context.Context, dial observe.Dial, v visitor) (entrance, error) {
	return v.visit(ctx, dial)
}, Future: observe.ProgramOf(
	func(visitor) string { return "" }, entrance{}, func(e entrance) bool { return e.problem() != "" },
)}

// visitTimeout limits a visit, endTimeout the end of its session.
const (
	visitTimeout = 10 * time.Second
	endTimeout   = 2 * time.Second
)

// visit makes all tries at the same time.
func (v visitor) visit(ctx context.Context, dial observe.Dial) (entrance, error) {
	limited, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, nginxAddress)
		},
		TLSClientConfig: &tls.Config{ServerName: v.Domain, InsecureSkipVerify: true}, // part "served" looks at the certificate
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var found entrance
	var group errgroup.Group
	group.Go(func() error {
		err := v.logIn(limited, client, true)
		var refused *refusal
		if errors.As(err, &refused) && v.AppID != "" && strings.Contains(refused.reason, "aud") {
			err = nil
		}
		found.Login = failure(err)
		return nil
	})
	if v.AppID != "" {
		group.Go(func() error {
			if v.logIn(limited, client, false) == nil {
				found.NoToken = "one can log in without a token"
			}
			return nil
		})
	}
	group.Go(func() error {
		found.Websocket = failure(v.websocket(limited, client))
		return nil
	})
	_ = group.Wait() // none returns an error: a failed login is an answer
	return found, ctx.Err()
}

// failure returns the text of an error, without the URL that net/http adds and that may contain a token.
func failure(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", modules.Span(visitTimeout))
	}
	return modules.Network(err).Error()
}

// body is the part of BOSH's wrapper around XMPP that matters here.
type body struct {
	Condition  string    `xml:"condition,attr"`
	Session    string    `xml:"sid,attr"`
	Mechanisms []string  `xml:"features>mechanisms>mechanism"`
	Success    *struct{} `xml:"success"`
	Failure    *struct {
		Reason []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	} `xml:"failure"`
}

// A refusal is prosody's answer to a login that it refuses.
type refusal struct{ reason string }

func (r *refusal) Error() string { return "prosody refuses the login: " + r.reason }

// logIn opens a session, logs in if tokens are required, and ends the session.
func (v visitor) logIn(ctx context.Context, client *http.Client, withToken bool) error {
	query := url.Values{"room": {"rcprov"}}
	if v.AppID != "" && withToken {
		token, err := v.token(time.Now())
		if err != nil {
			return err
		}
		query.Set("token", token)
	}
	address := "https://" + v.Domain + "/http-bind?" + query.Encode()
	random, err := rand.Int(rand.Reader, big.NewInt(1<<40))
	if err != nil {
		return err
	}
	request := random.Int64()
	send := func(ctx context.Context, attributes, content string) (body, error) {
		request++ // without a gap: prosody would wait for the missing one
		return post(ctx, client, address, fmt.Sprintf("<body xmlns='http://jabber.org/protocol/httpbind' rid='%d' %s>%s</body>", request, attributes, content))
	}
	session, err := send(ctx, "to='"+v.Domain+"' hold='1' wait='5' ver='1.6' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'", "")
	if err != nil {
		return err
	}
	if session.Session == "" {
		return fmt.Errorf("prosody opens no session for %s (%s)", v.Domain, session.Condition)
	}
	sid := "sid='" + session.Session + "'"
	defer func() { // otherwise it would end by itself, but a prosody that is stopped would wait a minute for that
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		_, _ = send(ending, sid+" type='terminate'", "")
	}()
	if !slices.Contains(session.Mechanisms, "ANONYMOUS") {
		return errNoWayIn
	}
	if v.AppID == "" {
		return nil
	}
	answer, err := send(ctx, sid, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
	switch {
	case err != nil:
		return err
	case answer.Success != nil:
		return nil
	case answer.Failure != nil:
		var words []string
		for _, reason := range answer.Failure.Reason {
			words = append(words, cmp.Or(reason.Text, reason.XMLName.Local))
		}
		return &refusal{strings.Join(words, ": ")} // "not-allowed: Invalid signature"
	}
	return errors.New("prosody doesn't answer the login")
}

var errNoWayIn = errors.New("prosody offers no login")

// post sends one body and reads the answer.
func post(ctx context.Context, client *http.Client, address, text string) (body, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(text))
	if err != nil {
		return body{}, err
	}
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	response, err := client.Do(request)
	if err != nil {
		return body{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return body{}, err
	}
	if response.StatusCode != http.StatusOK {
		return body{}, fmt.Errorf("status %d from /http-bind", response.StatusCode)
	}
	return parseBody(content)
}

func parseBody(content []byte) (body, error) {
	var b body
	if err := xml.NewDecoder(bytes.NewReader(content)).Decode(&b); err != nil {
		return body{}, fmt.Errorf("no XML from /http-bind: %w", err)
	}
	return b, nil
}

// tokenLife is how long the token is valid; the host's clock may be wrong by some minutes.
const tokenLife = time.Hour

// token returns a JSON web token (RFC 7519) as Rocket.Chat makes it, but without an audience.
func (v visitor) token(now time.Time) (string, error) {
	var parts []string
	for _, part := range []map[string]any{
		{"alg": "HS256", "typ": "JWT"},
		{"iss": v.AppID, "sub": v.Domain, "room": "*", "exp": now.Add(tokenLife).Unix()},
	} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	signed := strings.Join(parts, ".")
	mac := hmac.New(sha256.New, []byte(v.Secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// websocket opens a websocket.
func (v visitor) websocket(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+v.Domain+"/xmpp-websocket", nil)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "xmpp",
		"Sec-WebSocket-Key": base64.StdEncoding.EncodeToString([]byte("rcprov's request")), "Origin": "https://" + v.Domain,
	} {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close() // it has no body
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d from /xmpp-websocket", response.StatusCode)
	}
	return nil
}

// Observe implements [modules.Step].
func (s *Login) Observe(q *observe.Query) { entrances.Ask(q, s.Visitor) }

// Diff implements [modules.Step].
func (s *Login) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	found, err := entrances.Get(snapshot, s.Visitor)
	if err != nil {
		return modules.Change{}, fmt.Errorf("try to log in to %s: %w", s.Visitor.Domain, err)
	}
	if found.problem() == "" {
		return modules.Change{}, nil
	}
	return modules.NewChange(loginWork{Domain: s.Visitor.Domain, Tokens: s.Visitor.AppID != "", Found: found}), nil
}

// loginWork is the wait for a login.
type loginWork struct {
	Domain string
	Tokens bool // one needs a token
	Found  entrance
}

// Edits implements [modules.Work].
func (w loginWork) Edits() []modules.Edit {
	wanted := "everybody can log in"
	if w.Tokens {
		wanted = "one can log in with a token, and not without"
	}
	return []modules.Edit{{
		Action: modules.Run, Subject: "log in to " + w.Domain, Field: "wait", From: w.Found.problem(), To: wanted,
	}}
}

const loginPatience = time.Minute

// Apply implements [modules.Step]: it tries until the login works.
func (s *Login) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	pace := wait.Pace{Every: time.Second, Limit: loginPatience, For: "trying to log in to " + s.Visitor.Domain}
	err := wait.Until(ctx, pace, func() (missing string, err error) {
		found, err := s.Visitor.visit(ctx, h.Dial)
		return found.problem(), err
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		return withLogs(ctx, h, fmt.Errorf("log in to %s: %s", s.Visitor.Domain, late.Missing), prosodyLog)
	}
	return err
}

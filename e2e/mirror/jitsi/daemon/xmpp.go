package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/ping"
	"mellium.im/xmpp/stanza"
)

const (
	retryAfter   = 2 * time.Second // between logins; the originals wait 5 s
	replyTimeout = 5 * time.Second
)

// An account is the server and the login of a service.
type account struct {
	address  string // host:port
	domain   string
	user     string
	secret   string
	resource string
}

// A trust has the trusted certificates, as Java's trust store for the originals. It is read once, at the service's start.
type trust struct {
	pool *x509.CertPool
	all  [][]byte // DER
}

func loadTrust(file string) (*trust, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := &trust{pool: x509.NewCertPool()}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			t.pool.AddCert(certificate)
			t.all = append(t.all, block.Bytes)
		}
	}
	return t, nil
}

// verify accepts a certificate for domain that is itself trusted, even if it has expired, as Java does, or that was issued
// by a trusted one.
func (t *trust) verify(domain string, certificates []*x509.Certificate) error {
	leaf := certificates[0]
	if err := leaf.VerifyHostname(domain); err != nil {
		return err
	}
	for _, trusted := range t.all {
		if bytes.Equal(trusted, leaf.Raw) {
			return nil
		}
	}
	intermediates := x509.NewCertPool()
	for _, c := range certificates[1:] {
		intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: t.pool, Intermediates: intermediates}); err != nil {
		return fmt.Errorf("PKIX path building failed: %w", err)
	}
	return nil
}

// A client is a session of an account.
type client struct {
	session *xmpp.Session

	mu       sync.Mutex
	joining  map[string]chan error // by the JID that the client has in the room
	presence func(occupant)
}

// An occupant is a presence in a room.
type occupant struct {
	jid       jid.JID
	available bool
	isBridge  bool
}

// presenceStanza is a presence in a room, from and to it.
type presenceStanza struct {
	stanza.Presence
	Join  *struct{}     `xml:"http://jabber.org/protocol/muc x"`
	X     *xml.Name     `xml:"http://jabber.org/protocol/muc#user x"`
	Stats *bridgeStats  `xml:"http://jitsi.org/protocol/colibri stats"`
	Error *stanza.Error `xml:"error"`
}

// bridgeStats mark an occupant as a bridge.
type bridgeStats struct {
	Stat []stat `xml:"stat"`
}

type stat struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// keepLoggedIn logs an account in, again after each session's end, and calls use with each client. It calls presence for
// every presence in the rooms that the client joined.
func keepLoggedIn(ctx context.Context, a account, t *trust, presence func(occupant), use func(context.Context, *client) error) {
	for ctx.Err() == nil {
		if err := session(ctx, a, t, presence, use); err != nil && ctx.Err() == nil {
			log.Printf("WARNING: XMPP %s@%s at %s: %v", a.user, a.domain, a.address, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// session logs in once and returns when the session ends.
func session(ctx context.Context, a account, t *trust, presence func(occupant), use func(context.Context, *client) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &client{joining: map[string]chan error{}, presence: presence}
	if err := c.login(ctx, a, t); err != nil {
		return err
	}
	log.Printf("INFO: XMPP %s@%s: logged in", a.user, a.domain)
	context.AfterFunc(ctx, func() { _ = c.session.Conn().Close() })
	failed := make(chan error, 1)
	go func() {
		defer cancel()
		failed <- use(ctx, c)
	}()
	joined := xml.Name{Space: muc.NSUser, Local: "x"}
	err := c.session.Serve(mux.New(stanza.NSClient,
		ping.Handle(),
		mux.PresenceFunc(stanza.AvailablePresence, joined, c.handlePresence),
		mux.PresenceFunc(stanza.UnavailablePresence, joined, c.handlePresence),
		mux.PresenceFunc(stanza.ErrorPresence, xml.Name{Space: stanza.NSClient, Local: "error"}, c.handlePresence)))
	cancel()
	return errors.Join(<-failed, err)
}

func (c *client) login(ctx context.Context, a account, t *trust) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	origin, err := jid.New(a.user, a.domain, a.resource)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
	if err != nil {
		return err
	}
	c.session, err = xmpp.NewClientSession(ctx, origin, conn,
		xmpp.StartTLS(&tls.Config{
			ServerName:         a.domain,
			InsecureSkipVerify: true, // verified as Java does it, by VerifyConnection
			VerifyConnection:   func(s tls.ConnectionState) error { return t.verify(a.domain, s.PeerCertificates) },
		}),
		xmpp.SASL("", a.secret, sasl.ScramSha1),
		xmpp.BindResource())
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	return nil
}

// join enters a room, with the resource of me as the nickname; the server creates the room if there is none. It returns
// nil when the client is in the room. It must not be called before session serves the connection.
func (c *client) join(ctx context.Context, me jid.JID, stats *bridgeStats) error {
	ctx, cancel := context.WithTimeoutCause(ctx, replyTimeout, fmt.Errorf("no answer from %s", me.Bare()))
	defer cancel()
	answer := make(chan error, 1)
	c.mu.Lock()
	c.joining[me.String()] = answer
	c.mu.Unlock()
	err := c.session.Encode(ctx, presenceStanza{Presence: stanza.Presence{To: me}, Join: &struct{}{}, Stats: stats})
	if err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave leaves a room.
func (c *client) leave(ctx context.Context, me jid.JID) error {
	return c.session.Encode(ctx, stanza.Presence{To: me, Type: stanza.UnavailablePresence})
}

func (c *client) handlePresence(p stanza.Presence, r xmlstream.TokenReadEncoder) error {
	var full presenceStanza
	if err := xml.NewTokenDecoder(r).Decode(&full); err != nil {
		return err
	}
	c.mu.Lock()
	answer := c.joining[p.From.String()]
	delete(c.joining, p.From.String())
	c.mu.Unlock()
	if answer != nil {
		if p.Type == stanza.ErrorPresence && full.Error != nil {
			answer <- fmt.Errorf("join %s: %s", p.From, full.Error.Condition)
		} else {
			answer <- nil
		}
	}
	c.presence(occupant{jid: p.From, available: p.Type == stanza.AvailablePresence, isBridge: full.Stats != nil})
	return nil
}

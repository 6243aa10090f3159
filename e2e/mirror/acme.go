package mirror

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// ACME is Pebble, Let's Encrypt's ACME server for tests, inside this process. It validates HTTP-01 on port 80 and DNS-01
// for real, asks the name server at DNS, and gives renewal information (ARI). It refuses a nonce now and then, as Pebble
// does to teach clients to try again.
type ACME struct {
	Directory string
	DNS       string // IP:port of the name server, UDP and TCP; takes dynamic updates without a key for lab.test
	CAFile    string // PEM: CA of the server at Directory
	RootFile  string // PEM: root of the certificates issued; new at each start
	LogFile   string // Pebble's log

	dir     string
	names   *nameServer
	store   *db.MemoryStore
	server  *http.Server
	log     *os.File
	limited atomic.Int64 // Retry-After in nanoseconds; 0: orders are accepted
}

// Resolve sets the addresses of a host name, for the validation of challenges; without addresses the name doesn't exist.
// It may be called concurrently.
func (a *ACME) Resolve(name string, addresses ...netip.Addr) { a.names.resolve(name, addresses) }

// Delegate lets another DNS server answer for a zone, for the validation of challenges. It may be called concurrently.
func (a *ACME) Delegate(zone string, server netip.AddrPort) { a.names.delegate(zone, server) }

// SuggestRenewal makes the server suggest to renew a certificate that it issued between two times (RFC 9773).
func (a *ACME) SuggestRenewal(certificate *x509.Certificate, from, to time.Time) error {
	var info struct {
		SuggestedWindow struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
	}
	info.SuggestedWindow.Start, info.SuggestedWindow.End = from.UTC(), to.UTC()
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	return a.store.SetARIResponse(certificate.SerialNumber, string(text))
}

// LimitOrders makes the server refuse new orders as Let's Encrypt does above its rate limits, with a time to wait in whole
// seconds; 0 ends the limit. It may be called concurrently.
func (a *ACME) LimitOrders(retryAfter time.Duration) { a.limited.Store(int64(retryAfter)) }

// startACME starts the server on a free port of the IP address host. Its certificates are valid for validity.
func startACME(ctx context.Context, host string, validity time.Duration) (*ACME, error) {
	dir, err := os.MkdirTemp("", "rcprov-acme-")
	if err != nil {
		return nil, err
	}
	a := &ACME{
		CAFile: filepath.Join(dir, "ca.pem"), RootFile: filepath.Join(dir, "root.pem"), LogFile: filepath.Join(dir, "log"),
		dir: dir, store: db.NewMemoryStore(),
	}
	if err := a.start(ctx, host, validity); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *ACME) start(ctx context.Context, host string, validity time.Duration) error {
	var err error
	if a.log, err = os.Create(a.LogFile); err != nil {
		return err
	}
	if a.names, err = startNameServer(ctx, host); err != nil {
		return err
	}
	a.DNS = a.names.address
	certificate, err := serverCertificate(host)
	if err != nil {
		return err
	}
	// Pebble reads these from the environment alone. Without them it waits some seconds before it validates, and half of
	// the time accepts a name that was valid before without validating it.
	if err := errors.Join(os.Setenv("PEBBLE_VA_NOSLEEP", "1"), os.Setenv("PEBBLE_AUTHZREUSE", "0")); err != nil {
		return err
	}
	logger := log.New(a.log, "", log.LstdFlags)
	// One profile: for an order that names none, Pebble picks any.
	authority := ca.New(logger, a.store, "", "ecdsa", 0, 1, map[string]ca.Profile{
		"classic": {Description: "the only one", ValidityPeriod: uint64(validity / time.Second)},
	})
	validation := va.New(logger, 80, 443, false, a.names.address, a.store)
	frontEnd := wfe.New(logger, a.store, validation, authority, []string{"pebble.letsencrypt.org"}, false, false, 0, 0)
	if err := errors.Join(
		os.WriteFile(a.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o644),
		os.WriteFile(a.RootFile, authority.GetRootCert(0).PEM(), 0o644)); err != nil {
		return err
	}
	listener, err := listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	a.Directory = "https://" + listener.Addr().String() + wfe.DirectoryPath
	a.server = &http.Server{
		Handler: a.limit(frontEnd.Handler()), ErrorLog: logger, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	go func() { _ = a.server.ServeTLS(listener, "", "") }() // ends with close
	return nil
}

// limit refuses new orders while there is a limit. The problem document is that of RFC 8555, 6.6 and 6.7.
func (a *ACME) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait := time.Duration(a.limited.Load())
		if wait == 0 || !strings.HasPrefix(r.URL.Path, "/order-plz") { // Pebble's path for new orders
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())))
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		// Let's Encrypt's words. The client may be gone.
		_, _ = fmt.Fprintf(w, `{"type": "urn:ietf:params:acme:error:rateLimited", "status": 429, "detail": `+
			`"too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after %s"}`,
			time.Now().Add(wait).UTC().Format("2006-01-02 15:04:05 MST"))
	})
}

// close stops the server and removes its files. Idle goroutines of Pebble stay.
func (a *ACME) close() error {
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Close())
	}
	if a.names != nil {
		errs = append(errs, a.names.close())
	}
	if a.log != nil {
		errs = append(errs, a.log.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}

// serverCertificate returns a self-signed certificate for an IP address.
func serverCertificate(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "rcprov lab, ACME server"},
		IPAddresses:  []net.IP{net.ParseIP(host)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

package mongodb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestVerifies: a remote server must have a certificate of the plan's authority for its name before it gets anything; the host's
// own, at the loopback address, need not.
func TestVerifies(t *testing.T) {
	t.Parallel()
	certificate, authority := selfSigned(t, "db1.example.com")
	_, other := selfSigned(t, "db1.example.com")
	for _, test := range []struct{ name, address, cas, err string }{
		{"right", "db1.example.com:27017", authority, ""},
		{"another name", "db2.example.com:27017", authority, "the certificate of db2.example.com:27017: x509: certificate is valid for db1.example.com, not db2.example.com"},
		{"another authority", "db1.example.com:27017", other, "the certificate of db1.example.com:27017: x509: certificate signed by unknown authority"},
		{"controller's authorities", "db1.example.com:27017", "", "the certificate of db1.example.com:27017: x509: certificate signed by unknown authority"},
		{"loopback", "127.0.0.1:27017", "", ""},
		{"loopback of IPv6", "[::1]:27017", "", ""},
	} {
		got := make(chan bool, 1) // whether the handshake was done
		dial := func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate}})
				select {
				case got <- server.Handshake() == nil:
				default:
				}
				_ = far.Close()
			}()
			return near, nil
		}
		client, err := Connect(dial, Server{TLS: true, CAs: test.cas}.At(test.address), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if test.err == "" { // nothing answers after the handshake
			go func() {
				got <- <-got
				cancel()
			}()
		}
		err = client.Admin(ctx, bson.D{{Key: "hello", Value: 1}}, nil)
		cancel()
		client.Close()
		if test.err == "" && !<-got {
			t.Errorf("%s: no handshake", test.name)
		}
		if test.err != "" && (!strings.HasPrefix(moduletest.ErrorText(err), test.err) || NotAnswering(err)) {
			t.Errorf("%s: %v, want %s", test.name, err, test.err)
		}
	}
}

// selfSigned returns a certificate that is its own authority, and that in PEM.
func selfSigned(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Package mongodb observes and configures a mongod, through the official driver and a tunnel: a library for modules.
// Every connection is a direct one, to one member: the driver, which runs on the controller, could not
// reach the others by the names under which they know each other.
package mongodb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// A Server is a mongod as seen from a host.
type Server struct {
	Address string // host:port
	TLS     bool   // it wants TLS
	CAs     string // PEM of the authorities to trust, with TLS; empty: those of the controller
}

// At is another server of the same kind, at another address.
func (s Server) At(address string) Server {
	s.Address = address
	return s
}

// Loopback is the mongod of the host itself. What comes from there may use the localhost exception.
func Loopback(port int, tls bool) Server {
	return Server{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), TLS: tls}
}

// A Login is a user of the server with a password.
type Login struct {
	User     string
	Database string // where the user is defined: "admin"
	Password modules.Secret
}

// connectTimeout bounds the way to a member that doesn't answer at all: a host that is down.
const connectTimeout = 5 * time.Second

// A Client is a connection to one server. Close it.
type Client struct {
	client *mongo.Client
	dialer *dialer
}

// Connect prepares a connection; what is wrong with the way, the server or the login shows at the first command. login
// is nil for a connection without a user.
func Connect(dial observe.Dial, server Server, login *Login) (*Client, error) {
	d := &dialer{dial: dial, address: server.Address, failed: make(chan struct{})}
	o := options.Client().
		SetHosts([]string{server.Address}).SetDirect(true).SetDialer(d).SetAppName("rcprov").
		SetConnectTimeout(connectTimeout).SetServerSelectionTimeout(2 * connectTimeout).
		SetServerMonitoringMode("poll"). // one connection less through the tunnel than "stream"
		SetMaxPoolSize(1).SetRetryReads(false).SetRetryWrites(false)
	if server.TLS {
		var err error
		if d.tls, err = server.config(); err != nil {
			return nil, err
		}
	}
	if login != nil {
		o.SetAuth(options.Credential{
			AuthSource: login.Database, Username: login.User, Password: string(login.Password), PasswordSet: true,
		})
	}
	client, err := mongo.Connect(o)
	if err != nil {
		return nil, err
	}
	return &Client{client, d}, nil
}

// config returns how the server is verified: by the name in its address, unless that is the host itself, to which SSH leads.
// Passwords of users are set over these connections, so that another server must not get them.
func (s Server) config() (*tls.Config, error) {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		config.InsecureSkipVerify = true
		return config, nil
	}
	if s.CAs != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(s.CAs)) {
			return nil, errors.New("the file of authorities has no certificate")
		}
	}
	return config, nil
}

// Close ends the connection.
func (c *Client) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // also when the caller's context has ended
	defer cancel()
	_ = c.client.Disconnect(ctx) // nothing is left to lose
}

// Run runs a command on a database and decodes the reply into reply, unless that is nil. The error says at once when
// nothing answers, while the driver alone would try again until its timeout; see [Code] and [NotAnswering].
func (c *Client) Run(ctx context.Context, database string, command bson.D, reply any) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.dialer.failed:
			cancel()
		case <-ctx.Done():
		}
	}()
	result := c.client.Database(database).RunCommand(ctx, command)
	err := result.Err()
	if err == nil && reply != nil {
		err = result.Decode(reply)
	}
	if err != nil {
		select {
		case <-c.dialer.failed:
			var stranger *tls.CertificateVerificationError
			if errors.As(c.dialer.err, &stranger) {
				return modules.WithHint(fmt.Errorf("the certificate of %s: %w", c.dialer.address, stranger.Err),
					"Give ca_file, the certificate of the authority that signs those of the servers; a server's must be for the name by which the members know it.")
			}
			return &NoAnswerError{Address: c.dialer.address, Err: c.dialer.err}
		default:
		}
	}
	return err
}

// Admin runs a command on the database admin.
func (c *Client) Admin(ctx context.Context, command bson.D, reply any) error {
	return c.Run(ctx, "admin", command, reply)
}

// A NoAnswerError says that there is no way to a server.
type NoAnswerError struct {
	Address string
	Err     error
}

func (e *NoAnswerError) Error() string { return e.Err.Error() }

func (e *NoAnswerError) Unwrap() error { return e.Err }

// NotAnswering reports whether err says that nothing answers as a MongoDB server does at the address.
func NotAnswering(err error) bool {
	var none *NoAnswerError
	return errors.As(err, &none) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded)
}

// dialer dials as a host does, and remembers why it could not.
type dialer struct {
	dial    observe.Dial
	address string
	tls     *tls.Config   // nil: without TLS
	failed  chan struct{} // closed with err
	err     error
	once    sync.Once
}

// DialContext implements [options.Dialer].
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := d.dial(ctx, network, address)
	if err == nil && d.tls != nil {
		// Here and not by the driver, which would try again until its timeout.
		secured := tls.Client(conn, d.tls)
		if err = secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
		}
		conn = secured
	}
	if err != nil {
		d.once.Do(func() {
			d.err = err
			close(d.failed)
		})
	}
	return conn, err
}

// Codes of the server's errors, src/mongo/base/error_codes.yml.
const (
	Unauthorized            = 13
	AuthenticationFailed    = 18
	NodeNotFound            = 74
	InvalidReplicaSet       = 93
	NotYetInitialized       = 94
	ConfigurationInProgress = 109
)

// Code returns the code of a server's error, also of one at login; 0 for other errors.
func Code(err error) int {
	var e mongo.CommandError
	if errors.As(err, &e) {
		return int(e.Code)
	}
	return 0
}

// Passing reports whether a command that ended with err may succeed when it is tried again: there is an election, a
// reconfiguration under way, a member not reachable yet.
func Passing(err error) bool {
	passing := []int{
		NodeNotFound, ConfigurationInProgress,
		6, 7, 64, 89, 91, 189, 9001, 10107, 11600, 11602, 13435, 13436, // network, shutdown, elections (error_codes.yml)
		308, // CurrentConfigNotCommittedYet
	}
	return NotAnswering(err) || slices.Contains(passing, Code(err))
}

// HostPort returns a member's name as replica sets have it, host:port; port is for names without one.
func HostPort(member string, port int) (string, error) {
	host, given, err := net.SplitHostPort(member)
	if err != nil { // no port
		host, given = strings.Trim(member, "[]"), strconv.Itoa(port)
	}
	if n, err := strconv.Atoi(given); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q has a port that is not from 1 to 65535", member)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(ip.String(), given), nil
	}
	if host == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", fmt.Errorf("%q is not a host with a port", member)
	}
	return net.JoinHostPort(strings.ToLower(host), given), nil
}

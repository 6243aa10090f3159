package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// TestMongoDB takes three hosts from the apt repository to a replica set with authentication.
func TestMongoDB(t *testing.T) {
	m := require(t).MongoDB
	hosts := make([]*lab.Host, 3)
	for i := range hosts {
		hosts[i] = labtest.Launch(t, "debian-12-wine")
	}
	installed := t.Run("install", func(t *testing.T) {
		for _, h := range hosts {
			t.Run(h.Name, func(t *testing.T) {
				t.Parallel()
				installMongoDB(t, m, h)
			})
		}
	})
	if !installed {
		return
	}
	t.Run("package", func(t *testing.T) { testMongoDBPackage(t, m, hosts[0]) })
	t.Run("key file", func(t *testing.T) { testKeyFileMode(t, hosts[0]) })
	t.Run("replica set", func(t *testing.T) { testReplicaSet(t, hosts) })
}

// TestMongoDB6 checks the Linux build in the places where the package of 7.0 imitates it, and that it runs on all releases.
func TestMongoDB6(t *testing.T) {
	m := require(t).MongoDB6
	for _, image := range labtest.Images(t) {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			h := labtest.Launch(t, image)
			must(t, h, "apt-get -q update") // libcurl4 is Debian's
			installMongoDB(t, m, h)
			t.Run("package", func(t *testing.T) { testMongoDBPackage(t, m, h) })
			t.Run("key file", func(t *testing.T) { testKeyFileMode(t, h) })
			t.Run("replica set", func(t *testing.T) { makeReplicaSet(t, h) })
		})
	}
}

// installMongoDB installs the server from the mirror as MongoDB's manual says.
func installMongoDB(t *testing.T, m mirror.MongoDB, h *lab.Host) {
	t.Helper()
	must(t, h, fmt.Sprintf(`set -e
install -d /etc/apt/keyrings
rm -f /etc/apt/keyrings/mongodb.asc # apt-helper keeps a file unless the server's is newer, in whole seconds
/usr/lib/apt/apt-helper -q download-file %s /etc/apt/keyrings/mongodb.asc
chmod 644 /etc/apt/keyrings/mongodb.asc
cat >/etc/apt/sources.list.d/mongodb.sources <<'END'
Types: deb
URIs: %s
Suites: %s
Components: %s
Architectures: amd64
Signed-By: /etc/apt/keyrings/mongodb.asc
END
apt-get -q --error-on=any update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/mongodb.sources -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 >update.log 2>&1
! grep '^W:' update.log
DEBIAN_FRONTEND=noninteractive apt-get -q -y install mongodb-org=%[5]s mongodb-org-server=%[5]s 2>&1
`, m.KeyURL, m.URI, m.Suite, m.Component, m.Version))
}

// testMongoDBPackage checks the host right after the installation, and the server with the package's configuration.
func testMongoDBPackage(t *testing.T, m mirror.MongoDB, h *lab.Host) {
	if got := must(t, h, "systemctl is-enabled mongod; systemctl is-active mongod; true"); got != "disabled\ninactive\n" {
		t.Errorf("the unit after the installation: %q", got)
	}
	if got := must(t, h, "mongod --version"); !strings.HasPrefix(got, "db version v"+m.Version) {
		t.Errorf("mongod --version: %q", got)
	}
	must(t, h, "dpkg-query -W -f '${Conffiles}' mongodb-org-server | grep -q '^ /etc/mongod.conf '")
	must(t, h, "systemctl start mongod")
	if got := hello(t, connect(t, h)); got.SetName != "" || !got.Writable {
		t.Errorf("with an unchanged mongod.conf: %+v", got)
	}
	must(t, h, "systemctl restart mongod")
	hello(t, connect(t, h))
	must(t, h, "systemctl stop mongod; systemctl is-failed -q mongod && exit 1; exit 0")
}

// testKeyFileMode checks what the Linux build does with a key file that others can read; the Windows build doesn't do it
// by itself. It leaves a configuration for a replica set.
func testKeyFileMode(t *testing.T, h *lab.Host) {
	configure(t, h)
	must(t, h, "chmod 644 /etc/mongod.key; systemctl start mongod")
	must(t, h, "for i in $(seq 50); do systemctl is-failed -q mongod && exit 0; sleep .1; done; exit 1")
	if got := must(t, h, "systemctl show -P ExecMainStatus mongod"); got != "1\n" {
		t.Errorf("exit status with a key file that all can read: %s", got)
	}
	must(t, h, "tail -n 4 /var/log/mongodb/mongod.log | grep -q 'permissions on /etc/mongod.key are too open'")
	must(t, h, `tail -n 1 /var/log/mongodb/mongod.log | grep -q '"F",.*"Location5579201: Unable to acquire security key\[s\]"'`)
}

// configure writes the configuration of a member and the key file of the set. It has an option that the Windows build
// doesn't know.
func configure(t *testing.T, h *lab.Host) {
	t.Helper()
	must(t, h, fmt.Sprintf(`set -e
cat >/etc/mongod.conf <<'END'
storage:
  dbPath: /var/lib/mongodb
systemLog:
  destination: file
  logAppend: true
  path: /var/log/mongodb/mongod.log
net:
  port: 27017
  unixDomainSocket:
    enabled: true
    pathPrefix: /run/mongodb
  bindIp: 127.0.0.1,%s
processManagement:
  timeZoneInfo: /usr/share/zoneinfo
security:
  keyFile: /etc/mongod.key
replication:
  replSetName: rs0
END
printf 'abcdefghijklmnopqrstuvwxyz0123456789' >/etc/mongod.key
chown mongodb:mongodb /etc/mongod.key
chmod 400 /etc/mongod.key
`, h.Address))
}

// testReplicaSet makes a set of all hosts, with a user, and kills the primary.
func testReplicaSet(t *testing.T, hosts []*lab.Host) {
	ctx := t.Context()
	var members bson.A
	for i, h := range hosts {
		configure(t, h)
		must(t, h, "sed -i 's/^processManagement:/&\\n  fork: true/' /etc/mongod.conf; systemctl restart mongod") // another such option
		hello(t, connect(t, h))                                                                                   // all members must answer before the set is initiated
		members = append(members, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: h.Address + ":27017"}})
	}
	first := connect(t, hosts[0])
	if got := run(ctx, first, bson.D{{Key: "replSetGetStatus", Value: 1}}); code(got) != 94 {
		t.Fatalf("status before initiation: %v; want NotYetInitialized (94)", got)
	}
	if err := run(ctx, first, bson.D{{Key: "replSetInitiate", Value: bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: members}}}}); err != nil {
		t.Fatal(err)
	}
	primary := waitForPrimary(t, hosts)
	onPrimary := connect(t, primary)
	err := run(ctx, onPrimary, bson.D{{Key: "createUser", Value: "root"}, {Key: "pwd", Value: "secret"}, {Key: "roles", Value: bson.A{"root"}}})
	if err != nil {
		t.Fatalf("first user through the localhost exception: %v", err)
	}
	if err := run(ctx, onPrimary, bson.D{{Key: "createUser", Value: "second"}, {Key: "pwd", Value: "x"}, {Key: "roles", Value: bson.A{}}}); code(err) != 13 {
		t.Errorf("second user without a password: %v; want Unauthorized (13)", err)
	}
	if _, err := tryHello(ctx, connect(t, primary, "root", "wrong")); code(err) != 18 {
		t.Errorf("wrong password: %v; want AuthenticationFailed (18)", err)
	}

	things := connect(t, primary, "root", "secret").Database("lab").Collection("things", options.Collection().SetWriteConcern(writeconcern.Majority()))
	if _, err := things.InsertOne(ctx, bson.D{{Key: "_id", Value: "thing"}}); err != nil {
		t.Fatal(err)
	}
	must(t, primary, "systemctl kill -s KILL mongod; systemctl reset-failed mongod; true")
	var others []*lab.Host
	for _, h := range hosts {
		if h != primary {
			others = append(others, h)
		}
	}
	next := waitForPrimary(t, others)
	must(t, primary, "systemctl start mongod")
	for _, h := range []*lab.Host{next, primary} {
		things := connect(t, h, "root", "secret").Database("lab").Collection("things")
		if err := things.FindOne(ctx, bson.D{{Key: "_id", Value: "thing"}}).Err(); err != nil {
			t.Errorf("on %s after the restart: %v", h.Name, err)
		}
	}
}

// waitForPrimary returns the host whose mongod is the primary.
func waitForPrimary(t *testing.T, hosts []*lab.Host) *lab.Host {
	t.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(200 * time.Millisecond) {
		for _, h := range hosts {
			if hello(t, connect(t, h)).Writable {
				t.Logf("primary after %s", time.Since(start).Round(time.Millisecond))
				return h
			}
		}
	}
	t.Fatal("no primary after a minute")
	return nil
}

// A helloReply is what a member tells without a login.
type helloReply struct {
	SetName  string `bson:"setName"`
	Writable bool   `bson:"isWritablePrimary"`
}

func hello(t *testing.T, c *mongo.Client) helloReply {
	t.Helper()
	reply, err := tryHello(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func tryHello(ctx context.Context, c *mongo.Client) (reply helloReply, err error) {
	return reply, c.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&reply)
}

// run runs a command on database admin.
func run(ctx context.Context, c *mongo.Client, command bson.D) error {
	return c.Database("admin").RunCommand(ctx, command).Err()
}

// code returns the server's code of an error, also at login; 0 for other errors.
func code(err error) int32 {
	var e mongo.CommandError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// connect returns a client of the mongod on a host, through an SSH tunnel to the host's loopback address; credentials are
// user and password. Client and tunnel end with the test.
func connect(t *testing.T, h *lab.Host, credentials ...string) *mongo.Client {
	t.Helper()
	pem, err := os.ReadFile(h.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	tunnel, err := ssh.Dial("tcp", net.JoinHostPort(h.Address, fmt.Sprint(h.Port)), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tunnel.Close() })
	o := options.Client().ApplyURI("mongodb://127.0.0.1:27017/?directConnection=true").
		SetServerSelectionTimeout(30 * time.Second).SetDialer(dialer{tunnel})
	if credentials != nil {
		o.SetAuth(options.Credential{AuthSource: "admin", Username: credentials[0], Password: credentials[1]})
	}
	client, err := mongo.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = client.Disconnect(ctx) // mongod may be down
	})
	return client
}

// A dialer dials from the other end of a tunnel.
type dialer struct{ tunnel *ssh.Client }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.tunnel.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return noDeadline{conn}, nil
}

// A noDeadline is a connection through a tunnel, which has no deadlines: to set one has no effect.
type noDeadline struct{ net.Conn }

func (noDeadline) SetDeadline(time.Time) error      { return nil }
func (noDeadline) SetReadDeadline(time.Time) error  { return nil }
func (noDeadline) SetWriteDeadline(time.Time) error { return nil }

package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// A database is some hosts for a replica set, and a laptop with a plan for them.
type database struct {
	t         *testing.T
	hosts     []*lab.Host
	laptop    *rcprov.Laptop
	mirror    mirror.MongoDB
	preflight string // argument of the step mongod
}

// set is what the plan says of the replica set.
type set struct {
	members  int // the first ones of the hosts
	name     string
	admin    string // passwords
	previous string
	chat     string
	deadline string
}

// launchDatabase boots hosts for the lab's MongoDB 6.0, which MongoDB doesn't have for their release; with MIRROR=vendor
// for what MongoDB has.
func launchDatabase(t *testing.T, count int) *database {
	t.Helper()
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, mirror: m.MongoDB}
	if !m.Vendor {
		d.mirror, d.preflight = m.MongoDB6, `preflight = { release = "warn" }`
	}
	image := labtest.Images(t)[0]
	for range count {
		d.hosts = append(d.hosts, labtest.Launch(t, image))
	}
	if d.laptop, err = rcprov.NewLaptop(t.TempDir(), d.hosts...); err != nil {
		t.Fatal(err)
	}
	return d
}

// write writes plan.hcl.
func (d *database) write(s set) {
	d.t.Helper()
	var plan strings.Builder
	var hosts []string
	for i, h := range d.hosts {
		plan.WriteString(rcprov.HostBlock(h, fmt.Sprintf("m%d", i+1)))
		hosts = append(hosts, fmt.Sprintf("host.m%d", i+1))
	}
	previous := ""
	if s.previous != "" {
		previous = fmt.Sprintf("admin_previous_password = %q", s.previous)
	}
	fmt.Fprintf(&plan, `
play "database" {
  hosts = [%s]

  mongod "rs" {
    version        = %q
    replica_set    = %q
    key_file       = "abcdefghijklmnopqrstuvwxyz0123456789"
    cache_size_gb  = 0.25
    repository_uri = %s
    key_url        = %s
    fingerprints   = %s
    %s
  }
  mongo_replica_set "rs" {
    name           = %q
    admin_password = %q
    %s
    deadline       = %q
    user "chat" {
      password = %q
      roles    = ["readWrite@rocketchat"]
    }
  }
}
`, strings.Join(hosts[:s.members], ", "), d.mirror.Series, s.name, text(d.mirror.URI), text(d.mirror.KeyURL), list(d.mirror.Fingerprint),
		d.preflight, s.name, s.admin, previous, s.deadline, s.chat)
	if _, err := d.laptop.WriteFile("plan.hcl", plan.String()); err != nil {
		d.t.Fatal(err)
	}
}

// apply applies plan.hcl and wants an exit status; no output may show a password.
func (d *database) apply(s set, exit int) rcprov.Run {
	d.t.Helper()
	d.write(s)
	r := apply(d.t, d.laptop, exit)
	d.t.Logf("apply with %d members: %d steps changed in %s", s.members, len(changed(d.t, r)), r.Duration.Round(time.Millisecond))
	for _, secret := range []string{s.admin, s.previous, s.chat, "abcdefghijklmnopqrstuvwxyz0123456789"} {
		if secret != "" && strings.Contains(r.Stdout+r.Stderr, secret) {
			d.t.Errorf("the output shows %q:\n%v", secret, r)
		}
	}
	return r
}

// quiet wants an apply that changes nothing.
func (d *database) quiet(s set) {
	d.t.Helper()
	if steps := changed(d.t, d.apply(s, 0)); steps != nil {
		d.t.Errorf("a second apply changed %q", steps)
	}
}

// connect returns a client of the server on a host, with whatever login the test wants to try.
func (d *database) connect(h *lab.Host, user, password string) *mongo.Client {
	d.t.Helper()
	o := options.Client().SetHosts([]string{h.Address + ":27017"}).SetDirect(true).SetServerSelectionTimeout(15 * time.Second)
	if user != "" {
		o.SetAuth(options.Credential{AuthSource: "admin", Username: user, Password: password})
	}
	client, err := mongo.Connect(o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// code is what came of a command on the database admin: 0, or the server's code.
func (d *database) code(c *mongo.Client, command string) int32 {
	d.t.Helper()
	err := c.Database("admin").RunCommand(d.t.Context(), bson.D{{Key: command, Value: 1}}).Err()
	var e mongo.CommandError
	if err != nil && !errors.As(err, &e) {
		d.t.Fatal(err)
	}
	return e.Code
}

// voters returns the addresses of the members that have a vote, in order, and wants no others.
func (d *database) voters(h *lab.Host, admin string) []string {
	d.t.Helper()
	var reply struct {
		Config struct {
			Members []struct {
				Host  string
				Votes int
			}
		}
	}
	err := d.connect(h, "admin", admin).Database("admin").RunCommand(d.t.Context(), bson.D{{Key: "replSetGetConfig", Value: 1}}).Decode(&reply)
	if err != nil {
		d.t.Fatal(err)
	}
	var hosts []string
	for _, m := range reply.Config.Members {
		if m.Votes != 1 {
			d.t.Errorf("%s has %d votes", m.Host, m.Votes)
		}
		hosts = append(hosts, m.Host)
	}
	slices.Sort(hosts)
	return hosts
}

func (d *database) wantVoters(via *lab.Host, admin string, hosts ...*lab.Host) {
	d.t.Helper()
	var want []string
	for _, h := range hosts {
		want = append(want, h.Address+":27017")
	}
	slices.Sort(want)
	if got := d.voters(via, admin); !slices.Equal(got, want) {
		d.t.Errorf("members %q, want %q", got, want)
	}
}

// stepsDown waits until the server of a host is no primary.
func (d *database) stepsDown(h *lab.Host) {
	d.t.Helper()
	client := d.connect(h, "", "")
	for range 300 {
		var hello struct {
			IsWritablePrimary bool `bson:"isWritablePrimary"`
		}
		if err := client.Database("admin").RunCommand(d.t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err == nil && !hello.IsWritablePrimary {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.t.Fatalf("%s is still the primary", h.Name)
}

// TestMongoOneMember takes one host from bare to a set with authentication, and changes passwords and names.
func TestMongoOneMember(t *testing.T) {
	t.Parallel()
	d := launchDatabase(t, 1)
	h, s := d.hosts[0], set{members: 1, name: "rs0", admin: "hunter2-admin", chat: "hunter2-chat", deadline: "1m"}

	d.write(s)
	if r, err := d.laptop.Run(t.Context(), "plan", "plan.hcl"); err != nil || r.Exit != 2 {
		t.Fatalf("plan of a bare host: %v, %v", err, r)
	}
	must(t, h, "! test -e /etc/mongod.conf")
	d.apply(s, 0)
	must(t, h, `systemctl is-enabled mongod && test "$(stat -c '%a %U' /etc/mongod.key)" = "400 mongodb" && apt-mark showhold | grep -qx mongodb-org-server`)
	if got := d.code(d.connect(h, "", ""), "usersInfo"); got != 13 {
		t.Errorf("without a login: code %d, want 13 (Unauthorized)", got)
	}
	d.wantVoters(h, s.admin, h)
	chat := d.connect(h, "chat", s.chat)
	if _, err := chat.Database("rocketchat").Collection("x").InsertOne(t.Context(), bson.D{}); err != nil {
		t.Errorf("the user can't write: %v", err)
	}
	if _, err := chat.Database("other").Collection("x").InsertOne(t.Context(), bson.D{}); err == nil {
		t.Error("the user can write to another database")
	}
	d.quiet(s)

	old := s
	s.chat = "hunter3-chat"
	if steps := changed(t, d.apply(s, 0)); !slices.Equal(steps, []string{"mongo_replica_set.rs"}) {
		t.Errorf("a new password changed %q", steps)
	}
	if a, b := d.code(d.connect(h, "chat", old.chat), "ping"), d.code(d.connect(h, "chat", s.chat), "ping"); a != 18 || b != 0 {
		t.Errorf("old password: code %d, new one: %d", a, b)
	}
	s.admin = "hunter3-admin"
	if r := d.apply(s, 1); !strings.Contains(r.Stdout, "admin_previous_password") {
		t.Errorf("the error doesn't say what to do about the administrator's old password:\n%v", r)
	}
	s.previous = old.admin
	d.apply(s, 0)
	d.quiet(s)

	other := s
	other.name = "rs1"
	before, err := h.Must(t.Context(), "cat /etc/mongod.conf")
	if err != nil {
		t.Fatal(err)
	}
	r := d.apply(other, 1)
	after, err := h.Must(t.Context(), "cat /etc/mongod.conf")
	if err != nil {
		t.Fatal(err)
	}
	if before != after || !strings.Contains(r.Stdout, "a member of the set rs0") || changed(t, r) != nil {
		t.Errorf("the set's name changed in the plan: something was changed, or the error doesn't name the set:\n%v", r)
	}
	d.moves(s)
	d.isDenied(s)
}

// isDenied gives a file of the server to root, and fills the disk: the error must name the file and its owner, and the disk.
func (d *database) isDenied(s set) {
	d.t.Helper()
	h := d.hosts[0]
	for _, test := range []struct{ before, want, after string }{
		{
			"systemctl stop mongod; chown root:root /var/lib/mongodb/WiredTiger.turtle",
			"/var/lib/mongodb/WiredTiger.turtle belongs to root", "chown mongodb:mongodb /var/lib/mongodb/WiredTiger.turtle",
		},
		{
			"systemctl stop mongod; mv /var/lib/mongodb /var/lib/mongodb.kept; mkdir /var/lib/mongodb; mount -t tmpfs -o size=64k,uid=mongodb,gid=mongodb,mode=0755 full /var/lib/mongodb",
			"there is no room left in /var/lib/mongodb", "systemctl stop mongod; umount /var/lib/mongodb; rmdir /var/lib/mongodb; mv /var/lib/mongodb.kept /var/lib/mongodb",
		},
	} {
		must(d.t, h, test.before)
		if r := d.apply(s, 1); !strings.Contains(r.Stdout, test.want) || strings.Contains(r.Stdout, "rcprov/backup") {
			d.t.Errorf("the error doesn't say %q, or names a replaced file:\n%v", test.want, r)
		}
		must(d.t, h, test.after)
	}
	d.apply(s, 0)
}

// moves lets the set of the first host know it by an address that is not the host's: its server is then in no set (REMOVED). A
// run must say so, and what the hint says must help.
func (d *database) moves(s set) {
	d.t.Helper()
	h := d.hosts[0]
	// The set's own user may write where no administrator may.
	system, err := mongo.Connect(options.Client().SetHosts([]string{h.Address + ":27017"}).SetDirect(true).SetRetryWrites(false).SetAuth(options.Credential{
		AuthSource: "local", AuthMechanism: "SCRAM-SHA-256", Username: "__system", Password: "abcdefghijklmnopqrstuvwxyz0123456789",
	}))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = system.Disconnect(context.Background()) }()
	members := bson.D{{Key: "$set", Value: bson.D{{Key: "members.0.host", Value: "127.0.0.9:27018"}}}}
	if _, err := system.Database("local").Collection("system.replset").UpdateOne(d.t.Context(), bson.D{}, members); err != nil {
		d.t.Fatal(err)
	}
	must(d.t, h, "systemctl restart mongod; for i in $(seq 100); do if ss -Hltn | grep -q :27017; then exit 0; fi; sleep 0.1; done; exit 1")
	for range 300 { // until it knows that it is none of the members (InvalidReplicaSetConfig)
		if d.code(d.connect(h, "admin", s.admin), "replSetGetStatus") == 93 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.write(s)
	r, err := d.laptop.Run(d.t.Context(), "plan", "plan.hcl")
	if want := "was a member of the set rs0 (127.0.0.9:27018), and is none of these any more"; err != nil || r.Exit != 1 || !strings.Contains(r.Stderr, want) {
		d.t.Fatalf("a host that moved: %v, want %q in\n%v", err, want, r)
	}
	admin := d.connect(h, "admin", s.admin).Database("admin")
	var reply struct{ Config bson.M }
	if err := admin.RunCommand(d.t.Context(), bson.D{{Key: "replSetGetConfig", Value: 1}}).Decode(&reply); err != nil {
		d.t.Fatal(err)
	}
	reply.Config["members"].(bson.A)[0].(bson.D)[1].Value = h.Address + ":27017"
	if err := admin.RunCommand(d.t.Context(), bson.D{{Key: "replSetReconfig", Value: reply.Config}, {Key: "force", Value: true}}).Err(); err != nil {
		d.t.Fatalf("what the hint says: %v", err)
	}
	d.apply(s, 0)
	d.quiet(s)
}

// isDown waits until the server of a host, which is a primary's or a secondary's, knows that the one of another is down.
func (d *database) isDown(via *lab.Host, admin string, other *lab.Host) {
	d.t.Helper()
	server := d.connect(via, "admin", admin).Database("admin")
	for range 300 {
		var status struct {
			Members []struct {
				Name   string
				Health int
			}
		}
		if err := server.RunCommand(d.t.Context(), bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status); err != nil {
			d.t.Fatal(err)
		}
		for _, m := range status.Members {
			if m.Name == other.Address+":27017" && m.Health == 0 {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.t.Fatalf("%s takes %s for well", via.Name, other.Name)
}

// losesPower has one of three hosts without power while a password changes: the others, which have a primary and a majority, don't wait
// for its server, and the run says what it changed before it failed.
func (d *database) losesPower(s set) {
	d.t.Helper()
	s.chat, s.deadline = "hunter3-chat", "20m"
	if err := d.hosts[2].Kill(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.isDown(d.hosts[0], s.admin, d.hosts[2])
	config := "UserKnownHostsFile " + d.laptop.KnownHosts() + "\nConnectTimeout 3\n"
	if err := os.WriteFile(d.laptop.SSHConfig(), []byte(config), 0o600); err != nil {
		d.t.Fatal(err)
	}
	r := d.apply(s, 1)
	if r.Duration > time.Minute {
		d.t.Errorf("it waited %s for a host without power", r.Duration)
	}
	for _, want := range []string{`"made":["user chat password"]`, d.hosts[2].Address + ":27017"} {
		if !strings.Contains(r.Stdout, want) {
			d.t.Errorf("a host without power: no %q in\n%v", want, r)
		}
	}
	if a, b := d.code(d.connect(d.hosts[0], "chat", s.chat), "ping"), d.code(d.connect(d.hosts[1], "chat", s.chat), "ping"); a != 0 || b != 0 {
		d.t.Errorf("the new password: codes %d and %d", a, b)
	}
	history, err := d.laptop.Run(d.t.Context(), "history", "plan.hcl", "m1")
	if err != nil || !strings.Contains(history.Stdout, "user chat password") {
		d.t.Errorf("history doesn't name the password: %v\n%v", err, history)
	}
}

// TestMongoMembers makes a set of two, loses one of them while a third is added, goes on, and lets one go.
func TestMongoMembers(t *testing.T) {
	t.Parallel()
	d := launchDatabase(t, 3)
	s := set{members: 2, name: "rs0", admin: "hunter2-admin", chat: "hunter2-chat", deadline: "90s"}
	d.apply(s, 0)
	d.wantVoters(d.hosts[0], s.admin, d.hosts[:2]...)
	d.quiet(s)

	// What a person reads who applies the plan to the first host while the second is down.
	waiting := s
	waiting.deadline = "3s"
	d.write(waiting)
	must(t, d.hosts[1], "systemctl stop mongod")
	d.stepsDown(d.hosts[0]) // after ten seconds; until then it takes the other for well
	r, err := d.laptop.Run(t.Context(), "apply", "plan.hcl", "--no-color", "--limit", "m1")
	if err != nil || r.Exit != 1 {
		t.Fatalf("no primary: %v, %v", err, r)
	}
	golden(t, "testdata/mongo-no-primary.txt", scrub(r.Stderr, d.hosts[1], d.laptop, d.hosts[0]))

	// The set of two can't do without the second: no primary, until the next apply starts it again.
	three := s
	three.members, three.deadline = 3, "20s"
	d.write(three)
	cmd := d.laptop.Command(t.Context(), "apply", "plan.hcl", "--json")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	must(t, d.hosts[2], "for i in $(seq 200); do if test -e /etc/apt/sources.list.d/rcprov-mongodb.sources; then exit 0; fi; sleep 0.1; done; exit 1")
	must(t, d.hosts[1], "systemctl stop mongod")
	_ = cmd.Wait() // what matters is the status
	want := d.hosts[1].Address + ":27017 connection refused"
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "no primary") {
		t.Errorf("exit status %d of an apply during which a member stopped; want 1, and %q, in\n%s", cmd.ProcessState.ExitCode(), want, &out)
	}
	three.deadline = s.deadline
	d.apply(three, 0)
	d.wantVoters(d.hosts[0], s.admin, d.hosts...)
	d.quiet(three)

	must(t, d.hosts[2], "systemctl stop mongod")
	// Whether the set has to wait for the member depends on which host is faster.
	steps := slices.DeleteFunc(changed(t, d.apply(three, 0)), func(step string) bool { return step == "mongo_replica_set.rs" })
	if want := []string{"mongod.rs/service"}; !slices.Equal(steps, want) {
		t.Errorf("a stopped member: changed %q, want %q", steps, want)
	}
	d.losesPower(three)
	s.chat = "hunter3-chat"
	d.apply(s, 0)
	d.wantVoters(d.hosts[0], s.admin, d.hosts[:2]...)
	d.quiet(s)
}

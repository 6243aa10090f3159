package scenario

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// A cluster is the hosts of plans/cluster.hcl, by their names in the plan, and one more.
type cluster struct {
	*prod
	hosts map[string]*lab.Host
}

func launchCluster(t *testing.T) *cluster {
	t.Helper()
	m, withMongoDB := supply(t)
	c := &cluster{hosts: map[string]*lab.Host{}}
	names := []string{"mongo1", "mongo2", "mongo3", "mongo4", "chat1", "chat2", "web"}
	var images []string
	for _, name := range names {
		image := labtest.Images(t)[0]
		if strings.HasPrefix(name, "mongo") {
			image = withMongoDB
		}
		images = append(images, image)
	}
	all := labtest.LaunchAll(t, images...)
	for i, name := range names {
		c.hosts[name] = all[i]
	}
	c.prod = newProd(t, m, "cluster.hcl", c.hosts["web"], all...)
	addresses := map[string]string{}
	for name, h := range c.hosts {
		addresses[name] = h.Address
	}
	text, err := json.Marshal(addresses)
	if err != nil {
		t.Fatal(err)
	}
	c.vars["addresses"], c.vars["mongodb_cache_gb"] = string(text), "0.25"
	return c
}

// addMember adds the host mongo4 to the plan.
func (c *cluster) addMember() {
	c.t.Helper()
	text, err := os.ReadFile(c.plan)
	if err != nil {
		c.t.Fatal(err)
	}
	c.plan = filepath.Join(c.laptop.Home, "cluster.hcl")
	libraries(c.t, c.laptop)
	member := "\nhost \"mongo4\" {\n  address = var.addresses.mongo4\n  groups  = [\"mongo\"]\n}\n"
	if err := os.WriteFile(c.plan, append(text, member...), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// changedOn returns the steps that a run changed on each host; those that only wait are left out.
func (c *cluster) changedOn(r rcprov.Run) map[string][]string {
	c.t.Helper()
	events, err := r.Events()
	if err != nil {
		c.t.Fatal(err)
	}
	steps := map[string][]string{}
	for _, e := range events {
		if e.Type == "step_changed" && !slices.Contains(waits, e.Step) {
			steps[e.Host] = append(steps[e.Host], e.Step)
		}
	}
	return steps
}

// applies applies the plan and wants these steps to change on these hosts, and no others.
func (c *cluster) applies(what string, want map[string][]string) {
	c.t.Helper()
	r := c.run(0, "apply")
	c.t.Logf("%s: %s", what, r.Duration.Round(time.Millisecond))
	if diff := cmp.Diff(want, c.changedOn(r)); diff != "" {
		c.t.Errorf("%s: changed steps by host (-want +got):\n%s", what, diff)
	}
}

// members asks the replica set for its configuration, from a host of Rocket.Chat: "HOST votes N" of each member, and the
// configuration's version.
func (c *cluster) members() (members []string, version int) {
	c.t.Helper()
	out, err := c.hosts["chat1"].Must(c.t.Context(), fmt.Sprintf(`cd /opt/rocketchat/current/programs/server
/opt/node/22.22.3/bin/node - <<'END'
const { MongoClient } = require('mongodb');
const client = new MongoClient('mongodb://%s:27017/?replicaSet=rs0', { auth: { username: 'admin', password: '%s' } });
client.db('admin').command({ replSetGetConfig: 1 }).then(({ config }) => {
	console.log(JSON.stringify({ version: config.version, members: config.members.map((m) => m.host + ' votes ' + m.votes) }));
	return client.close();
});
END`, c.hosts["mongo1"].Address, prodSecrets["mongo_admin_password"]))
	if err != nil {
		c.t.Fatal(err)
	}
	var config struct {
		Version int
		Members []string
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	return config.Members, config.Version
}

// voters are members by their names in the plan, as members returns them.
func (c *cluster) voters(names ...string) (members []string) {
	for _, name := range names {
		members = append(members, c.hosts[name].Address+":27017 votes 1")
	}
	return members
}

// reaches wants a host to get through to a port of another, or not to.
func (c *cluster) reaches(from, to string, port int, want bool) {
	c.t.Helper()
	out, err := c.hosts[from].Exec(c.t.Context(), fmt.Sprintf("timeout 2 bash -c ': </dev/tcp/%s/%d'", c.hosts[to].Address, port))
	if err != nil {
		c.t.Fatal(err)
	}
	if got := out.Status == 0; got != want {
		c.t.Errorf("%s reaches port %d of %s: %t, want %t: %s", from, port, to, got, want, out.Stderr)
	}
}

// spreads wants requests of different people to be answered by all instances, and those of one person by the same.
func (c *cluster) spreads() {
	c.t.Helper()
	client := c.client()
	defer client.CloseIdleConnections()
	for person := range 48 {
		for range 2 {
			request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("https://%s/person/%d", c.domain, person), nil)
			if err != nil {
				c.t.Fatal(err)
			}
			request.AddCookie(&http.Cookie{Name: "rc_uid", Value: fmt.Sprintf("person%d", person)})
			response, err := client.Do(request)
			if err != nil {
				c.t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body) // only the status matters
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				c.t.Errorf("person %d: %s", person, response.Status)
			}
		}
	}
	seen := map[string]string{} // the instance of a person
	instances := map[string]bool{}
	for _, host := range []string{"chat1", "chat2"} {
		for _, port := range []string{"3000", "3001"} {
			out, err := c.hosts[host].Must(c.t.Context(), "journalctl --sync; journalctl -o cat -u rocketchat-"+port+" | grep -o '/person/.*' || true")
			if err != nil {
				c.t.Fatal(err)
			}
			for line := range strings.Lines(out) {
				path, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
				if other := seen[path]; other != "" && other != host+port {
					c.t.Errorf("%s was answered by %s and %s", path, other, host+port)
				}
				if !strings.HasSuffix(rest, " https") || strings.Contains(rest, c.hosts["web"].Address) {
					c.t.Errorf("Rocket.Chat takes the proxy for the person: %q", line)
				}
				seen[path], instances[host+port] = host+port, true
			}
		}
	}
	if len(seen) != 48 || len(instances) != 4 {
		c.t.Errorf("%d of 48 people were answered by %d of 4 instances", len(seen), len(instances))
	}
}

// TestCluster takes six bare hosts with plans/cluster.hcl to a chat that answers by TLS, loses a member of the replica set
// while another is added, goes on, and upgrades.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := launchCluster(t)
	c.release("9.0.0")
	c.run(2, "plan")
	r := c.run(0, "apply")
	t.Logf("bare hosts: %s", r.Duration.Round(time.Millisecond))
	c.answers("9.0")
	c.applies("second apply", map[string][]string{})

	members, version := c.members()
	if diff := cmp.Diff(c.voters("mongo1", "mongo2", "mongo3"), members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	c.spreads()
	c.reaches("chat2", "mongo1", 27017, true)
	c.reaches("web", "mongo1", 27017, false)
	c.reaches("mongo4", "mongo1", 27017, false)
	c.reaches("web", "chat1", 3001, true)
	c.reaches("chat2", "chat1", 3000, false)
	c.reaches("mongo1", "chat1", 3000, false)

	// The set goes on without one of three, but it is not what the plan says: an error, and the chat is left as it is.
	c.addMember()
	c.vars["mongodb_deadline"] = "40s"
	r = c.when(func(e rcprov.Event) bool {
		return e.Type == "host_finished" && e.Host == "mongo2" && e.Play == "database"
	}, func() {
		must(t, c.hosts["mongo2"], "systemctl stop mongod")
	})
	if r.Exit != 1 {
		t.Fatalf("a member stopped during apply: exit status %d, want 1\n%v", r.Exit, r)
	}
	if want := c.hosts["mongo2"].Address + ":27017 connection refused"; !strings.Contains(r.Stdout, want) {
		t.Errorf("a member stopped during apply: the error doesn't say %q:\n%v", want, r)
	}
	if on := c.changedOn(r); on["chat1"] != nil || on["chat2"] != nil || on["web"] != nil {
		t.Errorf("a member stopped during apply: changed %v", on)
	}
	c.answers("9.0")
	delete(c.vars, "mongodb_deadline")
	instances := []string{"chat/rocketchat.chat/env", "chat/rocketchat.chat/service-3000", "chat/rocketchat.chat/service-3001"}
	c.applies("after that", map[string][]string{"mongo2": {"database/mongod.rs0/service"}, "chat1": instances, "chat2": instances})
	members, now := c.members()
	if diff := cmp.Diff(c.voters("mongo1", "mongo2", "mongo3", "mongo4"), members); diff != "" || now != version+2 {
		t.Errorf("configuration %d of the set, want %d: one that adds the member, one that gives it its vote; members (-want +got):\n%s", now, version+2, diff)
	}
	c.answers("9.0")
	c.applies("a member more", map[string][]string{})

	// No instance of the old release runs when the first one of the new migrates the database.
	c.release("9.1.0")
	upgrade := append([]string{"chat/rocketchat.chat/release", "chat/rocketchat.chat/npm", "chat/rocketchat.chat/current"}, instances[1:]...)
	c.applies("upgrade", map[string][]string{"chat1": upgrade, "chat2": append([]string{"command.stop"}, upgrade...)})
	c.answers("9.1")
	c.applies("after the upgrade", map[string][]string{})
}

// when applies the plan, and does something when an event is reported.
func (c *cluster) when(is func(rcprov.Event) bool, do func()) rcprov.Run {
	c.t.Helper()
	cmd := c.laptop.Command(c.t.Context(), c.args("apply")...)
	stdout, err := cmd.StdoutPipe()
	var stderr, out strings.Builder
	cmd.Stderr = &stderr
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	done := false
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintf(&out, "%s\n", lines.Text())
		var e rcprov.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			c.t.Fatalf("%v: %s", err, lines.Text())
		}
		if !done && is(e) {
			do()
			done = true
		}
	}
	_ = cmd.Wait() // what matters is the status
	r := rcprov.Run{Args: []string{"apply", filepath.Base(c.plan)}, Exit: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: stderr.String()}
	if !done {
		c.t.Fatalf("the event was not reported\n%v", r)
	}
	return r
}

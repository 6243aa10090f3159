package mirror_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// TestRocketChatDownloads checks signatures and descriptions of all releases.
func TestRocketChatDownloads(t *testing.T) {
	r := requireHere(t).RocketChat
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(get(t, r.KeyURL)))
	if err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(keys[0]); got != r.Fingerprint {
		t.Errorf("fingerprint %s, not %s", got, r.Fingerprint)
	}
	for _, version := range append(r.Versions, r.Broken.Signature) {
		bundle, signature := get(t, r.URL+"/"+version+"/download"), get(t, r.URL+"/"+version+"/asc")
		_, err := openpgp.CheckArmoredDetachedSignature(keys, bytes.NewReader(bundle), bytes.NewReader(signature), nil)
		if good := version != r.Broken.Signature; good != (err == nil) {
			t.Errorf("signature of %s: %v", version, err)
		}
		var info struct {
			Tag, NodeVersion        string
			CompatibleMongoVersions []string
		}
		if err := json.Unmarshal(get(t, r.URL+"/"+version+"/info"), &info); err != nil || info.Tag != version || info.NodeVersion == "" || info.CompatibleMongoVersions == nil {
			t.Errorf("info of %s: %+v, %v", version, info, err)
		}
	}
}

// TestRocketChat installs releases by hand beside a mongod, and runs them.
func TestRocketChat(t *testing.T) {
	m := require(t)
	h := labtest.Launch(t, "debian-12-wine")
	installMongoDB(t, m.MongoDB, h)
	must(t, h, "useradd --system --create-home rocketchat; systemctl start mongod")
	hello(t, connect(t, h))
	installNode(t, m, h, "22.22.3")
	installNode(t, m, h, "24.15.0")
	for _, version := range []string{"8.8.1", "9.0.0"} {
		if out := installRocketChat(t, m, h, version); out.Status != 0 {
			t.Fatalf("npm install of %s: %+v", version, out)
		}
	}
	env := "ROOT_URL=http://" + h.Address + " MONGO_URL=mongodb://127.0.0.1:27017/rocketchat"

	t.Run("refusals", func(t *testing.T) {
		for _, c := range []struct{ version, node, env, want string }{
			{"9.0.0", "22.22.3", "PORT=3000", "ROOT_URL"},
			{"9.0.0", "22.22.3", "PORT=3000 ROOT_URL=http://x", "MONGO_URL must be set"},
			{"9.0.0", "22.22.3", env, "PORT must be set"},
			{"9.0.0", "22.22.3", env + " PORT=3000", "not a replica set"},
			{"8.8.1", "24.15.0", env + " PORT=3000", "Appropriate version: v22.22.3"},
		} {
			out, err := h.Exec(t.Context(), "cd /opt/"+c.version+"/bundle && env "+c.env+" timeout 20 /opt/node-v"+c.node+"-linux-x64/bin/node main.js 2>&1")
			if err != nil || out.Status != 1 || !strings.Contains(out.Stdout, c.want) {
				t.Errorf("%s with %s and %q: %+v, %v", c.version, c.node, c.env, out, err)
			}
		}
	})

	env = "ROOT_URL=http://" + h.Address + " MONGO_URL='" + makeReplicaSet(t, h) + "' ADMIN_USERNAME=root ADMIN_PASS=secret"
	t.Run("upgrade and two instances", func(t *testing.T) {
		startRocketChat(t, h, "8.8.1", env, 3000)
		must(t, h, "systemctl stop rocketchat-3000")
		startRocketChat(t, h, "9.0.0", env, 3000)
		must(t, h, "journalctl -u rocketchat-3000 | grep -q 'Finished migrating: version 341'")
		startRocketChat(t, h, "9.0.0", env, 3001)
		testRocketChat(t, h)
		must(t, h, "systemctl stop rocketchat-3000 rocketchat-3001")
		if out, err := h.Must(t.Context(), "journalctl -u rocketchat-3000 | grep -i error"); err == nil {
			t.Errorf("after a stop: %s", out)
		}
	})
	t.Run("broken releases", func(t *testing.T) { testBrokenRocketChat(t, m, h, env) })
}

// makeReplicaSet makes a replica set with authentication of the host's mongod, and returns the URL for a user with the
// rights that a plan gives Rocket.Chat.
func makeReplicaSet(t *testing.T, h *lab.Host) string {
	t.Helper()
	ctx := t.Context()
	configure(t, h)
	must(t, h, "systemctl restart mongod")
	member := bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: h.Address + ":27017"}}
	set := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{member}}}
	if err := run(ctx, connect(t, h), bson.D{{Key: "replSetInitiate", Value: set}}); err != nil {
		t.Fatal(err)
	}
	waitForPrimary(t, []*lab.Host{h})
	createUser := func(name, password string, roles bson.A) bson.D {
		return bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: password}, {Key: "roles", Value: roles}}
	}
	if err := run(ctx, connect(t, h), createUser("admin", "secret", bson.A{"root"})); err != nil {
		t.Fatal(err)
	}
	readWrite := bson.D{{Key: "role", Value: "readWrite"}, {Key: "db", Value: "rocketchat"}}
	if err := run(ctx, connect(t, h, "admin", "secret"), createUser("rocketchat", "p@ss", bson.A{readWrite})); err != nil {
		t.Fatal(err)
	}
	return "mongodb://rocketchat:p%40ss@" + h.Address + ":27017/rocketchat?replicaSet=rs0&authSource=admin"
}

// installNode unpacks a version of Node below /opt.
func installNode(t *testing.T, m *mirror.Mirror, h *lab.Host, version string) {
	t.Helper()
	tarball := "node-v" + version + "-linux-x64.tar.gz"
	must(t, h, "cd /opt && /usr/lib/apt/apt-helper -q download-file "+m.Node.DistURL+"/v"+version+"/"+tarball+" node.tgz >/dev/null 2>&1 && tar --no-same-owner -xzf node.tgz && rm node.tgz")
}

// installRocketChat unpacks a release below /opt/VERSION and runs npm install there.
func installRocketChat(t *testing.T, m *mirror.Mirror, h *lab.Host, version string) lab.Output {
	t.Helper()
	dir := "/opt/" + version
	must(t, h, "rm -f /opt/rc.tgz; /usr/lib/apt/apt-helper -q download-file "+m.RocketChat.URL+"/"+version+"/download /opt/rc.tgz >/dev/null 2>&1 && mkdir "+dir+" && tar --no-same-owner -xzf /opt/rc.tgz -C "+dir+" && chown -R rocketchat: "+dir)
	out, err := h.Exec(t.Context(), "cd "+dir+"/bundle/programs/server && runuser -u rocketchat -- env PATH=/opt/node-v22.22.3-linux-x64/bin:$PATH npm_config_registry="+m.NPMRegistry+" npm_config_fetch_retries=0 npm install --omit=dev 2>&1")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// startRocketChat starts an instance as a unit named by its port, and waits until it listens.
func startRocketChat(t *testing.T, h *lab.Host, version, env string, port int) {
	t.Helper()
	env = strings.ReplaceAll(" "+env+fmt.Sprintf(" PORT=%d", port), " ", " --setenv=")
	must(t, h, fmt.Sprintf("systemd-run --quiet --unit=rocketchat-%d --uid=rocketchat%s --working-directory=/opt/%s/bundle /opt/node-v22.22.3-linux-x64/bin/node main.js", port, env, version))
	must(t, h, fmt.Sprintf("for i in $(seq 200); do ss -Hltn 'sport = %d' | grep -q . && exit 0; sleep .1; done; journalctl -u rocketchat-%[1]d; exit 1", port))
}

// testRocketChat talks to the instances at ports 3000 and 3001.
func testRocketChat(t *testing.T, h *lab.Host) {
	first, second := "http://"+h.Address+":3000", "http://"+h.Address+":3001"
	if got := string(get(t, first+"/api/info")); got != `{"version":"9.0","success":true}` {
		t.Errorf("/api/info: %s", got)
	}
	get(t, first+"/readyz")
	get(t, second+"/health")
	if _, err := call(t, first+"/api/v1/login", nil, `{"user":"root","password":"wrong"}`); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("wrong password: %v", err)
	}
	var login struct {
		Data struct{ UserID, AuthToken string }
	}
	reply, err := call(t, first+"/api/v1/login", nil, `{"user":"root","password":"secret"}`)
	if err == nil {
		err = json.Unmarshal(reply, &login)
	}
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"X-User-Id": {login.Data.UserID}, "X-Auth-Token": {login.Data.AuthToken}}
	if _, err := call(t, first+"/api/v1/settings/Site_Name", header, `{"value":"By the first"}`); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); !strings.Contains(string(get(t, second)), "<h1>By the first</h1>"); time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("the second instance doesn't see the change of the first")
		}
	}
}

// testBrokenRocketChat checks how each broken release fails.
func testBrokenRocketChat(t *testing.T, m *mirror.Mirror, h *lab.Host, env string) {
	broken := m.RocketChat.Broken
	if out := installRocketChat(t, m, h, broken.Install); out.Status == 0 || !strings.Contains(out.Stdout, "gyp ERR! build error") {
		t.Errorf("Install: %+v", out)
	}
	for _, version := range []string{broken.Native, broken.Start, broken.Ready} {
		if out := installRocketChat(t, m, h, version); out.Status != 0 {
			t.Errorf("npm install of %s: %+v", version, out)
		}
	}
	out, err := h.Exec(t.Context(), "cd /opt/"+broken.Native+"/bundle/programs/server && /opt/node-v22.22.3-linux-x64/bin/node -e \"require('sharp')\"")
	if err != nil || out.Status == 0 || !strings.Contains(out.Stderr, `Could not load the "sharp" module using the linux-x64 runtime`) {
		t.Errorf("Native: %+v, %v", out, err)
	}
	out, err = h.Exec(t.Context(), "cd /opt/"+broken.Start+"/bundle && env PORT=3000 "+env+" timeout 20 /opt/node-v22.22.3-linux-x64/bin/node main.js")
	if err != nil || out.Status != 1 || !strings.Contains(out.Stderr, "TypeError") && !strings.Contains(out.Stderr, "Cannot read properties") {
		t.Errorf("Start: %+v, %v", out, err)
	}
	startRocketChat(t, h, broken.Ready, env, 3002)
	if _, err := call(t, "http://"+h.Address+":3002/readyz", nil, ""); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("Ready: %v", err)
	}
}

// call sends a request, a POST if there is a body; a status other than 200 is an error.
func call(t *testing.T, url string, header http.Header, body string) ([]byte, error) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read only
	reply, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, response.Status, reply)
	}
	return reply, err
}

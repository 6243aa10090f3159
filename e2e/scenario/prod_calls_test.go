package scenario

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// calls is what the addresses of the calls' steps begin with.
const calls = `calls["meet"]/`

// withCalls has the plan set up video calls on a host.
func (p *prod) withCalls(h *lab.Host) {
	p.calls = &meet{host: h, mirror: p.mirror, planned: planned{t: p.t, vars: map[string]string{
		"bridge_secret": "hunter2-bridge-1", "focus_secret": "hunter2-focus-01", "token_secret": "hunter2-token-01",
	}}}
	for name, value := range p.calls.vars {
		p.vars["meet_"+name] = value
		p.secrets = append(p.secrets, "meet_"+name)
	}
	p.calls.vars["token_app_id"] = "rocketchat"
	maps.Copy(p.vars, p.mirror.JitsiVariables())
	p.nameCalls("meet")
}

// nameCalls gives the calls a domain.
func (p *prod) nameCalls(name string) {
	p.calls.call(name)
	p.vars["meet_domain"] = p.calls.domain
}

// alive is what a host with a chat writes by itself.
var alive = []string{"var/lib/mongodb/", "var/log/"}

// settled proves that a second apply finds nothing to do, and writes nothing on hosts.
func (p *prod) settled(what string, hosts ...*lab.Host) {
	p.t.Helper()
	before := map[*lab.Host]*snapshot{}
	for _, h := range hosts {
		before[h] = takeSnapshot(p.t, h, nil, alive...)
	}
	p.apply(what, []string{})
	for _, h := range hosts {
		if before[h] == nil {
			continue
		}
		if lines := touched(before[h], takeSnapshot(p.t, h, before[h], alive...)); len(lines) > 0 {
			p.t.Errorf("%s: apply wrote on %s:\n%s", what, h.Name, strings.Join(lines, "\n"))
		}
	}
}

// same remembers which starts of units run; the function returned wants the same ones to run still.
func (p *prod) same(units ...string) func(what string) {
	p.t.Helper()
	runs := func() string {
		out, err := p.host.Must(p.t.Context(), "systemctl show -p Id,InvocationID,ActiveState "+strings.Join(units, " "))
		if err != nil {
			p.t.Fatal(err)
		}
		return out
	}
	before := runs()
	return func(what string) {
		p.t.Helper()
		if now := runs(); now != before {
			p.t.Errorf("%s: units were started or stopped:\n%s\n->\n%s", what, before, now)
		}
	}
}

// bridgeDrift wants the video bridge to be repaired while nothing else is touched.
func (p *prod) bridgeDrift() {
	p.t.Helper()
	must(p.t, p.host, "sed -i s/"+p.vars["meet_bridge_secret"]+"/hunter2-bridge-x/ /etc/jitsi/videobridge/jvb.conf; systemctl restart jitsi-videobridge2")
	same, reloads := p.same("nginx", "rocketchat-3000", "mongod", "prosody", "jicofo"), p.reloads()
	p.apply("secret of the bridge", []string{calls + "jitsi.meet/bridge-conf", calls + "jitsi.meet/bridge-service"})
	same("secret of the bridge")
	if got := p.reloads() - reloads; got != 0 {
		p.t.Errorf("secret of the bridge: nginx was reloaded %d times", got)
	}
}

// renamesCalls gives the calls another name, for which nothing of the chat's changes, and it answers all the time.
func (p *prod) renamesCalls() {
	p.t.Helper()
	const what = "another name for the calls"
	old := p.calls.domain
	p.nameCalls("call")
	same, answers := p.same("nginx", "rocketchat-3000", "mongod"), p.whileAnswering()
	r := p.run(0, "apply")
	answers(what)
	same(what)
	steps := changed(p.t, r)
	p.t.Logf("%s: %d steps changed in %s", what, len(steps), r.Duration.Round(time.Millisecond))
	ofCalls := func(step string) bool {
		return strings.HasPrefix(step, calls)
	}
	if others := slices.DeleteFunc(steps, ofCalls); len(others) > 0 {
		p.t.Errorf("%s: changed %q too", what, others)
	}
	p.calls.works(what)
	must(p.t, p.host, "! grep -rs --exclude="+old+"-config.js "+old+" /etc/jitsi /etc/nginx/sites-enabled/ /etc/prosody/conf.d/")
}

// whileAnswering asks the chat again and again until the function returned is called, which wants each to be answered.
func (p *prod) whileAnswering() func(what string) {
	client := p.client()
	stop, failed := make(chan struct{}), make(chan error, 1)
	p.t.Cleanup(client.CloseIdleConnections)
	go func() {
		defer close(failed)
		for {
			response, err := client.Get("https://" + p.domain + "/api/info")
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close() // read only
				if err == nil && response.StatusCode != http.StatusOK {
					err = fmt.Errorf("%s", response.Status)
				}
			}
			if err != nil {
				failed <- err
				return
			}
			select {
			case <-stop:
				return
			case <-p.t.Context().Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func(what string) {
		p.t.Helper()
		close(stop)
		if err := <-failed; err != nil {
			p.t.Errorf("%s: the chat didn't answer meanwhile: %v", what, err)
		}
	}
}

// TestProdTwoHosts takes two bare hosts of different releases with plans/prod.hcl to a chat on one and video calls on the
// other.
func TestProdTwoHosts(t *testing.T) {
	t.Parallel()
	m, image := supply(t)
	images := labtest.Images(t)
	chat, meet := labtest.Launch(t, image), labtest.Launch(t, images[len(images)-1])
	p := newProd(t, m, "prod.hcl", chat, chat, meet)
	p.vars["address"], p.vars["meet_address"] = chat.Name, meet.Name
	p.withCalls(meet)
	p.release("9.0.0")
	p.run(2, "plan")
	p.apply("bare hosts", nil)
	p.answers("9.0")
	p.calls.works("bare hosts")
	must(t, chat, "ufw status | grep -q '^80,443/tcp  *ALLOW' && ! ufw status | grep -w udp && ! dpkg -s prosody 2>/dev/null")
	must(t, meet, "ufw status | grep -q '^80,443/tcp  *ALLOW' && ufw status | grep -q '^10000/udp  *ALLOW' && ! test -e /opt/node && ! test -e /etc/mongod.conf")
	p.settled("second apply", chat, meet)
}

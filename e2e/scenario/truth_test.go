package scenario

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// truths is a service with files of all kinds: in the same play before it, in an earlier play, of a product. Two sites and
// a play of its own for one of them share nginx, whose steps reload it for different files.
const truths = `
variable "content" { default = "one" }
variable "extra" { default = "" }
play "files" {
  hosts = [host.h1]
  file "far" {
    path    = "/etc/far.conf"
    content = "${var.content}\n"
  }
}
play "service" {
  hosts = [host.h1]
  file "near" {
    path    = "/etc/near.conf"
    content = "${var.content}\n"
  }
  systemd_unit "reader" {
    name    = "reader.service"
    content = <<-UNIT
      [Service]
      ExecStart=/bin/sleep infinity
      ExecReload=/bin/true
    UNIT
    running    = true
    restart_on = [file.far, file.near]
  }
}
play "web" {
  hosts = [host.h1]
  nginx "web" {}
  acme_certificate "sites" {
    names  = ["a.example.com", "b.example.com"]
    source = "self_signed"
  }
  nginx_site "a" {
    names       = ["a.example.com"]
    certificate = acme_certificate.sites.certificate
    key         = acme_certificate.sites.key
    upstreams   = ["127.0.0.1:3000"]
  }
}
play "more" {
  hosts = [host.h1]
  nginx_site "b" {
    names       = ["b.example.com", "second.example.com"]
    certificate = acme_certificate.sites.certificate
    key         = acme_certificate.sites.key
    upstreams   = ["127.0.0.1:3000"]
    config      = var.extra
  }
}
`

// A drift is something that happens to the host of truths, or a variable that changes, and what is to be done about it.
type drift struct {
	name    string
	run     string   // on the host
	args    []string // from here on, for plan and apply
	changes []string // the steps that apply changes, exactly
}

const siteA, siteB = "/etc/nginx/conf.d/a.example.com.conf", "/etc/nginx/conf.d/b.example.com.conf"

var drifts = []drift{
	{name: "edited", run: "echo x >/etc/near.conf", changes: []string{"file.near"}},
	{name: "edited and read", run: "echo x >/etc/near.conf; systemctl restart reader", changes: []string{"file.near", "systemd_unit.reader"}},
	{name: "edited, earlier play", run: "echo x >/etc/far.conf", changes: []string{"file.far"}},
	{name: "edited and read, earlier play", run: "echo x >/etc/far.conf; systemctl restart reader", changes: []string{"file.far", "systemd_unit.reader"}},
	{name: "mode", run: "chmod 600 /etc/far.conf /etc/near.conf", changes: []string{"file.far", "file.near"}},
	{
		name: "mode, of a service that was restarted since", run: "systemctl restart reader; chmod 600 /etc/near.conf",
		changes: []string{"file.near", "systemd_unit.reader"}, // nobody noted what it has read
	},
	{name: "removed", run: "rm /etc/far.conf /etc/near.conf", changes: []string{"file.far", "file.near"}},
	{name: "removed and read", run: "rm /etc/near.conf; systemctl restart reader", changes: []string{"file.near", "systemd_unit.reader"}},
	{name: "edited and stopped", run: "echo x >/etc/far.conf; systemctl stop reader", changes: []string{"file.far", "systemd_unit.reader"}},
	{name: "plan", args: []string{"-var", "content=two"}, changes: []string{"file.far", "file.near", "systemd_unit.reader"}},
	{name: "plan again", args: []string{"-var", "content=one"}, changes: []string{"file.far", "file.near", "systemd_unit.reader"}},

	{name: "site edited", run: "sed -i 's/3000/3001/' " + siteA, changes: []string{"nginx_site.a/configuration"}},
	{name: "site mode", run: "chmod 600 " + siteA + " " + siteB, changes: []string{"nginx_site.a/configuration", "nginx_site.b/configuration"}},
	{name: "main file edited", run: "sed -i 's/301/302/' /etc/nginx/conf.d/rcprov.conf", changes: []string{"nginx.web/configuration"}},
	{
		name: "site edited and read", run: "sed -i 's/3000/3001/' " + siteA + "; systemctl reload nginx",
		changes: []string{"nginx_site.a/configuration", "nginx_site.a/service"},
	},
	{
		// nginx is reloaded for the main file while site b is still another one, and so once more for that.
		name: "both read", run: "sed -i 's/301/302/' /etc/nginx/conf.d/rcprov.conf; sed -i 's/3000/3001/' " + siteB + "; systemctl reload nginx",
		changes: []string{"nginx.web/configuration", "nginx.web/service", "nginx_site.b/configuration", "nginx_site.b/service"},
	},
	{name: "key", run: "chmod 644 /etc/rcprov/tls/a.example.com/privkey.pem", changes: []string{"acme_certificate.sites/certificate"}},
	{
		name: "site of the plan", args: []string{"-var", "extra=keepalive_timeout 7s;"},
		changes: []string{"nginx_site.b/configuration", "nginx_site.b/service"},
	},
	{name: "nginx stopped", run: "systemctl stop nginx", changes: []string{"nginx.web/service"}},
	{
		// nginx doesn't start with it, and its step comes before the one that makes the pair again.
		name: "nginx stopped, and a key of another certificate",
		run:  "systemctl stop nginx; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /etc/rcprov/tls/a.example.com/privkey.pem",
		changes: []string{
			"nginx.web/broken-sites", "nginx.web/service", "acme_certificate.sites/certificate", "nginx_site.a/configuration", "nginx_site.a/service",
			"nginx_site.b/configuration", "nginx_site.b/service",
		},
	},
	{
		// The package's script starts nginx, and fails where a site's certificate is gone.
		name: "nginx's package removed, and a key gone",
		run:  "apt-get -q -y remove nginx nginx-common >/dev/null 2>&1; rm /etc/rcprov/tls/a.example.com/privkey.pem",
		changes: []string{
			"nginx.web/broken-sites", "nginx.web/package", "acme_certificate.sites/certificate",
			"nginx_site.a/configuration", "nginx_site.a/service", "nginx_site.b/configuration", "nginx_site.b/service",
		},
	},
}

// TestPlanTellsTheTruth compares what plan announces with what apply then does, for services whose files drift or change
// in all ways.
func TestPlanTellsTheTruth(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, truths)
	truthful(t, laptop)
	var args []string
	for _, d := range drifts {
		t.Run(d.name, func(t *testing.T) {
			if d.run != "" {
				must(t, h, "set -e\n"+d.run+"\nsleep 0.1")
			}
			args = append(args, d.args...)
			was := instance(t, h)
			r := truthful(t, laptop, args...)
			if got := changed(t, r); !slices.Equal(got, d.changes) {
				t.Errorf("changed were %q, not %q", got, d.changes)
			}
			// systemd's own word.
			if said := slices.Contains(d.changes, "systemd_unit.reader"); said != (instance(t, h) != was) {
				t.Errorf("instances of reader.service: %q, then %q", was, instance(t, h))
			}
		})
	}
	for _, f := range foreign {
		t.Run("foreign site: "+f.name, func(t *testing.T) {
			must(t, h, "set -e\n"+foreignKey+"address=$(hostname -I | cut -d' ' -f1)\ncat >/etc/nginx/conf.d/aaa.conf <<EOF\nserver { "+f.server+" }\nEOF\nsystemctl reload nginx\nsleep 1")
			r, err := laptop.Run(t.Context(), append([]string{"plan", "plan.hcl"}, args...)...)
			if err != nil || !regexp.MustCompile(f.want).MatchString(r.Stdout) {
				t.Errorf("no %q: %v\n%v", f.want, err, r)
			}
		})
	}
	must(t, h, "rm /etc/nginx/conf.d/aaa.conf; systemctl reload nginx")
	t.Run("one reload for many sites", func(t *testing.T) { oneReload(t, h, laptop) })
	t.Run("certificate by signed updates of the DNS", func(t *testing.T) { signedUpdates(t, h) })
}

const foreignKey = "cd /root; [ -e f.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=f -keyout f.key -out f.crt 2>/dev/null\n"

// foreign are sites of somebody else that give clients of the plan's sites something else, and what plan says.
var foreign = []struct{ name, server, want string }{
	{"the second name", foreignPair + "listen 443 ssl; server_name second.example.com;", "(?s)note: second.example.com is also a name in /etc/nginx/conf.d/aaa.conf: .*https://second.example.com certificate: another certificate -> "},
	{"one address", foreignPair + "listen $address:443 ssl; server_name other.example.com;", `https://a.example.com at [0-9.]+ certificate: another certificate -> `},
	{"port 80", "listen 80; server_name second.example.com; return 200;", "note: http://second.example.com at 127.0.0.1:80 answers with 200 OK"},
}

const foreignPair = "ssl_certificate /root/f.crt; ssl_certificate_key /root/f.key; "

// truthful runs plan and apply, and wants apply to do what plan announced.
func truthful(t *testing.T, laptop *rcprov.Laptop, args ...string) rcprov.Run {
	t.Helper()
	return truthfulPlan(t, laptop, "plan.hcl", args...)
}

// truthfulPlan is truthful for another plan.
func truthfulPlan(t *testing.T, laptop *rcprov.Laptop, plan string, args ...string) rcprov.Run {
	t.Helper()
	var runs []rcprov.Run
	for _, command := range []string{"plan", "apply"} {
		r, err := laptop.Run(t.Context(), append([]string{command, plan, "--json"}, args...)...)
		if err != nil || r.Exit == 1 {
			t.Fatalf("%v\n%v", err, r)
		}
		runs = append(runs, r)
	}
	lies, err := rcprov.Lies(runs[0], runs[1])
	if err != nil || lies != nil {
		t.Errorf("%v\n%s\n%v%v", err, strings.Join(lies, "\n"), runs[0], runs[1])
	}
	return runs[1]
}

// instance is the InvocationID of reader.service.
func instance(t *testing.T, h *lab.Host) string {
	t.Helper()
	out, err := h.Must(t.Context(), "systemctl show -P InvocationID reader")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

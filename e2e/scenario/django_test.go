package scenario

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// TestDjango applies plans/django.hcl to a bare host, with the small application of testdata/django: it is installed with its
// database, repaired where somebody has meddled with each part, and upgraded to a release with a migration.
func TestDjango(t *testing.T) {
	t.Parallel()
	labtest.Require(t)
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	h := labtest.Launch(t, withUFW(t))
	p := newProd(t, m, "django.hcl", h, h)
	for name := range p.vars {
		if !slices.Contains([]string{"domain", "email", "acme_directory", "acme_ca_file", "acme_nameservers", "site_ca_file", "pypi"}, name) {
			delete(p.vars, name)
		}
	}
	p.waits, p.secrets = []string{"app/http_check.site"}, []string{"secret_key", "db_password"}
	p.vars["workers"] = "1"
	p.vars["address"], p.vars["repo"] = h.Name, "/srv/hub.git"
	p.vars["secret_key"], p.vars["db_password"] = letters(50), letters(10)+`'"$x/@:`
	app := filepath.Join(t.TempDir(), "app")
	if err := os.CopyFS(app, os.DirFS("testdata/django")); err != nil {
		t.Fatal(err)
	}
	publish(t, h, app)

	announced, first := p.run(2, "plan"), p.run(0, "apply")
	if lies, err := rcprov.Lies(announced, first); err != nil || lies != nil {
		t.Errorf("a bare host: %v, plan and apply differ:\n%s", err, strings.Join(lies, "\n"))
	}
	asks := func(path, want string) {
		t.Helper()
		must(t, h, "/srv/site/venv/bin/python -c 'import ssl, sys, urllib.request as r\n"+
			`said = r.urlopen(r.Request("https://127.0.0.1`+path+`", headers={"Host": sys.argv[1]}), context=ssl._create_unverified_context()).read().decode()`+"\n"+
			`sys.exit(0 if sys.argv[2] in said else said)' `+p.domain+" '"+want+"'")
	}
	asks("/", "seen, https True")
	asks("/static/visits.css", "margin")
	p.apply("again", []string{})

	must(t, h, `cd / && runuser -u postgres -- psql -q -c "ALTER ROLE site CREATEDB PASSWORD 'other'"
		runuser -u postgres -- psql -q -c 'ALTER DATABASE site OWNER TO postgres'
		for f in /etc/postgresql/*/main/pg_hba.conf; do echo 'host all all 0.0.0.0/0 trust' >>$f; done
		runuser -u site -- /srv/site/venv/bin/pip -q uninstall -y sqlparse
		rm /srv/site/static/visits.css
		systemctl stop site-web`)
	p.apply("drift", []string{ // the server never read the line that goes again
		"db/file.clients", `db/command.role["site"]`, `db/command.password["site"]`, `db/command.database["site"]`,
		"app/command.venv", `app/command.task["2-static"]`, `app/systemd_unit.process["web"]`,
	})
	asks("/static/visits.css", "margin")

	for name, change := range map[string][2]string{
		"config/urls.py":   {`"one"`, `"two"`},
		"visits/models.py": {"auto_now_add=True)\n", "auto_now_add=True)\n    note = models.TextField(default=\"\")\n"},
	} {
		text, err := os.ReadFile(filepath.Join(app, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(app, name), []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const migration = `from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("visits", "0001_initial")]
    operations = [migrations.AddField("visit", "note", models.TextField(default=""))]
`
	if err := os.WriteFile(filepath.Join(app, "visits/migrations/0002_note.py"), []byte(migration), 0o644); err != nil {
		t.Fatal(err)
	}
	publish(t, h, app)
	p.apply("a release", []string{"app/git.code", `app/command.task["1-migrate"]`, `app/systemd_unit.process["web"]`})
	asks("/", "release two, ")
}

// publish commits what is in dir, and puts the repository on the host as /srv/hub.git.
func publish(t *testing.T, h *lab.Host, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `test -e .git || git init -q
		git add --all
		git -c user.name=hub -c user.email=hub@example.com commit -q --message release
		rm -rf ../hub.git
		git clone -q --bare . ../hub.git
		tar -c -z -C .. hub.git`)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	archive, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, `printf '[safe]\n\tdirectory = *\n' >/etc/gitconfig
		rm -rf /srv/hub.git
		base64 -d <<END | tar -x -z --no-same-owner -C /srv
`+base64.StdEncoding.EncodeToString(archive)+"\nEND")
}

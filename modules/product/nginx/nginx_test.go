package nginx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/templates"
)

func env() modules.Env {
	return modules.Env{Sensitive: func(string) bool { return false }, Templates: templates.FS}
}

func TestNew(t *testing.T) {
	t.Parallel()
	parts, outputs, err := New(Args{Webroot: "/srv/acme", IPv6: true}, env())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"broken-sites", "package", "webroot", "configuration", "service"}, names); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if outputs.Service != "nginx.service" {
		t.Errorf("service %q", outputs.Service)
	}
	text := string(parts[3].Step.(*Configuration).Files[0].Content)
	for _, want := range []string{"\t\troot /srv/acme;\n", "\tlisten [::]:80 default_server;\n", "return 301 https://$host$request_uri;", "location = /.well-known/rcprov {"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	parts, _, err = New(Args{Webroot: "/srv/acme"}, env())
	if err != nil || strings.Contains(string(parts[3].Step.(*Configuration).Files[0].Content), "[::]") {
		t.Errorf("without IPv6: %v", err)
	}
	for _, webroot := range []string{"", "srv", "/a b", "/x;y", "/$host"} {
		_, _, err := New(Args{Webroot: webroot}, env())
		var wrong *modules.ArgError
		if !errors.As(err, &wrong) || wrong.Arg != "webroot" {
			t.Errorf("webroot %q: %v", webroot, err)
		}
	}
}

func TestReleases(t *testing.T) {
	t.Parallel()
	type can struct{ directive, rotates, quantum bool }
	for _, test := range []struct {
		os    observe.OS
		nginx string
		want  can
	}{
		{os: observe.OS{ID: "ubuntu", Version: "22.04"}, want: can{}},
		{os: observe.OS{ID: "ubuntu", Version: "24.04"}, want: can{rotates: true}},
		{os: observe.OS{ID: "ubuntu", Version: "24.10"}, want: can{rotates: true}}, // not known: as the one before
		{os: observe.OS{ID: "ubuntu", Version: "26.04"}, want: can{true, true, true}},
		{os: observe.OS{ID: "debian", Version: "12"}, want: can{}},
		{os: observe.OS{ID: "debian", Version: "12"}, nginx: "1.28.0", want: can{directive: true, rotates: true}},
		{os: observe.OS{ID: "debian", Version: "13"}, want: can{true, true, true}},
		{os: observe.OS{ID: "debian"}, want: can{true, true, true}}, // testing
	} {
		r, err := ReleaseOf(&observe.Facts{OS: test.os}, test.nginx)
		if got := (can{r.HTTP2Directive(), r.RotatesTickets(), r.PostQuantum()}); err != nil || got != test.want {
			t.Errorf("%v nginx %q: %+v, %v; want %+v", test.os, test.nginx, got, err, test.want)
		}
	}
	for _, wrong := range []string{"1.28", "1.28.x", "v1.2.3", "1.-2.3"} {
		if _, err := ReleaseOf(nil, wrong); err == nil {
			t.Errorf("version %q is accepted", wrong)
		}
	}
	if _, err := ReleaseOf(&observe.Facts{OS: observe.OS{ID: "alpine", Name: "Alpine"}}, ""); err == nil {
		t.Error("Alpine is known")
	}
}

// TestFormerSites removes the files that rcprov wrote for a name of the site, and no others; and two blocks can't have a name.
func TestFormerSites(t *testing.T) {
	t.Parallel()
	site := &file.Step{Path: "/etc/nginx/conf.d/b.example.com.conf"}
	step := &Configuration{Files: []*file.Step{site}, Names: []string{"b.example.com", "c.example.com"}}
	in := func(name, line string) string { return Dir + "/" + name + ".conf\t" + line }
	s := observe.NewSnapshot()
	observe.File.Put(s, observe.FileQuestion{Path: site.Path}, observe.FileInfo{Type: observe.Regular, AnyRights: true}, nil)
	sites.Put(s, struct{}{}, []string{
		in("a.example.com", "ours"), in("a.example.com", "server"), in("a.example.com", "server_name a.example.com b.example.com"),
		in("b.example.com", "ours"), in("b.example.com", "server"), in("b.example.com", "server_name b.example.com c.example.com"),
		in("mine", "server"), in("mine", "server_name c.example.com"),
		in("other.example.com", "ours"), in("other.example.com", "server"), in("other.example.com", "server_name other.example.com"),
	}, nil)
	c, err := step.Diff(s)
	if err != nil {
		t.Fatal(err)
	}
	want := []modules.Edit{{Action: modules.Remove, Subject: "/etc/nginx/conf.d/a.example.com.conf"}}
	if diff := cmp.Diff(want, c.Edits); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	sites.Put(s, struct{}{}, nil, errors.New("Input/output error"))
	if _, err := step.Diff(s); err == nil || err.Error() != "look for sites of nginx: Input/output error" {
		t.Errorf("could not tell: %v", err)
	}

	other := &Configuration{Files: []*file.Step{{Path: "/etc/nginx/conf.d/c.example.com.conf"}}, Names: []string{"c.example.com"}}
	var conflicts []string
	for _, a := range step.Claims() {
		for _, b := range other.Claims() {
			if a.Conflicts(b) {
				conflicts = append(conflicts, a.Thing.String())
			}
		}
	}
	if want := []string{"nginx's site for c.example.com"}; !slices.Equal(conflicts, want) {
		t.Errorf("conflicts %q, want %q", conflicts, want)
	}
}

func TestConfigurationDiff(t *testing.T) {
	t.Parallel()
	main := &file.Step{Path: "/etc/nginx/conf.d/a.conf", Content: []byte("a;\n"), Mode: 0o644, Owner: "root", Group: "root"}
	gone := &file.Step{Path: "/etc/nginx/sites-enabled/default", Absent: true}
	step := &Configuration{Files: []*file.Step{main, gone}}
	there := observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: "055626364cd04ff8ffaa4a2dd0eef14e63f1bdc51988a6c861dd7ae2b9b3f41c"}
	tests := []struct {
		name    string
		main    observe.FileInfo
		gone    observe.FileInfo
		failure error
		want    []string
		err     string
	}{
		{name: "converged", main: there},
		{name: "absent", want: []string{"create /etc/nginx/conf.d/a.conf > 0644 root:root"}},
		{name: "default site", main: there, gone: observe.FileInfo{Type: observe.Symlink, Target: "x"}, want: []string{"remove /etc/nginx/sites-enabled/default link to x"}},
		{name: "edited", main: with(there, func(i *observe.FileInfo) { i.SHA256, i.Content = "0", []byte("b;\n") }), want: []string{"update /etc/nginx/conf.d/a.conf content"}},
		{name: "mode", main: with(there, func(i *observe.FileInfo) { i.Mode = 0o600 }), want: []string{"update /etc/nginx/conf.d/a.conf mode 0600 > 0644"}},
		{name: "could not tell", failure: errors.New("Input/output error"), err: "look at /etc/nginx/conf.d/a.conf: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var q observe.Query
			step.Observe(&q)
			s := observe.NewSnapshot()
			sum := "055626364cd04ff8ffaa4a2dd0eef14e63f1bdc51988a6c861dd7ae2b9b3f41c"
			observe.File.Put(s, observe.FileQuestion{Path: main.Path, Content: true, UnlessSHA256: sum}, test.main, test.failure)
			observe.File.Put(s, observe.FileQuestion{Path: gone.Path}, test.gone, nil)
			c, err := step.Diff(s)
			said := ""
			if err != nil {
				said = err.Error()
			}
			got := moduletest.Lines(c.Edits)
			if diff := cmp.Diff(test.want, got); diff != "" || said != test.err {
				t.Errorf("error %q, want %q; edits (-want +got):\n%s", said, test.err, diff)
			}
		})
	}
}

func with(info observe.FileInfo, change func(*observe.FileInfo)) observe.FileInfo {
	change(&info)
	return info
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		stderr string
		status int
		want   string
		hint   string
	}{
		{
			"2026/11/21 13:09:44 [emerg] 1238#1238: unknown directive \"retrun\" in /etc/nginx/conf.d/c.conf:52\nnginx: configuration file /etc/nginx/nginx.conf test failed\n",
			3, `nginx refuses the new configuration: [emerg] unknown directive "retrun" in /etc/nginx/conf.d/c.conf:52`, "Correct that, then",
		},
		{
			"nginx: [emerg] cannot load certificate \"/x.crt\": BIO_new_file() failed\n",
			3, `nginx refuses the new configuration: [emerg] cannot load certificate "/x.crt": BIO_new_file() failed`, "`acme_certificate`",
		},
		{ // nginx warns so of each host with Jitsi Meet
			"nginx: [warn] duplicate extension \"wasm\" in /etc/nginx/sites-enabled/meet.conf:4\nnginx: [emerg] cannot load certificate \"/x.crt\": BIO_new_file() failed\n",
			3, `nginx refuses the new configuration: [emerg] cannot load certificate "/x.crt": BIO_new_file() failed`, "another site's: move the file of the site with that certificate out of /etc/nginx (`grep -Rl /x.crt /etc/nginx`)",
		},
		{
			`nginx: [emerg] SSL_CTX_use_PrivateKey("/x.key") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`,
			3, `nginx refuses the new configuration: [emerg] SSL_CTX_use_PrivateKey("/x.key") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`, "not the one of the site's certificate",
		},
		{
			`nginx: [emerg] open() "/var/log/nginx/error.log" failed (2: No such file or directory)`,
			3, `nginx refuses the new configuration: [emerg] open() "/var/log/nginx/error.log" failed (2: No such file or directory)`, "`install -d -g adm /var/log/nginx`",
		},
		{
			`nginx: [emerg] open() "/etc/nginx/mime.types" failed (2: No such file or directory) in /etc/nginx/nginx.conf:17`,
			3, `nginx refuses the new configuration: [emerg] open() "/etc/nginx/mime.types" failed (2: No such file or directory) in /etc/nginx/nginx.conf:17`, "--force-confmiss",
		},
		{"", 5, "/etc/nginx/nginx.conf is not there", "--force-confmiss"},
		{`nginx: [emerg] unknown "rcprov_connection" variable`, 3, `nginx refuses the new configuration: [emerg] unknown "rcprov_connection" variable`, "Add an `nginx` block"},
		{"nginx: [emerg] a duplicate default server for 0.0.0.0:80 in /x:2", 3, "nginx refuses the new configuration: [emerg] a duplicate default server for 0.0.0.0:80 in /x:2", "Another file has a default_server"},
		{"", 4, "there is no nginx on the host", "Add an `nginx` block"},
		{"cp: No space left on device", 1, "test the new configuration of nginx: cp: No space left on device (exit status 1)", ""},
	} {
		result := modules.Result{Stderr: []byte(test.stderr), Status: test.status}
		err := explain(modules.NewCommandError(modules.Command{Script: "x"}, result), result)
		var advice *modules.HintError
		hint := ""
		if errors.As(err, &advice) {
			hint = advice.Hint
		}
		if err == nil || err.Error() != test.want || !strings.Contains(hint, test.hint) {
			t.Errorf("error %q\n want %q\n hint %q", err, test.want, hint)
		}
	}
}

// TestAdvised is about a start that fails for something that later steps would repair, if it didn't fail.
func TestAdvised(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`[emerg] 1#1: cannot load certificate key "/x.key": PEM_read_bio_PrivateKey() failed`:        "(`grep -Rl /x.key /etc/nginx`), then run the same command again",
		`[emerg] 1#1: open() "/etc/nginx/nginx.conf" failed (2: No such file or directory)`:          "--force-confmiss",
		`[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)`:                      "look",
		`[emerg] 1#1: open() "/etc/nginx/conf.d/own/a.conf" failed (2: No such file or directory)`:   "look",
		`[emerg] 1#1: open() "/var/log/nginx/access.log" failed (2: No such file or directory)`:      "install -d",
		`[emerg] 1#1: open() "/var/log/nginx/access.log" failed (28: No space left on device) in /x`: "look",
	} {
		text := "start of nginx.service failed\n  Starting nginx\n  nginx: " + said + "\n  2026/11/30 13:31:09 " + said + "\n  Failed to start"
		err := advised(modules.WithHint(errors.New(text), "look"), "start")
		var advice *modules.HintError
		if !errors.As(err, &advice) || !strings.Contains(advice.Hint, want) || err.Error() != "nginx doesn't start: "+strings.Replace(said, "1#1: ", "", 1) {
			t.Errorf("%s: %q, hint %+v", said, err, advice)
		}
	}
	if err := advised(nil, reload); err != nil {
		t.Error(err)
	}
	lost := errors.New("connection lost")
	if err := advised(lost, reload); err != lost { //nolint:errorlint // the same
		t.Error(err)
	}
}

// TestIgnored is about a reload that nginx accepts and can't make: what it wrote then counts, and nothing of its workers.
func TestIgnored(t *testing.T) {
	t.Parallel()
	const worker = "2026/11/30 13:13:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream\n"
	const bind = "2026/11/30 13:31:18 [emerg] 42#42: bind() to 10.64.0.2:9999 failed (98: Address already in use)\n"
	for log, want := range map[string]string{
		"":     "",
		worker: "",
		worker + bind + bind + "2026/11/30 13:31:18 [emerg] 42#42: still could not bind()\n":                    "nginx could not apply what it read: [emerg] bind() to 10.64.0.2:9999 failed (98: Address already in use)\n  [emerg] still could not bind()",
		"2026/11/30 13:31:18 [emerg] 4242#4242: bind() to 10.64.0.2:9999 failed (98: Address already in use)\n": "",
	} {
		got := ""
		if err := ignored([]byte(log), "42"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestConfigurationForesee is about the file that is touched because another one is removed.
func TestConfigurationForesee(t *testing.T) {
	t.Parallel()
	step := &Configuration{Files: []*file.Step{{Path: "/etc/nginx/conf.d/a.conf", Content: []byte("a;\n")}, {Path: "/etc/nginx/b", Absent: true}}}
	change := func(f *file.Step, is observe.FileInfo) fileWork {
		s, sum := observe.NewSnapshot(), sha256.Sum256(f.Content)
		observe.File.Put(s, observe.FileQuestion{Path: f.Path}, is, nil)
		observe.File.Put(s, observe.FileQuestion{Path: f.Path, Content: true, UnlessSHA256: hex.EncodeToString(sum[:])}, is, nil)
		c, err := f.Diff(s)
		if err != nil || c.Empty() {
			t.Fatalf("%s: %+v, %v", f.Path, c.Edits, err)
		}
		return fileWork{f, c}
	}
	written := change(step.Files[0], observe.FileInfo{Type: observe.Regular, Content: []byte("old")})
	remove := change(step.Files[1], observe.FileInfo{Type: observe.Regular})
	for _, test := range []struct {
		name    string
		work    work
		changes bool
		content string
	}{
		{"removed", work{remove}, true, "old"},
		{"written and removed", work{written, remove}, true, "a;\n"},
	} {
		s, question := observe.NewSnapshot(), observe.FileQuestion{Path: "/etc/nginx/conf.d/a.conf", Content: true}
		observe.File.Put(s, question, observe.FileInfo{Type: observe.Regular, Content: []byte("old")}, nil)
		modules.Foresee(step, s, modules.NewChange(test.work))
		is, err := observe.File.Get(s, question)
		if changes := s.Forecast().Changes(question.Path); err != nil || changes != test.changes || string(is.Content) != test.content {
			t.Errorf("%s: %v, %q, %v", test.name, changes, is.Content, err)
		}
	}
}

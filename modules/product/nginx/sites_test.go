package nginx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/shell"
)

// TestSites runs the script on files as people write them.
func TestSites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nginx.conf":          "http {\n\tserver_names_hash_bucket_size 128; # mine\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude 'vhosts/*'; include mime.types;\n}\n",
		"vhosts/v":            "server {\n\tinclude snippets/listen;\n\tserver_name v.example.com;\n}\n",
		"snippets/listen":     "listen 10.0.0.2:443 ssl;\ninclude snippets/*;\n",
		"mime.types":          "server { listen 3; }\n",
		"conf.d/a.conf":       Header + "\n\nupstream a {\n\tserver 127.0.0.1:3000;\n}\n\nserver {\n\tlisten 443 ssl;\n\tlisten [::]:443 ssl;\n\tserver_name a.example.com  b.example.com;\n}\n",
		"conf.d/b.conf":       "server { listen 10.0.0.1:443 ssl; server_name b.example.com\n\tc.example.com; } server{server_name d.example.com;}\n#server { listen 1; }\n",
		"conf.d/none.txt":     "server { listen 2; }\n",
		"sites-enabled/other": "# " + Header + "\nserver {\n\t# listen 443;\n\tlisten 80;\n\tserver_name_in_redirect off;\n}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("sh", "-euc", shell.Script(sitesScript, shell.Vars{"header": Header, "etc": dir})).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := parseSites(strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), dir, "")), "\n"))
	want := []*siteFile{
		{Path: "/nginx.conf", Buckets: true, Includes: []string{"/etc/nginx/conf.d/*.conf", "/etc/nginx/vhosts/*", "/etc/nginx/mime.types"}},
		{Path: "/conf.d/a.conf", Ours: true, Servers: []server{{[]string{"443 ssl", "[::]:443 ssl"}, []string{"a.example.com", "b.example.com"}}}},
		{Path: "/conf.d/b.conf", Servers: []server{{[]string{"10.0.0.1:443 ssl"}, []string{"b.example.com", "c.example.com"}}, {nil, []string{"d.example.com"}}}},
		{Path: "/sites-enabled/other", Servers: []server{{[]string{"80"}, nil}}},
		{Path: "/vhosts/v", Servers: []server{{nil, []string{"v.example.com"}}}, Includes: []string{"/etc/nginx/snippets/listen"}},
		{Path: "/snippets/listen", Listens: []string{"10.0.0.2:443 ssl"}, Includes: []string{"/etc/nginx/snippets/*"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out, err = exec.Command("sh", "-euc", shell.Script(sitesScript, shell.Vars{"header": Header, "etc": dir + "/none"})).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("no nginx: %v: %s", err, out)
	}
}

func FuzzParseSites(f *testing.F) {
	f.Add("/a\tours\n/a\tserver\n/a\tlisten 443 ssl\n/a\tserver_name a b")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseSites(strings.Split(text, "\n")) {
			twins([]*siteFile{s}, []string{"a"}, "", 443)
		}
	})
}

// TestSiteDiff is about what the files of others decide of a site.
func TestSiteDiff(t *testing.T) {
	t.Parallel()
	const long = "a-name-for-which-nginx-has-no-room-by-itself.example.com"
	const room, mine, main = "/etc/nginx/conf.d/rcprov-long-names.conf", "/etc/nginx/conf.d/mine.conf", "/etc/nginx/nginx.conf"
	twice := "a.example.com is also a name in " + mine + ": nginx serves one of the two on port 443, and ignores the other (\"conflicting server name\")"
	for _, test := range []struct {
		name  string
		names []string
		gone  bool
		there []string
		want  []string
		notes []string
	}{
		{name: "alone", names: []string{"a.example.com"}},
		{name: "a long name", names: []string{"a.example.com", long}, want: []string{"create " + room + " > 0644 root:root"}},
		{name: "a name that fits", names: []string{long[len(long)-46:]}},
		{name: "a name that does not", names: []string{long[len(long)-47:]}, want: []string{"create " + room + " > 0644 root:root"}},
		{name: "room by others", names: []string{long}, there: []string{main + "\tserver_names_hash_bucket_size 128", main + "\tinclude conf.d/*.conf"}},
		{
			name: "room twice", names: []string{long}, want: []string{"remove " + room},
			there: []string{main + "\tserver_names_hash_bucket_size 128", main + "\tinclude conf.d/*.conf", room + "\tours", room + "\tserver_names_hash_bucket_size 512"},
		},
		{
			name: "a twin", names: []string{"a.example.com"}, notes: []string{twice},
			there: []string{mine + "\tserver", mine + "\tlisten 443 ssl", mine + "\tlisten *:443 ssl", mine + "\tserver_name b.example.com a.example.com"},
		},
		{name: "on another port", names: []string{"a.example.com"}, there: []string{mine + "\tserver", mine + "\tlisten 80", mine + "\tserver_name a.example.com"}},
		{name: "another name", names: []string{"a.example.com"}, there: []string{mine + "\tserver", mine + "\tlisten 443", mine + "\tserver_name b.example.com"}},
		{
			name: "to be absent", names: []string{"a.example.com", long}, gone: true, want: []string{"remove /etc/nginx/conf.d/old.conf"},
			there: []string{"/etc/nginx/conf.d/old.conf\tours", "/etc/nginx/conf.d/old.conf\tserver", "/etc/nginx/conf.d/old.conf\tserver_name a.example.com"},
		},
	} {
		site := &file.Step{Path: "/etc/nginx/conf.d/a.example.com.conf", Absent: test.gone}
		step := &Configuration{Files: []*file.Step{site}, Names: test.names}
		s := observe.NewSnapshot()
		is := observe.FileInfo{Type: observe.Regular, AnyRights: true}
		if test.gone {
			is = observe.FileInfo{}
		}
		observe.File.Put(s, observe.FileQuestion{Path: site.Path}, is, nil)
		sum := "ce4c1d1b93189136f700817776bc6ce18cbd1a3ab7c4f77e3c96014cc38f7193"
		observe.File.Put(s, observe.FileQuestion{Path: room, Content: true, UnlessSHA256: sum}, observe.FileInfo{}, nil)
		sites.Put(s, struct{}{}, test.there, nil)
		c, err := step.Diff(s)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := moduletest.Lines(c.Edits)
		if diff := cmp.Diff(test.want, got) + cmp.Diff(test.notes, c.Notes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if path := step.touched(work{{File: &file.Step{Path: "/x", Absent: true}}}); test.gone && path != mainFile {
			t.Errorf("%s: %q is touched", test.name, path)
		}
	}
}

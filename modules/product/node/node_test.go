package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/aptrepository"
	"github.com/rcprov/rcprov/modules/primitive/archive"
)

var valid = Args{
	Version: "22.22.3", Directory: "/opt/node", Mirror: "https://nodejs.org/dist/",
	KeyURL: "https://example.com/FINGERPRINT.asc", Links: []string{"node"},
}

func TestNew(t *testing.T) {
	t.Parallel()
	amd64 := &observe.Facts{Arch: "amd64"}
	tests := []struct {
		name   string
		change func(*Args)
		facts  *observe.Facts
		err    string
	}{
		{name: "without facts", change: func(*Args) {}},
		{name: "valid", change: func(*Args) {}, facts: amd64},
		{name: "architecture", change: func(*Args) {}, facts: &observe.Facts{Arch: "i386"}, err: "there are no binaries of Node.js for the architecture i386"},
		{name: "range", change: func(a *Args) { a.Version = "22" }, err: `version: must be an exact version such as "22.22.3", not "22"`},
		{name: "directory", change: func(a *Args) { a.Directory = "/opt" }, err: "directory: must be at least two levels deep, such as /opt/node, not /opt"},
		{name: "sum", change: func(a *Args) { a.SHA256 = "x" }, err: `sha256: must be a SHA-256, 64 hexadecimal digits, not "x"`},
		{name: "mirror", change: func(a *Args) { a.Mirror = "nodejs.org" }, err: `mirror: must be an address that begins with https:// or http://, not "nodejs.org"`},
		{name: "key ID", change: func(a *Args) { a.Fingerprints = []string{"770F7A9A5AE15600"} }, err: `fingerprints: must be 40 (or 64) hexadecimal digits each, not "770F7A9A5AE15600"`},
		{name: "key file", change: func(a *Args) { a.KeyFile = "x.asc" }, err: "key_file: no such file"},
		{name: "link", change: func(a *Args) { a.Links = []string{"../x"} }, err: `links: must be names of programs, not "../x"`},
		{name: "package", change: func(a *Args) { a.NpmPackages = map[string]string{"--x": "1.0.0"} }, err: `npm_packages: "--x" is not the name of an npm package`},
		{
			name: "range of a package", change: func(a *Args) { a.NpmPackages = map[string]string{"pm2": "^6"} },
			err: `npm_packages: must have exact versions such as "6.0.13", not "^6" for pm2`,
		},
	}
	env := modules.Env{ReadFile: func(string) ([]byte, error) { return nil, errors.New("no such file") }}
	for _, test := range tests {
		args := valid
		test.change(&args)
		env.Facts = test.facts
		parts, outputs, err := New(args, env)
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
		if err != nil {
			continue
		}
		want := Outputs{Path: "/opt/node/22.22.3", Bin: "/opt/node/22.22.3/bin", Node: "/opt/node/22.22.3/bin/node", Npm: "/opt/node/22.22.3/bin/npm", Npx: "/opt/node/22.22.3/bin/npx"}
		if diff := cmp.Diff(want, outputs); diff != "" {
			t.Errorf("%s: outputs (-want +got):\n%s", test.name, diff)
		}
		const url = "https://nodejs.org/dist/v22.22.3/node-v22.22.3-linux-x64.tar.gz"
		if got := parts[0].Step.(*release).URL; test.facts != nil && got != url {
			t.Errorf("%s: URL %s, want %s", test.name, got, url)
		}
	}
}

func TestNewWithSum(t *testing.T) {
	t.Parallel()
	args := valid
	args.SHA256 = strings.Repeat("A", 64)
	parts, _, err := New(args, modules.Env{Facts: &observe.Facts{Arch: "arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	step, ok := parts[0].Step.(*archive.Step) // asks no signed list
	if !ok || step.SHA256 != strings.Repeat("a", 64) || step.Label != "node-v22.22.3-linux-arm64" {
		t.Errorf("%T %+v", parts[0].Step, parts[0].Step)
	}
}

func TestNpmDiff(t *testing.T) {
	t.Parallel()
	step := &npm{Prefix: "/opt/node/1.2.3", Packages: map[string]string{"pm2": "6.0.13", "@a/b": "1.0.0"}}
	manifest := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content)}
	}
	right, scoped := manifest(`{"name":"pm2","version":"6.0.13"}`), manifest(`{"version":"1.0.0"}`)
	update := func(from string) []modules.Edit {
		return []modules.Edit{{Action: modules.Update, Subject: "npm package pm2", Field: "version", From: from, To: "6.0.13"}}
	}
	tests := []struct {
		name        string
		pm2, scoped observe.FileInfo
		unfinished  string
		could       error
		edits       []modules.Edit
		work        modules.Work // nil: not compared
		err         string
	}{
		{name: "converged", pm2: right, scoped: scoped},
		{
			name: "absent",
			edits: []modules.Edit{
				{Action: modules.Create, Subject: "npm package @a/b", To: "1.0.0"},
				{Action: modules.Create, Subject: "npm package pm2", To: "6.0.13"},
			},
			work: npmWork{{Name: "@a/b", Version: "1.0.0", Seen: absent}, {Name: "pm2", Version: "6.0.13", Seen: absent}},
		},
		{
			name: "other version", pm2: manifest(`{"version":"5.0.0"}`), scoped: scoped, edits: update("5.0.0"),
			work: npmWork{{Name: "pm2", Version: "6.0.13", Seen: otherVersion, SeenVersion: "5.0.0"}},
		},
		{
			name: "unreadable", pm2: manifest(`{`), scoped: scoped, edits: update("unreadable"),
			work: npmWork{{Name: "pm2", Version: "6.0.13", Seen: unknownVersion}},
		},
		{
			name: "half installed", pm2: right, scoped: scoped, unfinished: "x pm2\n", edits: update("half installed"),
			work: npmWork{{Name: "pm2", Version: "6.0.13", Seen: halfInstalled}},
		},
		{name: "could not tell", could: errors.New("Input/output error"), err: "look at /opt/node/1.2.3/lib/node_modules/@a/b/package.json: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, step.unfinished(), observe.FileInfo{Content: []byte(test.unfinished)}, nil)
			observe.File.Put(s, step.manifest("pm2"), test.pm2, nil)
			observe.File.Put(s, step.manifest("@a/b"), test.scoped, test.could)
			c := moduletest.WantDiff(t, step, s, test.edits, test.err)
			moduletest.WantWork(t, test.work, c)
		})
	}
}

func TestNpmSpecs(t *testing.T) {
	t.Parallel()
	w := npmWork{{Name: "@a/b", Version: "1.0.0"}, {Name: "pm2", Version: "6.0.13", Seen: otherVersion, SeenVersion: "5.0.0"}}
	if diff := cmp.Diff([]string{"@a/b@1.0.0", "pm2@6.0.13"}, w.specs()); diff != "" {
		t.Errorf("specs (-want +got):\n%s", diff)
	}
}

func TestExplainNpm(t *testing.T) {
	t.Parallel()
	// As npm 10.9.4 prints it.
	const notFound = `npm http fetch GET 404 https://registry.example.com/lab-none 12ms (cache skip)
npm error code E404
npm error 404 Not Found - GET https://registry.example.com/lab-none - Not found
npm error 404
npm error 404  'lab-none@1.0.0' is not in this registry.
npm error Log files were not written due to the config logs-max=0
`
	err := explainNpm(modules.NewCommandError(modules.Command{Argv: []string{"sh"}}, modules.Result{Stderr: []byte(notFound), Status: 1}))
	const want = "npm: 404 Not Found - GET https://registry.example.com/lab-none - Not found\n404  'lab-none@1.0.0' is not in this registry."
	if err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if got, want := npmProgress("npm http fetch GET 200 https://registry.example.com/pm2 80ms"), "npm fetches pm2"; got != want {
		t.Errorf("progress %q, want %q", got, want)
	}
}

func TestNewNodesource(t *testing.T) {
	t.Parallel()
	args := valid
	args.Source, args.Mirror, args.KeyURL, args.Links = "nodesource", "", "", nil
	parts, outputs, err := New(args, modules.Env{Facts: &observe.Facts{Arch: "amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if outputs.Node != "/usr/bin/node" {
		t.Errorf("outputs %+v", outputs)
	}
	repository := parts[0].Step.(*aptrepository.Step)
	if got, want := repository.Source.URIs[0], "https://deb.nodesource.com/node_22.x"; got != want {
		t.Errorf("URI %s, want %s", got, want)
	}
	want := []aptpackage.Package{{Name: "nodejs", Version: "22.22.3-*"}}
	if diff := cmp.Diff(want, parts[1].Step.(*aptpackage.Step).Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}

	args.Links, args.SHA256 = []string{"node"}, "x"
	_, _, err = New(args, modules.Env{})
	const refused = "sha256: conflicts with source = \"nodesource\": apt checks packages by the repository's key\nlinks: conflicts with source = \"nodesource\": the package's programs are in /usr/bin"
	if moduletest.ErrorText(err) != refused {
		t.Errorf("error %q, want %q", moduletest.ErrorText(err), refused)
	}
}

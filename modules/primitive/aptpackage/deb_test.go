package aptpackage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const toolControl = "Package: tool\nVersion: 1:1.0-1\nArchitecture: arm64\nDescription: x\n"

// makeDeb returns a package as dpkg-deb makes it, with a compression of control.tar.
func makeDeb(t *testing.T, control, ext string) []byte {
	t.Helper()
	var packed bytes.Buffer
	var w io.Writer = &packed
	var err error
	switch ext {
	case ".gz":
		w = gzip.NewWriter(w)
	case ".xz":
		w, err = xz.NewWriter(w)
	case ".zst":
		w, err = zstd.NewWriter(w)
	}
	archive := tar.NewWriter(w)
	err = errors.Join(err, archive.WriteHeader(&tar.Header{Name: "./md5sums", Mode: 0o644}),
		archive.WriteHeader(&tar.Header{Name: "./control", Mode: 0o644, Size: int64(len(control))}))
	_, writeErr := io.WriteString(archive, control)
	err = errors.Join(err, writeErr, archive.Close())
	if c, ok := w.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	b := []byte("!<arch>\n")
	for _, member := range []struct{ name, content string }{
		{"debian-binary", "2.0\n"}, {"_odd", "x"}, {"control.tar" + ext, packed.String()}, {"data.tar", ""},
	} {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", member.name, 0, 0, 0, 0o100644, len(member.content), member.content)
		if len(member.content)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

func TestReadDeb(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{"", ".gz", ".xz", ".zst"} {
		got, err := readDeb(makeDeb(t, toolControl, ext))
		if diff := cmp.Diff(control{"tool", "1:1.0-1", "arm64"}, got); diff != "" || err != nil {
			t.Errorf("control.tar%s: %v (-want +got):\n%s", ext, err, diff)
		}
	}
	whole := makeDeb(t, toolControl, ".gz")
	for want, content := range map[string][]byte{
		"is no Debian package: it doesn't begin as an ar archive":                             []byte("<html>404 Not Found</html>"),
		"is no whole Debian package: it ends too early":                                       whole[:200],
		"is no Debian package: it has no control.tar":                                         whole[:72],
		"is a Debian package with \"control.tar.lzma\", a compression that rcprov can't read": makeDeb(t, toolControl, ".lzma"),
		"is a Debian package without a valid name, version and architecture":                  makeDeb(t, "Package: -o\nVersion: 1\nArchitecture: all\n", ".gz"),
		"is a broken Debian package: control.tar.gz: gzip: invalid header":                    bytes.Replace(whole, []byte{0x1f, 0x8b}, []byte{0, 0}, 1),
		"is a broken Debian package: control.tar.xz has no file control: unexpected EOF":      nil,
	} {
		if content == nil {
			continue
		}
		if _, err := readDeb(content); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

func FuzzReadDeb(f *testing.F) {
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Fuzz(func(_ *testing.T, content []byte) { _, _ = readDeb(content) })
}

func TestNewFile(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"tool.deb": makeDeb(t, toolControl, ".zst"), "page.deb": []byte("<html>")}
	env := modules.Env{ReadFile: func(path string) ([]byte, error) {
		content, ok := files[path]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return content, nil
	}}
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{Source: "tool.deb"}, ""},
		{Args{Packages: []string{"tool"}, File: "/opt/tool.deb"}, ""},
		{Args{Source: "page.deb"}, "source: page.deb is no Debian package: it doesn't begin as an ar archive"},
		{Args{Source: "none.deb"}, "source: open none.deb: file does not exist"},
		{Args{Source: "tool.deb", File: "/x.deb"}, "file: conflicts with source"},
		{Args{Source: "tool.deb", Packages: []string{"tool"}}, "packages: conflicts with source, which has the name of its package"},
		{Args{Source: "tool.deb", State: "absent"}, "source: conflicts with state = \"absent\": name the package in `packages`"},
		{Args{Source: "tool.deb", Origin: "Debian"}, "origin: conflicts with source: a file is from no repository"},
		{Args{Packages: []string{"tool=1"}, File: "/opt/tool.deb"}, "packages: must be the name of the one package that is in file, without a version"},
		{Args{Packages: []string{"tool"}, File: "tool.deb"}, `file: must be an absolute path, not "tool.deb"`},
		{
			Args{Packages: []string{"tool"}, File: "/opt/tool_1:4.deb"},
			`file: must be a path that ends in ".deb", without characters that mean something to apt-get (such as ":"), not "/opt/tool_1:4.deb"`,
		},
		{Args{Packages: []string{"tool"}, Origin: "Debian", State: "absent"}, `origin: conflicts with state = "absent"`},
	} {
		test.args.UpdateCache = "24h"
		_, err := New(test.args, env)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v: error %q, want %q", test.args, got, test.want)
		}
	}
}

func TestDiffFile(t *testing.T) {
	t.Parallel()
	source := &deb{Source: "tool.deb", control: control{"tool", "1.10", "amd64"}}
	file := &deb{File: "/opt/tool.deb", control: control{Package: "tool"}}
	on := debInfo{Exists: true, control: control{"tool", "1.10", "all"}}
	edit := func(action modules.Action, field, from, to string) []modules.Edit {
		return []modules.Edit{{Action: action, Subject: "package tool", Field: field, From: from, To: to}}
	}
	for _, test := range []struct {
		name  string
		deb   *deb
		down  bool
		is    string // the version that is installed
		on    debInfo
		arch  string // of the host; empty: amd64
		edits []modules.Edit
		err   string
	}{
		{name: "converged", deb: source, is: "1.10"},
		{name: "not there", deb: source, edits: edit(modules.Create, "", "", "1.10")},
		{name: "older", deb: source, is: "1.9", edits: edit(modules.Update, "version", "1.9", "1.10")},
		{name: "newer", deb: source, is: "1.11", err: "tool.deb has version 1.10, and the host has 1.11, which is newer"},
		{name: "newer, allowed", deb: source, is: "1.11", down: true, edits: edit(modules.Update, "version", "1.11", "1.10")},
		{name: "another architecture", deb: source, arch: "arm64", err: "tool.deb is for amd64, and the host is arm64"},
		{name: "a foreign architecture", deb: source, arch: "arm64", on: debInfo{Foreign: []string{"arm64", "amd64"}}, edits: edit(modules.Create, "", "", "1.10")},
		{name: "on the host", deb: file, on: on, is: "1.9", edits: edit(modules.Update, "version", "1.9", "1.10")},
		{name: "on the host, converged", deb: file, on: on, is: "1.10", arch: "arm64"},
		{name: "not on the host", deb: file, err: "there is no /opt/tool.deb on the host"},
		{name: "of others", deb: file, on: debInfo{Exists: true, Others: []string{"alice"}}, err: "/opt/tool.deb could be replaced by others than root (alice)"},
		{
			name: "no package", deb: file, on: debInfo{Exists: true, Broken: "'/opt/tool.deb' is not a Debian format archive"},
			err: "/opt/tool.deb is no valid Debian package: '/opt/tool.deb' is not a Debian format archive",
		},
		{name: "another package", deb: file, on: debInfo{Exists: true, control: control{"other", "1", "all"}}, err: "/opt/tool.deb has the package other, not tool"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := &Step{deb: test.deb, Downgrade: test.down, Packages: []Package{{"tool", test.deb.Version}}}
			snapshot := observe.NewSnapshot()
			apt.Dpkg.Put(snapshot, struct{}{}, apt.DpkgState{}, nil)
			apt.Stale.Put(snapshot, struct{}{}, apt.StaleLists{}, nil)
			debs.Put(snapshot, test.deb.File, test.on, nil)
			observe.Package.Put(snapshot, "tool", observe.PackageInfo{Installed: test.is != "", Version: test.is}, nil)
			arch := test.arch
			if arch == "" {
				arch = "amd64"
			}
			observe.Package.Put(snapshot, dpkg, observe.PackageInfo{Installed: true, Version: "1.21", Arch: arch}, nil)
			got, err := step.Diff(snapshot)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			if diff := cmp.Diff(test.edits, got.Edits); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDebs reads what debs.sh printed, with dpkg 1.21 and 1.22.
func TestDebs(t *testing.T) {
	t.Parallel()
	const reply = `arch amd64
arch i386
file /opt/tool.deb
Package: tool
Version: 1.0
Architecture: all
file /opt/none.deb
absent
file /home/alice/tool.deb
other alice
other alice
file /opt/page.deb
dpkg-deb: error: '/opt/page.deb' is not a Debian format archive
file /opt/odd.deb
broken
`
	foreign := []string{"amd64", "i386"}
	want := map[string]debInfo{
		"":                     {Foreign: foreign},
		"/opt/tool.deb":        {Exists: true, control: control{"tool", "1.0", "all"}, Foreign: foreign},
		"/opt/none.deb":        {Foreign: foreign},
		"/home/alice/tool.deb": {Exists: true, Others: []string{"alice", "alice"}, Foreign: foreign},
		"/opt/page.deb":        {Exists: true, Broken: "'/opt/page.deb' is not a Debian format archive", Foreign: foreign},
		"/opt/odd.deb":         {Exists: true, Broken: "is a Debian package without a valid name, version and architecture", Foreign: foreign},
	}
	got := make(map[string]debInfo)
	for file, a := range debs.Parse([]string{"", "/opt/tool.deb", "/opt/none.deb", "/home/alice/tool.deb", "/opt/page.deb", "/opt/odd.deb"}, observe.Reply{Stdout: []byte(reply)}) {
		got[file] = a.Value
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(debInfo{})); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestDiffPolicy(t *testing.T) {
	t.Parallel()
	debian, docker := []apt.Source{{Site: "deb.debian.org", Origin: "Debian"}}, []apt.Source{{Site: "download.docker.com", Origin: "Docker"}}
	policy := apt.Policy{Candidate: "2.1", Versions: []apt.Version{{Version: "2.1", Sources: docker}, {Version: "2.0", Sources: docker}, {Version: "1.9", Sources: debian}}}
	edits := func(all ...string) (edits []modules.Edit) { // action, field, from, to
		for _, text := range all {
			p := strings.Split(text, "|")
			edits = append(edits, modules.Edit{Action: modules.Action(p[0]), Subject: "package hello", Field: p[1], From: p[2], To: p[3]})
		}
		return edits
	}
	const old = "apt's package lists are older than update_cache: newer versions than they have are found when apt-get update has run"
	for _, test := range []struct {
		name    string
		version string
		origin  string
		down    bool
		is      string
		policy  func(*apt.Policy)
		edits   []modules.Edit
		notes   []string
		err     string
	}{
		{name: "latest", version: latest, is: "2.1"},
		{name: "latest, not there", version: latest, edits: edits("create|||2.1")},
		{name: "latest, unknown to lists", version: latest, policy: func(p *apt.Policy) { *p = apt.Policy{} }, edits: edits("create|||latest")},
		{name: "latest, older", version: latest, is: "1.9", edits: edits("update|version|1.9|2.1")},
		{name: "latest by old lists", version: latest, is: "2.1", policy: func(p *apt.Policy) { p.OldLists = true }, notes: []string{old}},
		{name: "latest is an older one", version: latest, is: "3", err: "hello has version 3, which is newer than 2.1"},
		{name: "latest is an older one, allowed", version: latest, down: true, is: "3", edits: edits("update|version|3|2.1")},
		{name: "origin", origin: "Docker", is: "2.0"},
		{name: "origin by its host", origin: "download.docker.com", is: "2.0"},
		{name: "origin, not there", origin: "Debian", edits: edits("create|||1.9")},
		{name: "origin, latest", version: latest, origin: "Docker", is: "2.0", edits: edits("update|version|2.0|2.1")},
		{name: "other origin", origin: "Docker", is: "1.9", edits: edits("update|version|1.9|2.1", "update|origin|Debian|Docker")},
		{name: "other origin, newer", origin: "Debian", is: "2.1", err: "hello has version 2.1 (of Docker), which is newer than 1.9"},
		{name: "other origin, newer, allowed", origin: "Debian", down: true, is: "2.1", edits: edits("update|version|2.1|1.9", "update|origin|Docker|Debian")},
		{name: "from nowhere", origin: "Docker", down: true, is: "9", edits: edits("update|version|9|2.1", "update|origin|unknown|Docker")},
		{
			name: "in no list any more", origin: "Docker", is: "1.0",
			notes: []string{"hello 1.0 is in none of apt's lists, so that nobody knows whether it is from Docker, which has 2.1"},
		},
		{name: "no such origin", origin: "Acme", is: "2.0", err: "apt's lists have no hello from Acme"},
		{name: "no such origin, not there", origin: "Acme", err: "apt's lists have no hello from Acme"},
		{name: "version of an origin", version: "2.*", origin: "Docker", is: "1.9", edits: edits("update|version|1.9|2.1", "update|origin|Debian|Docker")},
		{name: "no such version of an origin", version: "3.*", origin: "Docker", err: "apt's lists have no hello 3.* from Docker"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := policy
			if test.policy != nil {
				test.policy(&is)
			}
			p := Package{"hello", test.version}
			step := &Step{Origin: test.origin, Downgrade: test.down, Packages: []Package{p}}
			snapshot := observe.NewSnapshot()
			apt.Dpkg.Put(snapshot, struct{}{}, apt.DpkgState{}, nil)
			apt.Stale.Put(snapshot, struct{}{}, apt.StaleLists{}, nil)
			apt.Policies.Put(snapshot, step.policyQuestion(p), is, nil)
			observe.Package.Put(snapshot, "hello", observe.PackageInfo{Installed: test.is != "", Version: test.is}, nil)
			got, err := step.Diff(snapshot)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			if diff := cmp.Diff(test.edits, got.Edits); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, got.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

package aptrepository

import (
	"errors"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	valid, foreign, expired := newKey(t, 0), newKey(t, 0), newKey(t, 30*24*time.Hour)
	const sourcePath, keyPath = "/etc/apt/sources.list.d/rcprov-lab.sources", "/etc/apt/keyrings/rcprov-lab.asc"
	const text = `# Written by rcprov, apt_repository; changes made here are replaced.
Types: deb
URIs: https://repo.example.com/apt
Suites: noble
Components: main extra
Architectures: amd64
Signed-By: /etc/apt/keyrings/rcprov-lab.asc
`
	file := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", Content: []byte(content)}
	}
	fingerprints := []string{fpr(valid), fpr(expired)}
	wanted := "a valid key of " + fpr(valid) + ", " + fpr(expired)
	keyEdit := func(from string) []modules.Edit {
		return []modules.Edit{{Action: modules.Update, Subject: keyPath, Field: "key", From: from, To: wanted}}
	}
	tests := []struct {
		name        string
		step        func(*Step)
		key, source observe.FileInfo
		keyErr      error
		clockErr    error
		signedBy    []uint64 // the index; none: there is none
		sources     sourcesInfo
		edits       []modules.Edit
		work        modules.Work
		err         string
	}{
		{name: "converged", key: file(string(armored(t, valid))), source: file(text)},
		{
			name: "absent",
			edits: []modules.Edit{
				{Action: modules.Create, Subject: keyPath, To: wanted},
				{Action: modules.Create, Subject: sourcePath, Text: &modules.Text{New: text}},
			},
			work: work{
				Key:    &keyWork{Action: modules.Create, Path: keyPath, Fingerprints: fingerprints},
				Source: &sourceWork{Action: modules.Create, Path: sourcePath, New: text},
			},
		},
		{
			name: "source edited", key: file(string(armored(t, valid))), source: file("Types: deb-src\n"),
			edits: []modules.Edit{{Action: modules.Update, Subject: sourcePath, Text: &modules.Text{Old: "Types: deb-src\n", New: text}}},
			work:  work{Source: &sourceWork{Action: modules.Update, Path: sourcePath, Old: "Types: deb-src\n", New: text}},
		},
		{
			name: "key emptied", key: file(""), source: file(text), edits: keyEdit("not a key"),
			work: work{Key: &keyWork{Action: modules.Update, Path: keyPath, Fingerprints: fingerprints}},
		},
		{name: "key in binary form", key: file(string(public(t, valid))), source: file(text), edits: keyEdit(fpr(valid) + ", in another encoding")},
		{
			name: "foreign key", key: file(string(armored(t, foreign))), source: file(text),
			edits: keyEdit("key " + fpr(foreign) + " is not among the fingerprints of the plan"),
		},
		{
			name: "expired key", key: file(string(armored(t, expired))), source: file(text),
			edits: keyEdit("key " + fpr(expired) + " expired on 2024-01-31"),
		},
		{
			name: "signed with a key that is not stored", key: file(string(armored(t, valid))), source: file(text), signedBy: []uint64{0x4022EDE2FE30229A},
			edits: keyEdit("apt can't verify the repository's newest index, which key 4022EDE2FE30229A signed"),
		},
		{
			name: "signed with the stored key, too", key: file(string(armored(t, valid))), source: file(text),
			signedBy: []uint64{0x4022EDE2FE30229A, valid.PrimaryKey.KeyId},
		},
		{
			name: "signed with a key that is not the plan's", step: func(s *Step) { giveKey(t, s, armored(t, valid)) },
			key: file(string(armored(t, valid))), source: file(text), signedBy: []uint64{0x4022EDE2FE30229A},
		},
		{
			name: "also elsewhere, which agrees", key: file(string(armored(t, valid))), source: file(text),
			sources: sourcesInfo{Also: []string{"/etc/apt/sources.list.d/vendor.list"}},
		},
		{
			name: "also elsewhere, which contradicts", key: file(string(armored(t, valid))), source: file(text),
			sources: sourcesInfo{Also: []string{"/etc/apt/sources.list.d/vendor.list"}, Errors: []string{"Conflicting values set for option Signed-By"}},
			err:     "apt on the host reads none of its sources: Conflicting values set for option Signed-By",
		},
		{
			name: "key of the plan", step: func(s *Step) { giveKey(t, s, armored(t, valid)) },
			key: file(string(armored(t, valid))), source: file(text),
		},
		{
			name: "other key in the plan", step: func(s *Step) { giveKey(t, s, armored(t, valid)) },
			key: file(string(armored(t, expired))), source: file(text),
			edits: []modules.Edit{{
				Action: modules.Update, Subject: keyPath, Field: "key", From: fpr(expired) + " until 2024-01-31", To: fpr(valid),
			}},
		},
		{
			name: "expired key in the plan", step: func(s *Step) { giveKey(t, s, armored(t, expired)) },
			err: "key " + fpr(expired) + " expired on 2024-01-31",
		},
		{
			name: "mode and owner",
			key:  observe.FileInfo{Type: observe.Regular, Mode: 0o600, Owner: "root", Group: "root", Content: armored(t, valid)},
			source: observe.FileInfo{
				Type: observe.Regular, Mode: 0o644, Content: []byte(text), UID: 1000, GID: 1000, Owner: "alice", Group: "alice",
			},
			edits: []modules.Edit{
				{Action: modules.Update, Subject: keyPath, Field: "mode", From: "0600", To: "0644"},
				{Action: modules.Update, Subject: sourcePath, Field: "owner", From: "alice", To: "root"},
				{Action: modules.Update, Subject: sourcePath, Field: "group", From: "alice", To: "root"},
			},
			work: work{
				KeyRights: rights.Drift{
					Path: keyPath, Seen: rights.Rights{Mode: 0o600, Owner: "root", Group: "root"}, Want: fileRights, Mode: true,
				},
				SourceRights: rights.Drift{
					Path: sourcePath, Seen: rights.Rights{Mode: 0o644, Owner: "alice", Group: "alice"}, Want: fileRights, Owner: true, Group: true,
				},
			},
		},
		{name: "absent, converged", step: func(s *Step) { s.Absent = true }},
		{
			name: "absent, there", step: func(s *Step) { s.Absent = true }, key: file(""), source: file(text),
			edits: []modules.Edit{{Action: modules.Remove, Subject: sourcePath}, {Action: modules.Remove, Subject: keyPath}},
			work:  work{Remove: []string{sourcePath, keyPath}},
		},
		{name: "directory in its place", source: observe.FileInfo{Type: observe.Directory}, err: sourcePath + " is a directory, not a file"},
		{name: "could not tell the key", keyErr: errors.New("Input/output error"), err: keyPath + ": Input/output error"},
		{name: "could not tell the time", clockErr: errors.New("no date"), err: "the host's clock: no date"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := &Step{
				Name: "lab", KeyURL: "https://example.com/key.asc", Fingerprints: []string{fpr(valid), fpr(expired)},
				Source: Source{
					Types: []string{"deb"}, URIs: []string{"https://repo.example.com/apt"}, Suites: []string{"noble"},
					Components: []string{"main", "extra"}, Architectures: []string{"amd64"},
				},
			}
			if test.step != nil {
				test.step(step)
			}
			snapshot := observe.NewSnapshot()
			observe.File.Put(snapshot, step.keyQuestion(), test.key, test.keyErr)
			observe.File.Put(snapshot, step.sourceQuestion(), test.source, nil)
			observe.Clock.Put(snapshot, struct{}{}, now, test.clockErr)
			sources.Put(snapshot, step.sourcesQuestion(), test.sources, nil)
			for i, name := range step.Source.indexes() {
				var ids []uint64
				if i == 0 {
					ids = test.signedBy
				}
				signers.Put(snapshot, name, ids, nil)
			}
			moduletest.WantWork(t, test.work, moduletest.WantDiff(t, step, snapshot, test.edits, test.err))
		})
	}
}

// giveKey makes s a step whose key is in the plan.
func giveKey(t *testing.T, s *Step, key []byte) {
	t.Helper()
	ring, err := readKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	s.KeyURL, s.Key, s.given = "", ring.armored, ring
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid, foreign := newKey(t, 0), newKey(t, 0)
	spaced := fpr(valid)[:20] + " " + fpr(valid)[20:]
	tests := []struct {
		name   string
		change func(*Args)
		want   string
	}{
		{"right", func(*Args) {}, ""},
		{"absent needs only a name", func(a *Args) { *a = Args{State: "absent"} }, ""},
		{"flat", func(a *Args) { a.Suites, a.Components = []string{"stable/"}, nil }, ""},
		{"name", func(a *Args) { a.Name = "../x" }, `name: must consist of letters, digits, "-" and "_", not "../x"`},
		{"no uris", func(a *Args) { a.URIs = nil }, "uris: is required"},
		{"uri", func(a *Args) { a.URIs = []string{"repo.example.com"} }, `uris: must be URIs such as "https://repo.example.com/apt", not "repo.example.com"`},
		{"injection", func(a *Args) { a.Suites = []string{"a\nTrusted: yes"} }, `suites: can't be "a\nTrusted: yes"`},
		{"type", func(a *Args) { a.Types = []string{"rpm"} }, `types: must be "deb" or "deb-src", not "rpm"`},
		{"no components", func(a *Args) { a.Components = nil }, `components: is required, unless the suites end with "/" (flat repositories)`},
		{"flat with components", func(a *Args) { a.Suites = []string{"stable/"} }, `components: must be left out for a flat repository (a suite that ends with "/")`},
		{"half flat", func(a *Args) { a.Suites = []string{"stable/", "noble"} }, `suites: must all end with "/" (flat repositories), or none`},
		{"no fingerprint", func(a *Args) { a.Fingerprints, a.Key, a.KeyURL = nil, "", "https://example.com/k" }, "fingerprints: must name the key that signs the repository"},
		{"short fingerprint", func(a *Args) { a.Fingerprints = []string{fpr(valid), "0xDEADBEEF"} }, `fingerprints: must be 40 (or 64) hexadecimal digits each, not "0xDEADBEEF"`},
		{"no key", func(a *Args) { a.Key = "" }, "key_url: is required, or key_file, or key: exactly one of them"},
		{"two keys", func(a *Args) { a.KeyURL = "https://example.com/k" }, "key_url: is required, or key_file, or key: exactly one of them"},
		{"key_url", func(a *Args) { a.Key, a.KeyURL = "", "ftp://x/k" }, `key_url: must be an address that begins with https:// or http://, not "ftp://x/k"`},
		{"key_file", func(a *Args) { a.Key, a.KeyFile = "", "no.asc" }, "key_file: no such file"},
		{"foreign key", func(a *Args) { a.Key = string(armored(t, foreign)) }, "key: key " + fpr(foreign) + " is not among the fingerprints of the plan"},
	}
	env := modules.Env{Label: "lab", ReadFile: func(string) ([]byte, error) { return nil, errors.New("no such file") }}
	for _, test := range tests {
		args := Args{
			State: "present", URIs: []string{"https://repo.example.com/apt"}, Suites: []string{"noble"},
			Components: []string{"main"}, Key: string(armored(t, valid)), Fingerprints: []string{spaced},
		}
		test.change(&args)
		_, err := New(args, env)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%s: error %q, want %q", test.name, got, test.want)
		}
	}
}

package hostname

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestNewHosts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ name, previous, old, want string }{
		"empty":            {"web1", "", "", "127.0.1.1\tweb1\n"},
		"there":            {"web1", "old", "10.0.0.1 db WEB1 # x\n", "10.0.0.1 db WEB1 # x\n"},
		"in a comment":     {"web1", "", "# web1\n", "# web1\n127.0.1.1\tweb1\n"},
		"renamed":          {"web1", "old", "127.0.0.1 localhost\n127.0.1.1 old\n::1 localhost\n", "127.0.0.1 localhost\n127.0.1.1\tweb1\n::1 localhost\n"},
		"with a domain":    {"web1.example.com", "old.example.com", "127.0.1.1 old.example.com old alias # mine\n", "127.0.1.1\tweb1.example.com web1 alias # mine\n"},
		"gets a domain":    {"web1.example.com", "web1", "127.0.1.1\tweb1\n", "127.0.1.1\tweb1.example.com web1\n"},
		"no line of it":    {"web1", "old", "127.0.0.1 localhost\n::1 localhost", "127.0.0.1 localhost\n127.0.1.1\tweb1\n::1 localhost"},
		"without a domain": {"web1", "web1.example.com", "127.0.1.1 web1.example.com web1\n", "127.0.1.1 web1.example.com web1\n"},
	} {
		if got := newHosts(test.old, test.name, test.previous); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	hosts := modules.Edit{Action: modules.Update, Subject: "/etc/hosts", Field: "names", Text: &modules.Text{Old: "127.0.1.1 old\n", New: "127.0.1.1\tweb1\n"}}
	file := modules.Edit{Action: modules.Update, Subject: "/etc/hostname", Field: "name", Text: &modules.Text{Old: "old\n", New: "web1\n"}}
	kernel := modules.Edit{Action: modules.Update, Subject: "host name", Field: "name", From: "old", To: "web1"}
	for _, test := range []struct {
		name, file, running, hosts string
		want                       []modules.Edit
	}{
		{"converged", "# x\nweb1\n", "web1", "127.0.1.1 web1\n", nil},
		{"all", "old\n", "old", "127.0.1.1 old\n", []modules.Edit{hosts, file, kernel}},
		{"kernel", "web1\n", "old", "127.0.1.1 web1\n", []modules.Edit{kernel}},
		{"file", "old\n", "web1", "127.0.1.1 web1\n", []modules.Edit{file}},
	} {
		step := &Step{Name: "web1", Hosts: true}
		s := observe.NewSnapshot()
		text := func(content string) observe.FileInfo {
			return observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(content)}
		}
		observe.File.Put(s, question, text(test.file), nil)
		observe.File.Put(s, observe.FileQuestion{Path: "/etc/hosts", Content: true}, text(test.hosts), nil)
		running.Put(s, struct{}{}, []string{test.running}, nil)
		t.Run(test.name, func(t *testing.T) { moduletest.WantDiff(t, step, s, test.want, "") })
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web1": "", "web1.example.com": "", "": `name: must be a host name, not ""`, "Web1": `name: must be a host name, not "Web1"`,
		"web_1": `name: must be a host name, not "web_1"`, "localhost": `name: must be the host's own, not "localhost"`,
		"a123456789b123456789c123456789d123456789e123456789f123456789.example": "name: has 68 letters, and Linux takes 64",
	} {
		if _, err := New(Args{Name: name}, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

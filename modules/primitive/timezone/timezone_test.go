package timezone

import (
	"errors"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	const name, zone = "Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin"
	leadsTo := func(target string) observe.FileInfo { return observe.FileInfo{Type: observe.Symlink, Target: target} }
	text := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(content)}
	}
	there := observe.FileInfo{Type: observe.Regular}
	inText := modules.Edit{Action: modules.Update, Subject: "/etc/timezone", Field: "name", Text: &modules.Text{Old: "Etc/UTC\n", New: name + "\n"}}
	moved := func(from string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "/etc/localtime", Field: "name", From: from, To: name}
	}
	for _, test := range []struct {
		name             string
		link, text, zone observe.FileInfo
		linkErr          error
		want             []modules.Edit
		err              string
	}{
		{name: "converged", link: leadsTo(zone), text: text(name + "\n"), zone: there},
		{name: "converged, by a relative link, without the text", link: leadsTo("../usr/share/zoneinfo/Europe/Berlin"), zone: there},
		{name: "none", zone: there, want: []modules.Edit{{Action: modules.Create, Subject: "/etc/localtime", To: name}}},
		{name: "another", link: leadsTo("/usr/share/zoneinfo/Etc/UTC"), text: text("Etc/UTC\n"), zone: there, want: []modules.Edit{moved("Etc/UTC"), inText}},
		{name: "another in the text", link: leadsTo(zone), text: text("Etc/UTC\n"), zone: there, want: []modules.Edit{inText}},
		{name: "a copy", link: there, zone: there, want: []modules.Edit{moved("a file")}},
		{name: "no such zone", link: leadsTo(zone), err: `the host has no time zone "Europe/Berlin"`},
		{name: "a directory of zones", link: leadsTo(zone), zone: observe.FileInfo{Type: observe.Directory}, err: `the host has no time zone "Europe/Berlin"`},
		{name: "a directory", link: observe.FileInfo{Type: observe.Directory}, zone: there, err: "/etc/localtime is a directory, not a link"},
		{name: "a text that is a link", link: leadsTo(zone), text: leadsTo("x"), zone: there, err: "/etc/timezone is a symbolic link, not a file"},
		{name: "could not tell", linkErr: errors.New("input/output error"), err: "look at /etc/localtime: input/output error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: link}, test.link, test.linkErr)
			observe.File.Put(s, observe.FileQuestion{Path: file, Content: true}, test.text, nil)
			observe.File.Put(s, observe.FileQuestion{Path: zone}, test.zone, nil)
			moduletest.WantDiff(t, &Step{Name: name}, s, test.want, test.err)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Europe/Berlin": "", "Etc/GMT+1": "", "America/Argentina/Buenos_Aires": "",
		"":     `name: must be the name of a time zone, not ""`,
		"../x": `name: must be the name of a time zone, not "../x"`,
		"/Etc": `name: must be the name of a time zone, not "/Etc"`,
		"Etc/": `name: must be the name of a time zone, not "Etc/"`,
		"a b":  `name: must be the name of a time zone, not "a b"`,
	} {
		if _, err := New(Args{Name: name}, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

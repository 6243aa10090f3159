package locale

import (
	"errors"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestWithEntries(t *testing.T) {
	t.Parallel()
	german := []entry{{"de_DE.UTF-8", "UTF-8"}}
	for name, test := range map[string]struct{ old, want string }{
		"empty":         {"", "de_DE.UTF-8 UTF-8\n"},
		"there":         {"# x\nde_DE.UTF-8\tUTF-8\n", "# x\nde_DE.UTF-8\tUTF-8\n"},
		"commented out": {"# de_DE ISO-8859-1\n# de_DE.UTF-8 UTF-8\n# de_DE@euro ISO-8859-15\n", "# de_DE ISO-8859-1\nde_DE.UTF-8 UTF-8\n# de_DE@euro ISO-8859-15\n"},
		"another":       {"en_US.UTF-8 UTF-8", "en_US.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n"},
	} {
		if got := withEntries(test.old, german); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestWithSettings(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"LANG": "de_DE.UTF-8", "LC_TIME": "C.UTF-8"}
	for name, test := range map[string]struct{ old, want string }{
		"empty":         {"", "LANG=de_DE.UTF-8\nLC_TIME=C.UTF-8\n"},
		"there, quoted": {"LC_TIME='C.UTF-8'\nLANG=\"de_DE.UTF-8\"\n", "LC_TIME='C.UTF-8'\nLANG=\"de_DE.UTF-8\"\n"},
		"another":       {"# x\nLANG=C\nLC_PAPER=C\n", "# x\nLANG=de_DE.UTF-8\nLC_PAPER=C\nLC_TIME=C.UTF-8\n"},
		"twice":         {"LANG=de_DE.UTF-8\nLC_TIME=C.UTF-8\nLANG=C\n", "LANG=de_DE.UTF-8\nLC_TIME=C.UTF-8\n"},
		"commented out": {"#LANG=C\nLC_TIME=C.UTF-8", "#LANG=C\nLC_TIME=C.UTF-8\nLANG=de_DE.UTF-8\n"},
	} {
		if got := withSettings(test.old, settings); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	absent := observe.FileInfo{}
	text := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(content)}
	}
	changed := func(path, field, old, now string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: path, Field: field, Text: &modules.Text{Old: old, New: now}}
	}
	generated := modules.Edit{Action: modules.Create, Subject: "locale de_DE.UTF-8"}
	link := observe.FileInfo{Type: observe.Symlink, Target: "../locale.conf"}
	all := []string{"C", "C.utf8", "de_DE.utf8"}
	for _, test := range []struct {
		name           string
		has            []string
		hasErr         error
		list, defaults observe.FileInfo
		conf           observe.FileInfo
		definition     observe.FileInfo
		want           []modules.Edit
		err            string
	}{
		{name: "converged", has: all, list: text("de_DE.UTF-8 UTF-8\n"), defaults: text("LANG=de_DE.UTF-8\n"), definition: text("")},
		{name: "converged, Debian 13", has: all, list: text("de_DE.UTF-8 UTF-8\n"), defaults: link, conf: text("LANG=de_DE.UTF-8\n"), definition: text("")},
		{name: "converged, by locales-all", has: all, list: absent, defaults: text("LANG=de_DE.UTF-8\n")},
		{name: "all", has: all[:2], list: text("# de_DE.UTF-8 UTF-8\n"), defaults: text(""), definition: text(""), want: []modules.Edit{
			changed(list, "generate", "# de_DE.UTF-8 UTF-8\n", "de_DE.UTF-8 UTF-8\n"), generated, changed(defaults, "settings", "", "LANG=de_DE.UTF-8\n"),
		}},
		{name: "default, Debian 13", has: all, list: text("de_DE.UTF-8 UTF-8\n"), defaults: link, conf: text("LANG=C\n"), definition: text(""), want: []modules.Edit{
			changed(conf, "settings", "LANG=C\n", "LANG=de_DE.UTF-8\n"),
		}},
		{name: "not generated", has: all[:2], list: text("de_DE.UTF-8 UTF-8\n"), defaults: text("LANG=de_DE.UTF-8\n"), definition: text(""), want: []modules.Edit{generated}},
		{
			name: "no package", has: all[:2], defaults: text("LANG=de_DE.UTF-8\n"),
			err: "the host can't generate the locale de_DE.UTF-8: there is no /usr/share/i18n/locales/de_DE",
		},
		{name: "could not tell", hasErr: errors.New("locale is missing"), defaults: text(""), err: "ask which locales there are: locale is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, err := New(Args{Lang: "de_DE.UTF-8"}, modules.Env{})
			if err != nil {
				t.Fatal(err)
			}
			s := observe.NewSnapshot()
			available.Put(s, struct{}{}, test.has, test.hasErr)
			observe.File.Put(s, linkQuestion, test.defaults, nil)
			for path, is := range map[string]observe.FileInfo{list: test.list, defaults: test.defaults, conf: test.conf} {
				observe.File.Put(s, observe.FileQuestion{Path: path, Content: true}, is, nil)
			}
			observe.File.Put(s, observe.FileQuestion{Path: "/etc"}, observe.FileInfo{Type: observe.Directory, Mode: 0o755}, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/usr/share/i18n/locales/de_DE"}, test.definition, nil)
			moduletest.WantDiff(t, step, s, test.want, test.err)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for want, args := range map[string]Args{
		"":                               {Lang: "de_DE.UTF-8", Settings: map[string]string{"LANGUAGE": "de:en", "LC_TIME": "C.UTF-8"}, Generate: []string{"de_DE@euro ISO-8859-15", "eo.UTF-8"}},
		"lang: is required, or generate": {},
		`lang: must be a locale such as de_DE.UTF-8, not "german"`:                                   {Lang: "german"},
		`lang: must say its character set: de_DE.UTF-8, not "de_DE"`:                                 {Lang: "de_DE"},
		`lang: must be written as in /etc/locale.gen: de_DE.UTF-8, not "de_DE.utf8"`:                 {Lang: "de_DE.utf8"},
		`settings: has "TZ", which is no variable of locale(7)`:                                      {Settings: map[string]string{"TZ": "x"}},
		"settings: has LANG, which is for `lang`":                                                    {Settings: map[string]string{"LANG": "C"}},
		`settings: has the LANGUAGE "de en", which is no list such as de:en`:                         {Settings: map[string]string{"LANGUAGE": "de en"}},
		"settings: has LC_ALL, which would take all others away: it is not for this file, locale(7)": {Settings: map[string]string{"LC_ALL": "C"}},
	} {
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
	for _, name := range []string{"C", "POSIX", "C.UTF-8", "C.utf8"} {
		step, err := New(Args{Lang: name}, modules.Env{})
		if err != nil || len(step.(*Step).Generate) != 0 {
			t.Errorf("%s: %+v, %v", name, step, err)
		}
	}
	for name, want := range map[string]string{"de_DE.UTF-8": "de_DE.utf8", "de_DE@euro": "de_DE@euro", "sr_RS.UTF-8@latin": "sr_RS.utf8@latin", "de_DE.ISO-8859-1": "de_DE.iso88591"} {
		if got := normal(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := (entry{"ca_ES.UTF-8@valencia", "UTF-8"}).definition(); got != "/usr/share/i18n/locales/ca_ES@valencia" {
		t.Error(got)
	}
}

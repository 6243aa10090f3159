package modules_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestForeseeFiles(t *testing.T) {
	t.Parallel()
	hello := &modules.Text{Old: "bye\n", New: "hello\n"}
	const sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	seen := observe.FileInfo{Type: observe.Regular, SHA256: "seen"}
	for _, test := range []struct {
		name string
		edit modules.Edit
		want string // the file's SHA-256 then; "-": it is not there
	}{
		{"text", modules.Edit{Action: modules.Update, Subject: "/a", Field: "line", Text: hello}, sum},
		{"sensitive text", modules.Edit{Action: modules.Update, Subject: "/a", Text: hello, Sensitive: true}, sum},
		{"removed", modules.Edit{Action: modules.Remove, Subject: "/a"}, "-"},
		{"mode", modules.Edit{Action: modules.Update, Subject: "/a", Field: "mode"}, "seen"},
		{"content that isn't shown", modules.Edit{Action: modules.Create, Subject: "/a"}, "?"},
		{"renewed certificate", modules.Edit{Action: modules.Run, Subject: "/a", Field: "renew"}, "?"},
		{"program that runs", modules.Edit{Action: modules.Run, Subject: "/a"}, "seen"},
		{"no file", modules.Edit{Action: modules.Create, Subject: "package a"}, "seen"},
	} {
		s, question := observe.NewSnapshot(), observe.FileQuestion{Path: "/a", Content: true, UnlessSHA256: "wanted"}
		observe.File.Put(s, question, seen, nil)
		modules.ForeseeFiles(s, modules.Change{Edits: []modules.Edit{test.edit}})
		is, err := observe.File.Get(s, question)
		got := is.SHA256
		if is.Type == observe.Absent {
			got = "-"
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

// A sight is an answer with all that it may be instead.
type sight struct {
	edits []modules.Edit
	notes []string
	err   error
}

// sights answers with edits, so that a Diff may be anything.
var sights = &observe.Kind[string, sight]{Name: "sight"}

// seer is a step whose change is what it sees.
type seer struct{ modules.Step }

func (seer) Diff(s *observe.Snapshot) (modules.Change, error) {
	is, err := sights.Get(s, "")
	if err == nil {
		err = is.err
	}
	return modules.Change{Edits: is.edits, Notes: is.notes}, err
}

// TestPreview compares what is most likely with what may be instead.
func TestPreview(t *testing.T) {
	create := modules.Edit{Action: modules.Create, Subject: "/a", To: "0644 root:root"}
	mode := modules.Edit{Action: modules.Update, Subject: "/a", Field: "mode"}
	restart := modules.Edit{Action: modules.Run, Subject: "x.service", Field: "restart", To: "/a changes"}
	with := func(e modules.Edit, change func(*modules.Edit)) modules.Edit { change(&e); return e }
	or := func(clause string, edits ...modules.Edit) observe.Alternative[sight] {
		return observe.Alternative[sight]{Answer: observe.Answer[sight]{Value: sight{edits: edits}}, If: clause}
	}
	for _, test := range []struct {
		name   string
		likely []modules.Edit
		or     []observe.Alternative[sight]
		want   []modules.Edit
	}{
		{name: "certain", likely: []modules.Edit{create, restart}, want: []modules.Edit{create, restart}},
		{
			name: "the same in all cases", likely: []modules.Edit{mode, restart},
			or:   []observe.Alternative[sight]{or("package a brings it", restart, mode)},
			want: []modules.Edit{mode, restart},
		},
		{
			name: "not made in a case", likely: []modules.Edit{create},
			or:   []observe.Alternative[sight]{or("package a brings it")},
			want: []modules.Edit{with(create, func(e *modules.Edit) { e.Unless = "package a brings it" })},
		},
		{
			name: "changed instead of created", likely: []modules.Edit{create},
			or:   []observe.Alternative[sight]{or("package a brings it", mode)},
			want: []modules.Edit{with(create, func(e *modules.Edit) { e.Or = "package a brings it" })},
		},
		{
			name: "made only in some cases", likely: []modules.Edit{mode},
			or: []observe.Alternative[sight]{or("one", mode, restart), or("two", restart, mode), or("one", mode, restart)},
			want: []modules.Edit{
				mode, with(restart, func(e *modules.Edit) { e.To, e.If = "", "one or two" }),
			},
		},
		{
			name: "nobody knows", likely: []modules.Edit{mode, restart},
			or: []observe.Alternative[sight]{{Answer: observe.Unknown[sight]("it is there"), If: "it is there"}},
			want: []modules.Edit{
				with(mode, func(e *modules.Edit) { e.Unless = "it is there" }), with(restart, func(e *modules.Edit) { e.Unless = "it is there" }),
			},
		},
		{
			name: "refused in a case", likely: []modules.Edit{mode},
			or:   []observe.Alternative[sight]{{Answer: observe.Answer[sight]{Value: sight{err: observe.ErrUnknown}}, If: "x"}},
			want: []modules.Edit{with(mode, func(e *modules.Edit) { e.Unless = "x" })},
		},
	} {
		sights.Future = func(_ *observe.Forecast, _ string, _ sight) observe.Outlook[sight] {
			return observe.Outlook[sight]{Answer: observe.Answer[sight]{Value: sight{edits: test.likely}}, Or: test.or}
		}
		s := observe.NewSnapshot()
		sights.Put(s, "", sight{edits: test.likely}, nil)
		s.Forecast()
		shown, likely, err := modules.Preview(seer{}, s)
		if diff := cmp.Diff(test.want, shown.Edits); diff != "" || err != nil {
			t.Errorf("%s: %v, shown (-want +got):\n%s", test.name, err, diff)
		}
		if diff := cmp.Diff(test.likely, likely.Edits); diff != "" {
			t.Errorf("%s: likely (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestPreviewErrors has errors that are certain, and errors that pending changes may take away.
func TestPreviewErrors(t *testing.T) {
	wrong := errors.New("it is a directory")
	unknown := observe.Alternative[sight]{Answer: observe.Unknown[sight]("it is written"), If: "it is written", About: "/a"}
	for _, test := range []struct {
		name    string
		likely  sight
		or      []observe.Alternative[sight]
		blind   bool // no forecast knows anything of the answer
		want    string
		certain bool
	}{
		{name: "certain", likely: sight{err: wrong}, want: "it is a directory", certain: true},
		{name: "in all cases", likely: sight{err: wrong}, or: []observe.Alternative[sight]{{Answer: observe.Answer[sight]{Value: sight{err: wrong}}}}, want: "it is a directory", certain: true},
		{name: "not in one case", likely: sight{err: wrong}, or: []observe.Alternative[sight]{{If: "a command does it"}}, want: "it is a directory, unless a command does it"},
		{name: "unknown in one case", likely: sight{err: wrong}, or: []observe.Alternative[sight]{unknown}, want: "unknown until it is written"},
		{name: "nobody can say", likely: sight{err: wrong}, blind: true, want: "it is a directory"},
		{name: "perhaps something to do", or: []observe.Alternative[sight]{unknown}, want: "unknown until it is written"},
	} {
		sights.Future = func(_ *observe.Forecast, _ string, _ sight) observe.Outlook[sight] {
			return observe.Outlook[sight]{Answer: observe.Answer[sight]{Value: test.likely}, Or: test.or}
		}
		if test.blind {
			sights.Future = nil
		}
		s := observe.NewSnapshot()
		sights.Put(s, "", test.likely, nil)
		s.Forecast()
		_, _, err := modules.Preview(seer{}, s)
		if err == nil || err.Error() != test.want || errors.Is(err, observe.ErrUnknown) == test.certain {
			t.Errorf("%s: %v, certain %v", test.name, err, !errors.Is(err, observe.ErrUnknown))
		}
	}
}

// refuser is a step that returns an error, whatever is there.
type refuser struct {
	modules.Step
	err error
}

func (r refuser) Diff(*observe.Snapshot) (modules.Change, error) { return modules.Change{}, r.err }

// An error of Later holds unless a pending change, of which nobody knows all that it does, may take its reason away.
func TestLater(t *testing.T) {
	t.Parallel()
	reason := errors.New("there is no such file")
	then := modules.Change{Edits: []modules.Edit{{Action: modules.Update, Subject: "/a"}}, Notes: []string{"not yet"}}
	for name, c := range map[string]struct {
		then    *modules.Change
		pending bool
		unknown bool
	}{
		"nothing is pending":             {then: &then},
		"pending":                        {then: &then, pending: true},
		"pending, and nobody knows":      {pending: true, unknown: true},
		"not pending, nobody would know": {},
	} {
		s := observe.NewSnapshot()
		if c.pending {
			s.Forecast().May(observe.Cause{Name: "a command"})
		}
		shown, likely, err := modules.Preview(refuser{err: modules.Later(reason, c.then)}, s)
		if made := c.pending && !c.unknown; made {
			if err != nil || !cmp.Equal(shown.Edits, then.Edits) || !cmp.Equal(likely.Notes, then.Notes) {
				t.Errorf("%s: %+v, %+v, %v", name, shown, likely, err)
			}
		} else if !errors.Is(err, reason) || errors.Is(err, observe.ErrUnknown) != c.unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
}

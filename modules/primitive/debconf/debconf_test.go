package debconf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	mailer := Answer{Question: "postfix/mailer", Type: "select", Value: "Internet Site"}
	secret := Answer{Question: "db/password", Type: "password", Value: "new"}
	many := Answer{Question: "locales/all", Type: "multiselect", Value: "de_DE, en_US"}
	is := func(value string) answer { return answer{There: true, Value: value} }
	edit := func(action modules.Action, question, from, to string) modules.Edit {
		return modules.Edit{Action: action, Subject: "debconf " + question, Field: "value", From: from, To: to}
	}
	hiddenEdit := func(action modules.Action, question string) modules.Edit {
		e := edit(action, question, "", "")
		e.Sensitive = true
		return e
	}
	tests := []struct {
		name      string
		answer    Answer
		sensitive bool
		is        answer
		isErr     error
		want      []modules.Edit
		work      modules.Work
		err       string
	}{
		{name: "converged", answer: mailer, is: is("Internet Site")},
		{
			name: "absent", answer: mailer, want: []modules.Edit{edit(modules.Create, "postfix/mailer", "", "Internet Site")},
			work: work{{Answer: mailer}},
		},
		{
			name: "another", answer: mailer, is: is("Local only"),
			want: []modules.Edit{edit(modules.Update, "postfix/mailer", "Local only", "Internet Site")},
			work: work{{Answer: mailer, Seen: is("Local only")}},
		},
		{name: "empty", answer: mailer, is: is(""), want: []modules.Edit{edit(modules.Update, "postfix/mailer", "", "Internet Site")}},
		{name: "password converged", answer: secret, is: is("new")},
		{name: "password absent", answer: secret, want: []modules.Edit{hiddenEdit(modules.Create, "db/password")}},
		{
			name: "another password", answer: secret, is: is("old"), want: []modules.Edit{hiddenEdit(modules.Update, "db/password")},
			work: work{{Answer: secret, Seen: is("old"), Sensitive: true}},
		},
		{name: "sensitive", answer: mailer, sensitive: true, is: is("x"), want: []modules.Edit{hiddenEdit(modules.Update, "postfix/mailer")}},
		{name: "another order", answer: many, is: is("en_US, de_DE")},
		{name: "one more", answer: many, is: is("en_US, de_DE, fr_FR"), want: []modules.Edit{edit(modules.Update, "locales/all", "en_US, de_DE, fr_FR", "de_DE, en_US")}},
		{name: "could not tell", answer: mailer, isErr: errors.New("Input/output error"), err: "read postfix/mailer in debconf's database: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			stored.Put(s, test.answer.Question, test.is, test.isErr)
			step := Step{Package: "x", Answers: []Answer{test.answer}, Sensitive: test.sensitive}
			got, err := step.Diff(s)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			if diff := cmp.Diff(test.want, got.Edits); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
			moduletest.WantWork(t, test.work, got)
		})
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"":                    {},
		"a":                   {"a"},
		"b, a":                {"a", "b"},
		"b,  a, b":            {"a", "b"},
		`a\, b, c`:            {"a, b", "c"},
		"en_US.UTF-8 UTF-8,x": {"en_US.UTF-8 UTF-8,x"},
	} {
		if diff := cmp.Diff(want, choices(value)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := Answer{Question: "a/b", Type: "string", Value: "x"}
	with := func(change func(*Answer)) []Answer {
		a := good
		change(&a)
		return []Answer{a}
	}
	tests := []struct {
		name    string
		answers []Answer
		err     string
	}{
		{name: "good", answers: []Answer{good}},
		{name: "empty value", answers: with(func(a *Answer) { a.Value = "" })},
		{name: "none", err: "answer: is required"},
		{name: "twice", answers: []Answer{good, good}, err: `answer[1]: is the second to "a/b"`},
		{name: "two words", answers: with(func(a *Answer) { a.Question = "a b" }), err: `answer[0]: must be labelled with a question such as "postfix/mailname", not "a b"`},
		{name: "comment", answers: with(func(a *Answer) { a.Question = "#a" }), err: `answer[0]: must be labelled with a question such as "postfix/mailname", not "#a"`},
		{name: "two lines", answers: with(func(a *Answer) { a.Value = "x\ny" }), err: "answer[0].value: must be one line"},
		{name: "backslash", answers: with(func(a *Answer) { a.Value = `x\` }), err: "answer[0].value: must not end with a backslash, which debconf takes for the line's continuation"},
		{name: "no boolean", answers: with(func(a *Answer) { a.Type, a.Value = "boolean", "yes" }), err: `answer[0].value: must be "true" or "false"`},
	}
	for _, test := range tests {
		_, err := New(Args{Package: "x1", Answers: test.answers}, modules.Env{Sensitive: func(string) bool { return false }})
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
	}
	if _, err := New(Args{Package: "X y", Answers: []Answer{good}}, modules.Env{Sensitive: func(string) bool { return false }}); moduletest.ErrorText(err) != `package: must be the name of a package, not "X y"` {
		t.Errorf("package: %v", err)
	}
}

// database is what debconf 1.5.82 wrote, shortened.
const (
	database = `Name: adduser/homedir-permission
Template: adduser/homedir-permission
Owners: adduser

Name: db/x
Template: db/x
Value: a: b \n c
Owners: db, other
Flags: seen
Variables:
 Name = trap
 choices = a, b

Name: db/empty
Template: db/empty
Value: 
Owners: db

Name: db/killed
Template: db/killed
Value: x
Owners: db

`
	passwords = "Name: db/secret\nTemplate: db/secret\nValue:  s3cret \nOwners: db\n\nName: db/x\nTemplate: db/x\nValue: not this\nOwners: db\n\n"
)

// TestStored runs the script in each shell on files that debconf wrote.
func TestStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	templates := "Name: db/x\nType: string\n\nName: db/empty\n\nName: db/secret\n\nName: adduser/homedir-permission\n"
	for name, content := range map[string]string{"config.dat": database, "passwords.dat": passwords, "templates.dat": templates} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	questions := []string{"db/x", "db/empty", "db/secret", "db/none", "db/killed", "adduser/homedir-permission", "db"}
	want := map[string]answer{
		"db/x": {true, `a: b \n c`}, "db/empty": {true, ""}, "db/secret": {true, " s3cret "}, "db/none": {}, "db/killed": {},
		"adduser/homedir-permission": {true, ""}, "db": {},
	}
	script := strings.Replace(stored.Script(questions), "/var/cache/debconf", dir, 1)
	none := strings.Replace(stored.Script(questions), "/var/cache/debconf", dir+"/none", 1)
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		for text, want := range map[string]map[string]answer{script: want, none: {"db/x": {}, "db/empty": {}, "db/secret": {}, "db/none": {}, "db/killed": {}, "adduser/homedir-permission": {}, "db": {}}} {
			out, stderr, err := host.Ask(t.Context(), text)
			if err != nil || len(stderr) > 0 {
				t.Fatalf("%v: %s", err, stderr)
			}
			got := map[string]answer{}
			for question, a := range parseStored(questions, observe.Reply{Stdout: out}) {
				if a.Err != nil {
					t.Errorf("%s: %v", question, a.Err)
				}
				got[question] = a.Value
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
	if got := parseStored(questions, observe.Reply{Status: 2, Stderr: []byte("awk: cannot open")}); len(got) != 0 {
		t.Errorf("answers without a database: %v", got)
	}
}

func FuzzParseStored(f *testing.F) {
	f.Add("Name: a/b\nValue: x\ntemplates\nName: a/b\n")
	f.Add("Value: x\nName: c\n")
	f.Fuzz(func(t *testing.T, stdout string) {
		for question, a := range parseStored([]string{"a/b"}, observe.Reply{Stdout: []byte(stdout)}) {
			if !a.Value.There && a.Value.Value != "" {
				t.Errorf("%s: %+v", question, a)
			}
		}
	})
}

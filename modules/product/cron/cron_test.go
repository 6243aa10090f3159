package cron

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

func TestCheckSchedule(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]string{
		"* * * * *":                    "",
		"*/15 8-18 1,15 * mon-fri":     "",
		"0 0 * jan,Feb 7":              "",
		"0-59/5 * * * *":               "",
		"@daily":                       "",
		"@often":                       `must be one of @reboot, @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, not "@often"`,
		"* * * *":                      `must have five fields, not 4: "* * * *"`,
		"* * * * * root":               `must have five fields, not 6: "* * * * * root"`,
		"60 * * * *":                   `has "60" for the minute, which is not from 0 to 59`,
		"0 0 0 * *":                    `has "0" for the day of the month, which is not from 1 to 31`,
		"0 24 * * *":                   `has "24" for the hour, which is not from 0 to 23`,
		"0 0 * 13 *":                   `has "13" for the month, which is not from 1 to 12`,
		"0 0 * * 8":                    `has "8" for the day of the week, which is not from 0 to 7`,
		"0 18-8 * * *":                 `has "18-8" for the hour, which goes from 18 back to 8`,
		"*/0 * * * *":                  `has "*/0" for the minute, which has a step that is not from 1 to 59`,
		"5/10 * * * *":                 `has "5/10" for the minute, which has a step without a range, such as 5-59/10`,
		"0 0 * mon *":                  `has "mon" for the month, which is not from 1 to 12`,
		"+1 * * * *":                   `has "+1" for the minute, which is not from 0 to 59`,
		"1,,2 * * * *":                 `has "1,,2" for the minute, which is not from 0 to 59`,
		"0 3 * * *; rm -rf /tmp/* * *": `must have five fields, not 10: "0 3 * * *; rm -rf /tmp/* * *"`,
	} {
		if got := moduletest.ErrorText(checkSchedule(schedule)); got != want {
			t.Errorf("%s: error %q, want %q", schedule, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Schedule: "0  3 * * *", Job: "date +%F", User: "root", Env: map[string]string{"PATH": "/bin", "A": `say "x"`}}
	for want, change := range map[string]func(*Args){
		"":                      func(*Args) {},
		"schedule: is required": func(a *Args) { a.Schedule = "" },
		"job: is required":      func(a *Args) { a.Job = " " },
		"job: must be one line": func(a *Args) { a.Job = "a\nb" },
		`name: must be of letters, digits, underscores and hyphens, not "a.b"`:        func(a *Args) { a.Name = "a.b" },
		`env: has "A B", which is not the name of a variable`:                         func(a *Args) { a.Env = map[string]string{"A B": "x"} },
		"env: has a value for A with both kinds of quotes, which cron can't be given": func(a *Args) { a.Env = map[string]string{"A": `"'`} },
	} {
		args := valid
		change(&args)
		step, err := New(args, modules.Env{Label: "backup"})
		if moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
		content := "# Written by rcprov.\nA='say \"x\"'\nPATH=\"/bin\"\n0 3 * * * root date +\\%F\n"
		if s := step.(*Step); want == "" && (string(s.Content) != content || s.Path != "/etc/cron.d/backup" || s.Mode != 0o644) {
			t.Errorf("%s, mode %o: %q", s.Path, s.Mode, s.Content)
		}
	}
}

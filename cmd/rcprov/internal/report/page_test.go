package report

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"golang.org/x/net/html"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// page renders the page of a run, whose secret is hidden.
func page(t *testing.T, run func(s *script), scope ...string) string {
	t.Helper()
	parser := hclparse.NewParser()
	if _, diags := parser.ParseHCL([]byte(source), "prod.hcl"); diags.HasErrors() {
		t.Fatal(diags)
	}
	s := &script{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	p := NewPage(Options{Now: s.Now, Files: parser.Files(), Secrets: redact.New(secret)}, "1.0.0", scope)
	s.r = pageReporter{Page: p}
	run(s)
	content, err := p.Render()
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

type pageReporter struct {
	Reporter
	*Page
}

func (r pageReporter) Report(e engine.Event) { r.Page.Report(e) }

// review is a plan with all that a page shows. odd is in every text that may come from a host or a plan.
func review(odd string) func(s *script) {
	return func(s *script) {
		with := func(edits ...modules.Edit) *modules.Change {
			c := &modules.Change{Notes: []string{"a note" + odd}}
			for _, e := range edits {
				e.Subject += odd
				if e.From != "" {
					e.From += odd
				}
				if e.To != "" {
					e.To += odd
				}
				if e.Text != nil {
					text := strings.NewReplacer("\x00", "", "\x9b", "").Replace(odd) // else it is binary
					e.Text = &modules.Text{Old: e.Text.Old + text + "\n", New: e.Text.New + text + "2\n"}
				}
				for _, clause := range []*string{&e.If, &e.Unless, &e.Or} {
					if *clause != "" {
						*clause += odd
					}
				}
				c.Edits = append(c.Edits, e)
			}
			return c
		}
		web1, web2, db := "web1"+odd, "web2"+odd, "db"+odd
		web, database := "web"+odd, "database"+odd
		step := func(kind engine.EventType, host, address string, index int, c *modules.Change, text string) engine.Event {
			return engine.Event{Type: kind, Play: web, Host: host, Step: address + odd, Index: index, Total: 6, Change: c, Text: text}
		}
		maybe := modules.Edit{Action: modules.Create, Subject: "/etc/maybe", To: "0644", Or: "package nginx brings it", Unless: "an earlier step leaves it so"}
		port := modules.WithHint(errors.New("port 80 is held by "+secret+odd), "Stop it.%s", odd)
		finding := func(host string, level modules.Level) engine.Event {
			return engine.Event{
				Type: engine.Found, Host: host, Step: "file.motd" + odd, Play: web, Index: 1, Total: 1,
				Finding: &engine.PreflightFinding{Play: web, Step: "file.motd" + odd, Range: *line(6), Check: modules.TopicPorts, Level: level, Err: port},
			}
		}
		away := &engine.Failure{
			Host: db, Address: "203.0.113.13" + odd, Left: 1,
			Err: modules.WithHint(errors.New("connect to db:22: connection refused"+odd), "Is sshd up?%s", odd),
		}
		broken := &engine.Failure{
			Host: web2, Address: "203.0.113.12:22", Play: web, Step: "apt_package.nginx" + odd, Range: line(10), Left: 3,
			Err: errors.New("look at package nginx" + odd + "\nE: database is locked" + odd),
		}
		unmet := &engine.Failure{Host: web1, Err: &engine.PreflightError{Findings: []*engine.PreflightFinding{finding(web1, modules.LevelError).Finding}}}
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Plan, Plan: "prod.hcl" + odd, Hosts: []string{web1, web2, db}},
			engine.Event{Type: engine.PlayStarted, Play: web, Hosts: []string{web1, web2}},
			finding(web2, modules.LevelWarn), finding(web1, modules.LevelError),
			step(engine.StepPlanned, web2, "file.motd", 1, with(motd, mode), ""),
			step(engine.StepPlanned, web1, "file.motd", 1, with(motd, mode), ""),
			step(engine.StepPlanned, web1, "file.key", 2, with(key, long), ""),
			step(engine.StepSkipped, web2, "file.key", 2, nil, "when is false"+odd),
			step(engine.StepOK, web1, "apt_package.nginx", 3, nil, ""),
			step(engine.StepUnknown, web1, "systemd_unit.chat", 4, with(perhaps, maybe), ""),
			step(engine.StepUnknown, web1, "check.late", 5, nil, "the answer of query.key is unknown"+odd),
			step(engine.StepOK, web1, "file.mongod", 6, with(), ""),
			engine.Event{Type: engine.HostFailed, Play: web, Host: web2, Step: "apt_package.nginx" + odd, Failure: broken},
			engine.Event{Type: engine.PlayStarted, Play: database, Hosts: []string{web1, db}},
			engine.Event{Type: engine.StepPlanned, Play: database, Host: web1, Step: "file.motd" + odd, Index: 1, Total: 2, Change: with(removed, restart)},
			engine.Event{Type: engine.StepOK, Play: database, Host: web1, Step: "file.data" + odd, Index: 2, Total: 2},
			engine.Event{Type: engine.HostFailed, Host: db, Failure: away},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{OK: 3, Planned: 4, Skipped: 1, Unknown: 2, Failed: 3, Left: 4}, Duration: 4 * time.Second,
				PerHost: []engine.HostCounts{
					{Host: web1, Counts: engine.Counts{OK: 3, Planned: 3, Unknown: 2, Failed: 1}},
					{Host: web2, Counts: engine.Counts{Planned: 1, Skipped: 1, Failed: 1, Left: 3}},
					{Host: db, Counts: engine.Counts{Failed: 1, Left: 1}},
				},
				Failures: []*engine.Failure{unmet, broken, away},
				Outputs:  map[string]any{"url" + odd: "https://chat.example.com" + odd, "dsn": "mongodb://u:hunter2+%26+co@db"},
			},
		)
	}
}

// TestPage compares a page with testdata/page.html.
func TestPage(t *testing.T) {
	t.Parallel()
	got := page(t, review(""), "--limit web*")
	if strings.Contains(got, "hunter2") || strings.Contains(got, "the old key") {
		t.Error("a secret is in the page")
	}
	compare(t, filepath.Join("testdata", "page.html"), []byte(got))
}

// TestPageHostile is a plan whose hosts want to be more than text.
func TestPageHostile(t *testing.T) {
	t.Parallel()
	const odd = ` <script src=//evil.example>alert(1)</script><img src=x onerror=alert(2)>"'>{{.}}</style></pre><!-- ]]> &lt; ` + "\x1b[31m\x00\x9b\u202e\u2028\U000e0041"
	want := structure(t, page(t, review("")))
	got := structure(t, page(t, review(odd), "--limit "+odd))
	// That the scope is said is all that the second page has besides.
	got = slices.DeleteFunc(got, func(e string) bool { return e == "scope" })
	want = slices.DeleteFunc(want, func(e string) bool { return e == "scope" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("text has become markup (-want +got):\n%s", diff)
	}
}

// structure returns the elements of a page with their attributes, and checks that the page has nothing hidden and that its policy
// allows its style and script and nothing else.
func structure(t *testing.T, content string) []string {
	t.Helper()
	if i := strings.IndexFunc(content, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028' || r == 0xe0041
	}); i >= 0 {
		t.Errorf("a control character: %q", content[max(0, i-40):i+10])
	}
	root, err := html.Parse(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var elements []string
	allowed := ""
	ids, links := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("a comment: %s", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		e := n.Data
		text := ""
		if n.FirstChild != nil && n.FirstChild.Type == html.TextNode {
			text = n.FirstChild.Data
		}
		if strings.HasPrefix(text, "Only a part was looked at") || n.Data == "code" && strings.HasPrefix(text, "--limit") {
			elements = append(elements, "scope")
			continue
		}
		for _, a := range n.Attr {
			value := a.Val
			switch {
			case a.Key == "content" && strings.Contains(value, "default-src"):
				allowed = value
			case a.Key == "id":
				if ids[value] {
					t.Errorf("two elements #%s", value)
				}
				ids[value] = true
			case a.Key == "href":
				links = append(links, strings.TrimPrefix(value, "#"))
			case a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "style":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, value)
			}
			e += fmt.Sprintf(" %s=%q", a.Key, value)
		}
		if n.Data == "style" && text != pageCSS || n.Data == "script" && text != pageJS {
			t.Errorf("<%s> is another one", n.Data)
		}
		elements = append(elements, e)
	}
	for _, link := range links {
		if !ids[link] {
			t.Errorf("a link to #%s leads nowhere", link)
		}
	}
	for _, of := range []string{pageCSS, pageJS} {
		if !strings.Contains(allowed, "'sha256-"+digest(of)+"'") {
			t.Errorf("the policy %q forbids its own style or script", allowed)
		}
	}
	if !strings.HasPrefix(allowed, "default-src 'none';") {
		t.Errorf("the policy is %q", allowed)
	}
	return elements
}

// fleet is a plan of sixty steps on many hosts, some of which fail.
func fleet(hosts int) func(s *script) {
	return func(s *script) {
		var names []string
		for i := range hosts {
			names = append(names, fmt.Sprintf("web%03d.fra.example.com", i+1))
		}
		modules60 := []string{"file", "apt_package", "systemd_unit", "directory", "user", "line", "sysctl"}
		s.play(engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Plan, Plan: "fleet.hcl", Hosts: names})
		finished := engine.Event{Type: engine.RunFinished, Duration: 20 * time.Second}
		var config strings.Builder
		for i := range 300 {
			fmt.Fprintf(&config, "setting_%d = %d\n", i, i*i)
		}
		for first, play := range []string{"base", "web"} {
			s.play(engine.Event{Type: engine.PlayStarted, Play: play, Hosts: names})
			for h, name := range names {
				if h%67 == 66 {
					if first == 0 {
						f := &engine.Failure{Host: name, Address: fmt.Sprintf("203.0.113.%d:22", h), Left: 60, Err: modules.WithHint(errors.New("connect: no answer within 10 s"), "Is it switched on? Try `ssh %s`.", name)}
						s.play(engine.Event{Type: engine.HostFailed, Host: name, Failure: f})
						finished.Failures = append(finished.Failures, f)
					}
					continue
				}
				for i := range 30 {
					e := engine.Event{
						Type: engine.StepOK, Play: play, Host: name, Step: fmt.Sprintf("%s.%s_part_%d", modules60[(first*30+i)%7], play, i+1), Index: i + 1, Total: 30,
					}
					switch {
					case i == 4 && h%3 == 0:
						e.Type, e.Change = engine.StepPlanned, change(motd, mode)
					case i == 11 && first == 1:
						e.Type, e.Change = engine.StepPlanned, change(modules.Edit{Action: modules.Create, Subject: "/etc/app/app.conf", To: "0640 root:app", Text: &modules.Text{New: config.String()}}, restart)
					case i == 12 && first == 1:
						e.Type, e.Change = engine.StepUnknown, change(perhaps)
					case i == 20 && h%40 == 7:
						e.Type, e.Change = engine.StepPlanned, change(modules.Edit{Action: modules.Update, Subject: "/etc/hostname", Field: "content", Text: &modules.Text{Old: "localhost\n", New: name + "\n"}})
					case i == 25 && h%9 == 1:
						e.Type, e.Text = engine.StepSkipped, "when is false"
					}
					s.play(e)
				}
			}
		}
		for h, name := range names {
			c := engine.Counts{OK: 57, Planned: 2, Unknown: 1}
			if h%67 == 66 {
				c = engine.Counts{Failed: 1, Left: 60}
			}
			finished.PerHost = append(finished.PerHost, engine.HostCounts{Host: name, Counts: c})
			finished.Counts.OK, finished.Counts.Planned, finished.Counts.Unknown = finished.Counts.OK+c.OK, finished.Counts.Planned+c.Planned, finished.Counts.Unknown+c.Unknown
			finished.Counts.Failed, finished.Counts.Left = finished.Counts.Failed+c.Failed, finished.Counts.Left+c.Left
		}
		s.play(finished)
	}
}

// TestPageFleet is a page of 200 hosts and sixty steps: a diff that is the same on many is in it once, and it stays small.
func TestPageFleet(t *testing.T) {
	t.Parallel()
	content := page(t, fleet(200))
	if n := strings.Count(content, "setting_299 = "); n != 1 {
		t.Errorf("a diff that is the same on all hosts is there %d times", n)
	}
	if cells := len(regexp.MustCompile(`<td class="`).FindAllString(content, -1)); cells != 200*60 {
		t.Errorf("%d cells", cells)
	}
	if len(content) > 1<<20 {
		t.Errorf("%d bytes", len(content))
	}
	structure(t, content)
}

// TestPageOfOneHost doesn't say again and again which host it is about.
func TestPageOfOneHost(t *testing.T) {
	t.Parallel()
	content := page(t, fleet(1))
	if n := strings.Count(content, "web001.fra.example.com"); n != 2 {
		t.Errorf("its only host is named %d times, not in the head and in the matrix", n)
	}
	if open := strings.Count(content, "<details open>"); open != 3 {
		t.Errorf("%d changes are not folded; only one of four is long", open)
	}
	structure(t, content)
}

// TestPageLarge is a page of hosts with long diffs of their own: what is left out is said.
func TestPageLarge(t *testing.T) {
	t.Parallel()
	content := page(t, func(s *script) {
		s.play(engine.Event{Type: engine.RunStarted, Run: "k3f9", Hosts: []string{"a"}}, engine.Event{Type: engine.PlayStarted, Play: "p", Hosts: []string{"a"}})
		for i := range 24 {
			text := strings.Repeat(fmt.Sprintf("a line of file %d, which is long: "+strings.Repeat("-", 50)+"\n", i), 3000)
			s.play(engine.Event{
				Type: engine.StepPlanned, Play: "p", Host: "a", Step: fmt.Sprintf("file.f%d", i), Index: i + 1,
				Change: change(modules.Edit{Action: modules.Create, Subject: "/f", Text: &modules.Text{New: text}}),
			})
		}
		s.play(engine.Event{Type: engine.RunFinished})
	})
	if len(content) > 3_000_000 {
		t.Errorf("%d bytes", len(content))
	}
	if !strings.Contains(content, "1000 more lines are left out here") || !strings.Contains(content, "2970 more lines are left out here") {
		t.Error("what is left out is not said")
	}
}

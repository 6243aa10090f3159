package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

var update = flag.Bool("update", false, "write what is printed to testdata/*.txtar")

const secret = "hunter2 & co"

const source = `host "web1" {
}

play "web" {
  hosts = host.all
  file "motd" {
    path = "/etc/motd"
  }
  apt_package "nginx" {
    package = "ngnix"
  }
}
`

// line returns the range of one line of source, without its indentation.
func line(n int) *hcl.Range {
	start := 0
	lines := strings.SplitAfter(source, "\n")
	for _, l := range lines[:n-1] {
		start += len(l)
	}
	text := strings.TrimRight(lines[n-1], "\n")
	indent := len(text) - len(strings.TrimLeft(text, " "))
	return &hcl.Range{
		Filename: "prod.hcl",
		Start:    hcl.Pos{Line: n, Column: indent + 1, Byte: start + indent},
		End:      hcl.Pos{Line: n, Column: len(text) + 1, Byte: start + len(text)},
	}
}

// A script plays events to a Reporter, one second apart.
type script struct {
	r   Reporter
	now time.Time
}

func (s *script) Now() time.Time { return s.now }

func (s *script) play(events ...engine.Event) {
	for _, e := range events {
		e.Time = s.now
		s.r.Report(e)
		s.now = s.now.Add(time.Second)
	}
}

func change(edits ...modules.Edit) *modules.Change { return &modules.Change{Edits: edits} }

var (
	motd = modules.Edit{
		Action: modules.Update, Subject: "/etc/motd", Field: "content",
		Text: &modules.Text{Old: "one\ntwo\x1b[2J\r\nthree\n", New: "one\nTWO\nthree\npassword=" + secret + "\n"},
	}
	mode    = modules.Edit{Action: modules.Update, Subject: "/etc/motd", Field: "mode", From: "0600", To: "0644"}
	created = modules.Edit{
		Action: modules.Create, Subject: "/etc/app.conf", To: "0640 root:app", Text: &modules.Text{New: "port = 3000\n"},
	}
	key = modules.Edit{
		Action: modules.Update, Subject: "/etc/key", Field: "content",
		Text: &modules.Text{Old: "the old key", New: "the new key"}, From: "old", To: "new", Sensitive: true,
	}
	removed = modules.Edit{Action: modules.Remove, Subject: "package telnetd", From: "0.17-44"}
	restart = modules.Edit{Action: modules.Run, Subject: "nginx.service", To: "restart"}
	perhaps = modules.Edit{Action: modules.Run, Subject: "chat.service", Field: "restart", If: "package telnetd changes what it runs"}
	long    = modules.Edit{Action: modules.Create, Subject: "/etc/long", To: "0644 root:root", Text: &modules.Text{New: strings.Repeat("line\n", 70)}}
)

// scenarios are runs as the engine tells them.
var scenarios = map[string]func(s *script){
	"plan": func(s *script) {
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Plan, Plan: "prod.hcl", Hosts: []string{"web1", "web2", "db"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1", "web2"}},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web2", Total: 5},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 6},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web2", Step: "file.motd", Index: 1, Total: 5, Change: change(motd, mode)},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web2", Step: "file.app", Index: 2, Total: 5, Change: change(created)},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web1", Step: "file.app", Index: 2, Total: 5, Change: change(created)},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web1", Step: "file.key", Index: 3, Total: 5, Change: change(key)},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web1", Step: "apt_package.telnet", Index: 4, Total: 5, Change: change(removed)},
			engine.Event{Type: engine.StepOK, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 5},
			engine.Event{Type: engine.StepSkipped, Play: "web", Host: "web2", Step: "file.key", Index: 3, Total: 5, Text: "when is false"},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web1", Step: "systemd_unit.nginx", Index: 5, Total: 5, Change: change(restart)},
			engine.Event{Type: engine.StepUnknown, Play: "web", Host: "web1", Step: "systemd_unit.chat", Index: 6, Total: 6, Change: change(perhaps)},
			engine.Event{Type: engine.HostFinished, Play: "web", Host: "web1", Counts: engine.Counts{OK: 1, Planned: 4, Unknown: 1}, Duration: time.Second},
			engine.Event{Type: engine.HostFinished, Play: "web", Host: "web2", Counts: engine.Counts{OK: 2, Planned: 2, Skipped: 1}, Duration: time.Second},
			engine.Event{Type: engine.PlayStarted, Play: "database", Hosts: []string{"db"}},
			engine.Event{
				Type: engine.StepOK, Play: "database", Host: "db", Step: "file.mongod", Index: 1, Total: 1,
				Change: &modules.Change{Notes: []string{"the kernel keeps transparent huge pages until the next boot"}},
			},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{OK: 4, Planned: 6, Skipped: 1, Unknown: 1}, Duration: 4 * time.Second,
				PerHost: []engine.HostCounts{
					{Host: "web1", Counts: engine.Counts{OK: 1, Planned: 4, Unknown: 1}},
					{Host: "web2", Counts: engine.Counts{OK: 2, Planned: 2, Skipped: 1}},
					{Host: "db", Counts: engine.Counts{OK: 1}},
				},
				Outputs: map[string]any{"url": "https://chat.example.com", "dsn": "mongodb://u:hunter2+%26+co@db", "ports": []int{80, 443}},
			},
		)
	},
	"converged": func(s *script) {
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: []string{"web1"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1"}},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 1},
			engine.Event{Type: engine.StepOK, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 1},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{OK: 1}, Duration: 300 * time.Millisecond,
				PerHost: []engine.HostCounts{{Host: "web1", Counts: engine.Counts{OK: 1}}},
			},
		)
	},
	"apply": func(s *script) {
		refused := modules.NewCommandError(
			modules.Command{Argv: []string{"apt-get", "install", "ngnix"}},
			modules.Result{Status: 100, Stderr: []byte("Reading package lists...\n\x1b[31mBuilding\x1b[0m dependency tree...\nW: password " + secret + "\n\nE: Unable to locate package ngnix\n")},
		)
		failed := func(host string) *engine.Failure {
			return &engine.Failure{
				Host: host, Address: "203.0.113.1" + host[3:] + ":22", Play: "web", Step: "apt_package.nginx", Range: line(10),
				Err: modules.WithHint(fmt.Errorf("install ngnix: %w", refused),
					"Check the name with `apt-cache policy ngnix`, or add the repository in an earlier step; then run the same command again."),
				Changed: []string{"file.motd"}, Left: 3,
			}
		}
		web1, web2 := failed("web1"), failed("web2")
		partly := &engine.Failure{
			Host: "web3", Address: "203.0.113.13:22", Play: "web", Step: "file.motd", Range: line(6),
			Err: errors.New("write /etc/motd: no space left on device"), Aftermath: engine.Partly, Left: 4,
		}
		away := &engine.Failure{
			Host: "web4", Address: "203.0.113.14:22", Left: 5,
			Err: modules.WithHint(errors.New("connect: no answer within 10 s"), "Is it switched on? Try `ssh web4`."),
		}
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: []string{"web1", "web2", "web3", "web4"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1", "web2", "web3", "web4"}},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 5},
			engine.Event{Type: engine.Doing, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 5, Text: "writing /etc/motd"},
			engine.Event{Type: engine.StepChanged, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 5, Change: change(motd), Duration: 200 * time.Millisecond},
			engine.Event{Type: engine.StepChanged, Play: "web", Host: "web2", Step: "file.motd", Index: 1, Total: 5, Change: change(long), Duration: 12 * time.Second},
			engine.Event{Type: engine.HostFailed, Play: "web", Host: "web1", Failure: web1},
			engine.Event{Type: engine.HostFailed, Play: "web", Host: "web2", Failure: web2},
			engine.Event{Type: engine.HostFailed, Play: "web", Host: "web3", Failure: partly},
			engine.Event{Type: engine.HostFailed, Host: "web4", Failure: away},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{Changed: 2, Failed: 4, Left: 15}, Duration: 75 * time.Second,
				PerHost: []engine.HostCounts{
					{Host: "web1", Counts: engine.Counts{Changed: 1, Failed: 1, Left: 3}},
					{Host: "web2", Counts: engine.Counts{Changed: 1, Failed: 1, Left: 3}},
					{Host: "web3", Counts: engine.Counts{Failed: 1, Left: 4}},
					{Host: "web4", Counts: engine.Counts{Failed: 1, Left: 5}},
				},
				Failures: []*engine.Failure{web1, web2, partly, away},
			},
		)
	},
	// What a host needs that can't be reached is unknown; what a step changed before it failed is not "nothing".
	"unknown": func(s *script) {
		away := &engine.Failure{
			Host: "web1", Address: "203.0.113.11", Err: modules.WithHint(errors.New("connect to web1:22: connection refused"), "Is sshd up?"),
		}
		partly := &engine.Failure{
			Host: "web1", Address: "203.0.113.11:22", Play: "web", Step: "file.motd", Range: line(6),
			Err: errors.New("nginx -t (exit status 1)\none\ntwo"), Aftermath: engine.Partly,
		}
		failed := engine.HostCounts{Host: "web1", Counts: engine.Counts{Failed: 1}}
		for _, run := range []struct {
			mode    engine.Mode
			failure *engine.Failure
			hosts   []engine.HostCounts
		}{
			{engine.Plan, away, []engine.HostCounts{failed}},
			{engine.Plan, away, []engine.HostCounts{failed, {Host: "web2", Counts: engine.Counts{OK: 3}}}},
			{engine.Apply, partly, []engine.HostCounts{failed}},
		} {
			s.play(
				engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: run.mode, Plan: "prod.hcl", Hosts: []string{"web1"}},
				engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1"}},
				engine.Event{Type: engine.HostFailed, Host: "web1", Failure: run.failure},
				engine.Event{
					Type: engine.RunFinished, Duration: time.Second, PerHost: run.hosts, Failures: []*engine.Failure{run.failure},
					Counts: engine.Counts{Failed: 1, OK: 3 * (len(run.hosts) - 1)},
				},
			)
		}
	},
	"preflight": func(s *script) {
		finding := func(host, step string, n, at int, check modules.Topic, level modules.Level, err error) engine.Event {
			return engine.Event{
				Type: engine.Found, Host: host, Step: step, Play: "web", Index: n, Total: 2,
				Finding: &engine.PreflightFinding{Play: "web", Step: step, Range: *line(at), Check: check, Level: level, Err: err},
			}
		}
		memory := modules.WithHint(errors.New("the host has 1.9 GB of memory, and this step needs 4 GB"), "Take a host with 4 GB or more.")
		port := modules.WithHint(errors.New("port 80 is held by "+secret+" (process 73), not by nginx.service"), "Stop it.")
		warns, objects := finding("web1", "apt_package.nginx", 1, 9, modules.TopicMemory, modules.LevelWarn, memory), finding("web1", "file.motd", 2, 6, modules.TopicPorts, modules.LevelError, port)
		other := warns
		other.Host = "web2"
		unmet := &engine.Failure{
			Host: "web1", Address: "203.0.113.11:22", Left: 2, Err: &engine.PreflightError{Findings: []*engine.PreflightFinding{objects.Finding}},
		}
		both := &engine.Failure{Host: "web1", Address: "203.0.113.11:22", Left: 2, Early: true, Err: &engine.PreflightError{
			Findings: []*engine.PreflightFinding{finding("", "apt_package.nginx", 0, 9, modules.TopicMemory, modules.LevelError, memory).Finding, objects.Finding},
		}}
		end := engine.Event{
			Type: engine.RunFinished, Duration: time.Second, Counts: engine.Counts{Planned: 2, Failed: 1}, Failures: []*engine.Failure{unmet},
			PerHost: []engine.HostCounts{{Host: "web1", Counts: engine.Counts{Planned: 1, Failed: 1}}, {Host: "web2", Counts: engine.Counts{Planned: 1}}},
		}
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Plan, Plan: "prod.hcl", Hosts: []string{"web1", "web2"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1", "web2"}},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web2", Total: 1}, other,
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 1}, warns, objects,
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web2", Step: "file.motd", Index: 1, Total: 1, Change: change(mode)},
			engine.Event{Type: engine.StepPlanned, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 1, Change: change(mode)},
			end,
		)
		end.Counts, end.Failures = engine.Counts{Failed: 1, Left: 2}, []*engine.Failure{both}
		end.PerHost = []engine.HostCounts{{Host: "web1", Counts: engine.Counts{Failed: 1, Left: 2}}}
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: []string{"web1", "web2"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1", "web2"}},
			warns, objects,
			engine.Event{Type: engine.HostFailed, Host: "web1", Failure: both},
			end,
		)
	},
	"lost": func(s *script) {
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: []string{"web1"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1"}},
			engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 1},
			engine.Event{Type: engine.Doing, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 1, Text: "changing"},
			engine.Event{Type: engine.ConnectionLost, Host: "web1", Text: "the connection to admin@web1:22 broke: the host has been silent for 48s"},
			engine.Event{Type: engine.Doing, Host: "web1", Text: "reconnecting"},
			engine.Event{Type: engine.ConnectionBack, Host: "web1", Text: "admin@web1:22", Duration: 12 * time.Second},
			engine.Event{Type: engine.StepChanged, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 1, Change: change(mode), Duration: 90 * time.Second},
			engine.Event{Type: engine.JournalFailed, Host: "web1", Text: "/var/lib/rcprov/journal.jsonl could not be written: No space left on device"},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{Changed: 1}, Duration: 91 * time.Second,
				PerHost: []engine.HostCounts{{Host: "web1", Counts: engine.Counts{Changed: 1}}},
			},
		)
	},
	"stopped": func(s *script) {
		s.play(
			engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: []string{"web1"}},
			engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: []string{"web1"}},
			engine.Event{Type: engine.StepChanged, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 2, Change: change(mode, created, removed)},
			engine.Event{
				Type: engine.RunFinished, Counts: engine.Counts{Changed: 1, Left: 1}, Duration: time.Second, Stopped: true,
				PerHost: []engine.HostCounts{{Host: "web1", Counts: engine.Counts{Changed: 1, Left: 1}}},
			},
		)
	},
}

// TestReport compares the whole output of each scenario for each reader with testdata/SCENARIO.txtar.
func TestReport(t *testing.T) {
	t.Parallel()
	parser := hclparse.NewParser()
	if _, diags := parser.ParseHCL([]byte(source), "prod.hcl"); diags.HasErrors() {
		t.Fatal(diags)
	}
	readers := []struct {
		name    string
		options Options
	}{
		{"pipe", Options{}},
		{"verbose", Options{Verbose: true}},
		{"terminal", Options{Color: true, ErrColor: true, Size: func() (int, int) { return 60, 20 }}},
		{"json", Options{JSON: true}},
	}
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got txtar.Archive
			for _, reader := range readers {
				var out, errs bytes.Buffer
				s := &script{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
				o := reader.options
				o.Out, o.Err, o.Now, o.Files = &out, &errs, s.Now, parser.Files()
				o.Secrets = redact.New(secret)
				s.r = New(o)
				scenario(s)
				if err := s.r.Close(); err != nil {
					t.Error(err)
				}
				for _, file := range []txtar.File{{Name: reader.name, Data: out.Bytes()}, {Name: reader.name + " (stderr)", Data: errs.Bytes()}} {
					file.Data = bytes.ReplaceAll(file.Data, []byte("\x1b"), []byte("␛")) // to be read in an editor
					if bytes.Contains(file.Data, []byte("hunter2")) {
						t.Errorf("%s: the secret is in the output:\n%s", file.Name, file.Data)
					}
					if len(file.Data) > 0 {
						got.Files = append(got.Files, file)
					}
				}
				if reader.options.JSON {
					checkJSON(t, out.String())
				}
			}
			compare(t, filepath.Join("testdata", name+".txtar"), txtar.Format(&got))
		})
	}
}

func checkJSON(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var object struct{ Version int }
		if err := json.Unmarshal([]byte(line), &object); err != nil || object.Version != 1 {
			t.Errorf("not an object of version 1: %s (%v)", line, err)
		}
	}
}

// compare compares got with a file, or writes it with -update.
func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); `go test -update` accepts it:\n%s", path, diff)
	}
}

// TestSuspend reports from within a question: the event must neither wait nor be seen before the answer.
func TestSuspend(t *testing.T) {
	t.Parallel()
	for _, options := range []Options{{}, {JSON: true}} {
		var out bytes.Buffer
		options.Out, options.Err, options.Now = &out, &out, time.Now
		r := New(options)
		r.Suspend(func() {
			r.Report(engine.Event{Type: engine.StepChanged, Host: "web1", Step: "file.motd", Change: change(mode)})
			if out.Len() > 0 && !options.JSON {
				t.Errorf("written while asking: %q", out.String())
			}
		})
		if !strings.Contains(out.String(), "file.motd") {
			t.Errorf("not written after the answer: %q", out.String())
		}
	}
}

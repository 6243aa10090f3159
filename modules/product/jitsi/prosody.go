package jitsi

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/job"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Prosody is the step that has jitsi-meet-prosody configure prosody for a domain. The package's script does its work only if it
// finds no configuration, and does not complete it if it was killed; so rcprov observes the result, and if a part is missing
// it removes all of it and runs the script again (the way that was seen to work on Debian 12). [Account] is for the accounts,
// [Roster] for the roster and [CertificateLinks] for the links, which rcprov itself makes again.
type Prosody struct {
	Domain  string
	Guarded bool // prosody doesn't start with what the script writes, see [Guard]
}

var _ modules.Step = (*Prosody)(nil)

func prosodyConf(domain string) string { return "/etc/prosody/conf.avail/" + domain + ".cfg.lua" }

// prosodyLink is the link by which prosody reads the configuration.
func prosodyLink(domain string) string { return "/etc/prosody/conf.d/" + domain + ".cfg.lua" }

func prosodyCertificate(name string) string { return "/var/lib/prosody/" + name + ".crt" }

// prosodyData is the directory of a host's data: prosody's util.datamanager encodes all but letters and digits.
func prosodyData(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return "/var/lib/prosody/" + b.String()
}

func (s *Prosody) auth() string { return "auth." + s.Domain }

func confQuestion(path string) observe.FileQuestion {
	return observe.FileQuestion{Path: path, Content: true}
}

// needed are the files that the script makes beside the configuration.
func (s *Prosody) needed() []string {
	return []string{
		prosodyCertificate(s.Domain), "/var/lib/prosody/" + s.Domain + ".key",
		prosodyCertificate(s.auth()), "/var/lib/prosody/" + s.auth() + ".key",
		"/usr/local/share/ca-certificates/" + s.auth() + ".crt",
	}
}

// Observe implements [modules.Step].
func (s *Prosody) Observe(q *observe.Query) {
	observe.File.Ask(q, confQuestion(prosodyConf(s.Domain)))
	for _, path := range s.needed() {
		observe.File.Ask(q, observe.FileQuestion{Path: path})
	}
}

// Foresee implements [modules.Foreseer]: the package's script does more than what the edits say.
func (s *Prosody) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	f := snapshot.Forecast()
	f.Remove(prosodyData(s.auth()))
	for _, user := range []string{focusUser, bridgeUser} { // with a password of debconf's
		f.Write(accountFile(user, s.Domain), observe.KnownContent(nil), observe.UnknownRights)
	}
	for _, path := range s.needed() {
		f.Write(path, observe.NewContent, nil)
	}
	for _, l := range certificateLinks(s.Domain) {
		f.Link(l.Path, l.Target)
	}
	f.Write(prosodyConf(s.Domain), observe.NewContent, observe.UnknownRights)
	f.Link(prosodyLink(s.Domain), prosodyConf(s.Domain))
	if s.Guarded {
		f.Stop(snapshot, prosodyUnit)
	}
	f.May(observe.Cause{Name: "package " + prosodyPackage, Text: "prosody jicofo jitsi-videobridge2", Brings: true}) // its script restarts these
}

// Diff implements [modules.Step].
func (s *Prosody) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	path := prosodyConf(s.Domain)
	conf, err := observe.File.Get(snapshot, confQuestion(path))
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
	}
	switch {
	case conf.Type == observe.Absent:
		return modules.NewChange(prosodyWork{Domain: s.Domain, Lacks: wholeConf}), nil
	case conf.Type != observe.Regular:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", path, conf.Type), "rcprov doesn't replace it: move it away.")
	case !strings.Contains(string(conf.Content), s.auth()+".crt\""):
		return modules.NewChange(prosodyWork{Domain: s.Domain, Lacks: authCertificate}), nil
	}
	for _, path := range s.needed() {
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: path})
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
		}
		if is.Type == observe.Absent {
			return modules.NewChange(prosodyWork{Domain: s.Domain, Lacks: neededFile, File: path}), nil
		}
	}
	return modules.Change{}, nil
}

// prosodyWork is a run of the package's script, because the domain's configuration lacks a part.
type prosodyWork struct {
	Domain string
	Lacks  prosodyPart
	File   string // the path of a neededFile
}

// A prosodyPart is a part of what the script makes.
type prosodyPart int

// The parts.
const (
	wholeConf       prosodyPart = iota + 1 // there is no configuration
	authCertificate                        // its line for the certificate of auth.DOMAIN
	neededFile                             // a file beside it
)

// Edits implements [modules.Work].
func (w prosodyWork) Edits() []modules.Edit {
	e := modules.Edit{
		Action: modules.Update, Subject: prosodyConf(w.Domain), Field: "configured", To: "as " + prosodyPackage + " writes it",
	}
	switch w.Lacks {
	case wholeConf:
		e.Action = modules.Create
	case authCertificate:
		e.From = "without the certificate of auth." + w.Domain
	case neededFile:
		e.From = "without " + w.File
	}
	return []modules.Edit{e}
}

//go:embed anew.sh
var anewScript string

// Apply implements [modules.Step].
func (s *Prosody) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	conf := prosodyConf(s.Domain)
	_, err := h.Run(ctx, modules.Command{Script: shell.Script(anewScript, shell.Vars{
		"domain": s.Domain, "data": prosodyData(s.auth()), "conf": conf, "backup": modules.BackupPath(conf),
	})})
	if err != nil {
		return err
	}
	return reconfigure(ctx, h, prosodyPackage, "")
}

// reconfigure runs the script before and then a package's own scripts again. It is a job of apt's name, so that it waits while
// apt is at work.
func reconfigure(ctx context.Context, h modules.Host, name, before string) error {
	modules.Progress(ctx, "dpkg-reconfigure %s", name)
	_, err := job.Run(ctx, h, job.Job{Name: "apt", Command: modules.Command{
		Script: before + "exec dpkg-reconfigure -f noninteractive -p critical " + name,
		Env:    []string{"DEBIAN_FRONTEND=noninteractive", "DEBIAN_PRIORITY=critical"},
	}})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return modules.WithHint(fmt.Errorf("dpkg-reconfigure %s: %s (exit status %d)", name, said(failed.Result.Stderr, failed.Result.Stdout), failed.Result.Status),
			"The same command runs it again. `DEBIAN_FRONTEND=noninteractive dpkg-reconfigure %s` on the host shows what the package's script prints.", name)
	}
	return err
}

package jitsi

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Site is the step for Jitsi's site of nginx and the page's configuration. jitsi-meet-web-config writes both, but only for a
// domain that is new to it; the certificate and the directory of ACME challenges are the plan's.
type Site struct {
	Domain           string
	Certificate, Key string
	Webroot          string
}

var _ modules.Step = (*Site)(nil)

func (s *Site) path() string { return "/etc/nginx/sites-available/" + s.Domain + ".conf" }

func (s *Site) link() string { return "/etc/nginx/sites-enabled/" + s.Domain + ".conf" }

func (s *Site) page() string { return "/etc/jitsi/meet/" + s.Domain + "-config.js" }

// Observe implements [modules.Step].
func (s *Site) Observe(q *observe.Query) {
	observe.File.Ask(q, confQuestion(s.path()))
	observe.File.Ask(q, confQuestion(s.page()))
}

// Diff implements [modules.Step].
func (s *Site) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	var c modules.Change
	for _, path := range []string{s.path(), s.page()} {
		is, err := observe.File.Get(snapshot, confQuestion(path))
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
		}
		e := modules.Edit{Action: modules.Create, Subject: path, To: "as " + webPackage + " writes it"}
		switch {
		case is.Type == observe.Absent:
		case is.Type != observe.Regular:
			return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", path, is.Type), "rcprov doesn't replace it: move it away.")
		case path == s.page():
			if strings.Contains(string(is.Content), "domain: '"+s.Domain+"'") {
				continue
			}
			e.Action, e.Field, e.From = modules.Update, "domain", "does not name "+s.Domain
		default:
			text := s.edit(string(is.Content))
			if text == string(is.Content) {
				continue
			}
			e = modules.Edit{Action: modules.Update, Subject: path, Field: "certificate", Text: &modules.Text{Old: string(is.Content), New: text}}
		}
		c.Edits = append(c.Edits, e)
	}
	return c, nil
}

// Foresee implements [modules.Foreseer]: the package's script does more than what the edits say.
func (s *Site) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	modules.ForeseeFiles(snapshot, c)
	if _, wrong := s.wrong(c); wrong {
		snapshot.Forecast().May(observe.Cause{Name: "package " + webPackage, Brings: true})
	}
}

var (
	certificateLine = regexp.MustCompile(`(?m)^(\s*ssl_certificate\s+)[^;]+;`)
	keyLine         = regexp.MustCompile(`(?m)^(\s*ssl_certificate_key\s+)[^;]+;`)
	challenges      = regexp.MustCompile(`(?s)(location \^~ /\.well-known/acme-challenge/ \{.*?\n\s*root\s+)[^;]+;`)
)

// edit returns the text of the site with the plan's paths.
func (s *Site) edit(text string) string {
	for _, e := range []struct {
		match *regexp.Regexp
		path  string
	}{{certificateLine, s.Certificate}, {keyLine, s.Key}, {challenges, s.Webroot}} {
		text = e.match.ReplaceAllString(text, "${1}"+strings.ReplaceAll(e.path, "$", "$$")+";")
	}
	return text
}

var (
	//go:embed site.sh
	siteScript string
	//go:embed validate.sh
	validateScript string
)

// Apply implements [modules.Step].
func (s *Site) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if err := s.rewrite(ctx, h, c); err != nil {
		return err
	}
	read, err := h.Run(ctx, modules.Command{Argv: []string{"cat", "--", s.path()}})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return modules.WithHint(fmt.Errorf("%s did not write %s", webPackage, s.path()),
			"It writes sites of nginx only if the package nginx is installed: put an `nginx` block before this one.")
	}
	if err != nil {
		return err
	}
	text := s.edit(string(read.Stdout))
	if text == string(read.Stdout) {
		return nil
	}
	return modules.WriteFile(ctx, h, modules.File{
		Path: s.path(), Content: []byte(text), Keep: true, Mode: 0o644,
		Validate: []string{"sh", "-euc", shell.Script(validateScript, shell.Vars{"name": s.Domain + ".conf"}), "nginx-test", "%s"},
	})
}

// rewrite has the package write the files that are missing or of another domain.
func (s *Site) rewrite(ctx context.Context, h modules.Host, c modules.Change) error {
	page, wrong := s.wrong(c)
	if !wrong {
		return nil
	}
	return reconfigure(ctx, h, webPackage, shell.Script(siteScript, shell.Vars{"domain": s.Domain, "page": page}))
}

// wrong reports whether the package has to write a file that is missing or of another domain, and returns the page if it is of
// another domain.
func (s *Site) wrong(c modules.Change) (page string, wrong bool) {
	for _, e := range c.Edits {
		wrong = wrong || e.Action == modules.Create || e.Field == "domain"
		if e.Field == "domain" {
			page = s.page()
		}
	}
	return page, wrong
}

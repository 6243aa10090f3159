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
	"github.com/rcprov/rcprov/modules/product/nginx"
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
	nginx.AskSites(q)
}

// Diff implements [modules.Step].
func (s *Site) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := siteWork{Site: s}
	if err := nginx.CheckRead(snapshot, s.link()); err != nil {
		return modules.Change{}, err
	}
	notes, err := nginx.Twins(snapshot, []string{s.Domain}, s.link())
	if err != nil {
		return modules.Change{}, err
	}
	for _, path := range []string{s.path(), s.page()} {
		is, err := observe.File.Get(snapshot, confQuestion(path))
		if err != nil {
			return modules.Change{}, fmt.Errorf("look at %s: %w", path, err)
		}
		switch {
		case is.Type == observe.Absent && path == s.page():
			w.Page = writePage
		case is.Type == observe.Absent:
			w.WriteSite = true
		case is.Type != observe.Regular:
			return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", path, is.Type), "rcprov doesn't replace it: move it away.")
		case path == s.page():
			if !strings.Contains(string(is.Content), "domain: '"+s.Domain+"'") {
				w.Page = replacePage
			}
		default:
			if text := s.edit(string(is.Content)); text != string(is.Content) {
				w.EditSite = &modules.Text{Old: string(is.Content), New: text}
			}
		}
	}
	return modules.NewChange(w, notes...), nil
}

// siteWork is what is done to the site and to the page.
type siteWork struct {
	Site      *Site
	WriteSite bool          // the package writes the site, which is then edited
	EditSite  *modules.Text // the site that is there gets the plan's paths; nil: it stays
	Page      pageTask
}

// A pageTask is what is done to the page.
type pageTask int

// The tasks.
const (
	keepPage    pageTask = iota
	writePage            // the package writes it
	replacePage          // the same, because it is of another domain
)

// rewrites reports whether the package writes a file that is missing or of another domain.
func (w siteWork) rewrites() bool { return w.WriteSite || w.Page != keepPage }

// Edits implements [modules.Work].
func (w siteWork) Edits() []modules.Edit {
	const written = "as " + webPackage + " writes it"
	var edits []modules.Edit
	switch {
	case w.WriteSite:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: w.Site.path(), To: written})
	case w.EditSite != nil:
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Site.path(), Field: "certificate", Text: w.EditSite})
	}
	switch w.Page {
	case writePage:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: w.Site.page(), To: written})
	case replacePage:
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: w.Site.page(), Field: "domain", From: "does not name " + w.Site.Domain, To: written,
		})
	}
	return edits
}

// Foresee implements [modules.Foreseer]: the package's script does more than what the edits say.
func (s *Site) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w, _ := c.Work.(siteWork)
	f := snapshot.Forecast()
	switch {
	case w.WriteSite:
		f.Write(s.path(), observe.NewContent, nil)
	case w.EditSite != nil:
		f.Write(s.path(), observe.KnownContent([]byte(w.EditSite.New)), nil)
	}
	if w.Page != keepPage {
		f.Write(s.page(), observe.NewContent, nil)
	}
	if w.rewrites() {
		f.May(observe.Cause{Name: "package " + webPackage, Brings: true})
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
	w, _ := c.Work.(siteWork)
	if err := s.rewrite(ctx, h, w); err != nil {
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
func (s *Site) rewrite(ctx context.Context, h modules.Host, w siteWork) error {
	if !w.rewrites() {
		return nil
	}
	page := ""
	if w.Page == replacePage {
		page = s.page()
	}
	return reconfigure(ctx, h, webPackage, shell.Script(siteScript, shell.Vars{"page": page}))
}

package nginx

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/shell"
)

// Configuration is a set of files in /etc/nginx that belong together. nginx tests those that differ as a whole, with
// everything else in /etc/nginx, before any of them is written.
type Configuration struct {
	Files []*file.Step

	// Names are those of the site that the first file is. Other files that rcprov wrote for one of them are removed.
	Names []string

	// Port is where the site listens; 0: 443.
	Port int

	// Main says that it is nginx's own, not a site: what nginx refuses in files of somebody else is noted.
	Main bool
}

var _ modules.Step = (*Configuration)(nil)

// Observe implements [modules.Step].
func (c *Configuration) Observe(q *observe.Query) {
	for _, f := range c.Files {
		f.Observe(q)
	}
	if c.sites() {
		sites.Ask(q, struct{}{})
	}
	if c.Main {
		unread.Ask(q, struct{}{})
	}
	if c.Names != nil && c.long() {
		longNames().Observe(q)
	}
}

// sites reports whether what other files have matters.
func (c *Configuration) sites() bool { return c.Main || c.Names != nil }

// Diff implements [modules.Step].
func (c *Configuration) Diff(s *observe.Snapshot) (modules.Change, error) {
	var w work
	var notes []string
	files := c.Files
	if c.sites() && !c.onlyRemoves() {
		if err := CheckRead(s, c.Files[0].Path); err != nil {
			return modules.Change{}, err
		}
	}
	if c.Names != nil {
		there, err := lookAtSites(s)
		if err != nil {
			return modules.Change{}, err
		}
		gone := formerSites(there, c.Names, c.Files[0].Path)
		switch ours, others := buckets(there); {
		case c.long() && !others:
			files = append(slices.Clone(files), longNames())
		case c.long() && ours:
			gone = append(gone, longNames().Path)
		}
		for _, path := range gone {
			f, err := removal(path)
			if err != nil {
				return modules.Change{}, err
			}
			w = append(w, f)
		}
		if !c.Files[0].Absent {
			notes = twins(there, c.Names, c.Files[0].Path, cmp.Or(c.Port, 443))
		}
	}
	if c.Main {
		var err error
		if notes, err = refused(s); err != nil {
			return modules.Change{}, err
		}
	}
	var differ work
	for _, f := range files {
		change, err := f.Diff(s)
		if err != nil {
			return modules.Change{}, err
		}
		if !change.Empty() {
			differ = append(differ, fileWork{f, change})
		}
	}
	return modules.NewChange(append(differ, w...), notes...), nil
}

// work is the files that differ, in the order of Files.
type work []fileWork

// fileWork is one of them with its change.
type fileWork struct {
	File   *file.Step
	Change modules.Change
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, f := range w {
		edits = append(edits, f.Change.Edits...)
	}
	return edits
}

// Apply implements [modules.Step].
func (c *Configuration) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	modules.Progress(ctx, "nginx -t")
	w := change.Work.(work)
	if err := c.test(ctx, h, w); err != nil {
		return err
	}
	if err := c.noteRemoval(ctx, h, w); err != nil {
		return err
	}
	for _, f := range w {
		if err := f.File.Apply(ctx, h, f.Change); err != nil {
			return err
		}
	}
	return nil
}

// Foresee implements [modules.Foreseer]: see noteRemoval.
func (c *Configuration) Foresee(s *observe.Snapshot, change modules.Change) {
	w := change.Work.(work)
	for _, f := range w {
		f.File.Foresee(s, f.Change)
	}
	path := c.touched(w)
	if path != "" && !slices.ContainsFunc(w, func(f fileWork) bool { return f.File.Path == path }) {
		s.Forecast().Touch(path, nil)
	}
}

// noteRemoval touches a file that stays before others are removed. The service is reloaded when a file changed after nginx
// read it, and a removed file has no time of change.
func (c *Configuration) noteRemoval(ctx context.Context, h modules.Host, w work) error {
	path := c.touched(w)
	if path == "" {
		return nil
	}
	return touch(ctx, h, path)
}

// touch changes the times of those of paths, below /etc/nginx, that are there.
func touch(ctx context.Context, h modules.Host, paths ...string) error {
	_, err := h.Run(ctx, modules.Command{Argv: append([]string{"touch", "-c", "--"}, paths...)})
	return err
}

// touched returns the file to touch because others are removed; empty: none.
func (c *Configuration) touched(w work) string {
	if !slices.ContainsFunc(w, func(f fileWork) bool { return f.File.Absent }) {
		return ""
	}
	if stays := slices.IndexFunc(c.Files, func(f *file.Step) bool { return !f.Absent }); stays >= 0 {
		return c.Files[stays].Path
	}
	return mainFile
}

// onlyRemoves reports whether none of the files is to be there.
func (c *Configuration) onlyRemoves() bool {
	return !slices.ContainsFunc(c.Files, func(f *file.Step) bool { return !f.Absent })
}

//go:embed test.sh
var testScript string

const etc = "/etc/nginx/"

// noNginx is the status with which test.sh ends on a host without nginx.
const noNginx = 4

// test has nginx test the set, and what else w removes.
func (c *Configuration) test(ctx context.Context, h modules.Host, changes work) error {
	var removed []string
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	files := slices.Clone(c.Files)
	for _, f := range changes {
		if !slices.Contains(files, f.File) {
			files = append(files, f.File)
		}
	}
	for _, f := range files {
		name := strings.TrimPrefix(f.Path, etc)
		switch {
		case f.Absent:
			removed = append(removed, name)
		default:
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(f.Content))}); err != nil {
				return err
			}
			if _, err := w.Write(f.Content); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	result, err := h.Run(ctx, modules.Command{
		Script: shell.Script(testScript, shell.Vars{"removed": shell.QuoteAll(removed), "only_removed": shell.YesNo(c.onlyRemoves())}),
		Stdin:  archive.Bytes(),
	})
	if c.onlyRemoves() && result.Status == noNginx {
		return nil
	}
	return explain(err, result)
}

// logPrefix is what nginx puts before a message: time and process once its log is open, else its name.
var logPrefix = regexp.MustCompile(`^(nginx: |[0-9/]+ [0-9:]+ )?(\[[a-z]+\]) ([0-9]+#[0-9]+: )?`)

// messages returns what nginx printed without the prefixes: the fatal errors, or everything if there are none.
func messages(stderr []byte) string {
	var fatal, all []string
	for line := range strings.Lines(string(stderr)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasSuffix(line, " test failed") {
			continue
		}
		line = logPrefix.ReplaceAllString(line, "$2 ")
		all = append(all, line)
		if strings.HasPrefix(line, "[emerg]") || strings.HasPrefix(line, "[alert]") || strings.HasPrefix(line, "[crit]") {
			fatal = append(fatal, line)
		}
	}
	if len(fatal) > 0 {
		all = fatal
	}
	return strings.Join(all, "\n  ")
}

// reinstall is the advice for missing files of nginx's package, which dpkg takes for removed on purpose.
const reinstall = "It belongs to nginx's package: `apt-get -o Dpkg::Options::=--force-confmiss install --reinstall nginx-common` on the host " +
	"puts such files back (with packages of nginx.org it is `nginx`). Then run the same command again."

// What nginx prints when something that isn't its configuration was removed or mixed up.
var (
	badCertificate = regexp.MustCompile(`(?:cannot load certificate(?: key)? |SSL_CTX_use_PrivateKey\()"([^"]+)"`)
	noPackageFile  = regexp.MustCompile(`open\(\) "/etc/nginx/[^"/]+" failed \(2:`)
	noLogDirectory = regexp.MustCompile(`open\(\) "/var/log/nginx/[^"/]+" failed \(2:`)
)

// advice says what to do about an error of nginx that no later step gets to repair; empty if there is nothing to say.
func advice(text string) string {
	if found := badCertificate.FindStringSubmatch(text); found != nil {
		return fmt.Sprintf("Move the file of the site with that certificate out of /etc/nginx (`grep -Rl %s /etc/nginx`), then run the same command again: "+
			"if the plan has the site, it puts certificate and file back.", found[1])
	}
	switch {
	case noPackageFile.MatchString(text):
		return reinstall
	case noLogDirectory.MatchString(text):
		return "Make its directory again, `install -d -g adm /var/log/nginx`, then run the same command again."
	}
	return ""
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// explain returns the error for a failed nginx -t.
func explain(err error, result modules.Result) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	text := messages(result.Stderr)
	switch {
	case result.Status == noNginx:
		return modules.WithHint(errors.New("there is no nginx on the host"), "Add an `nginx` block before this one.")
	case result.Status == 5:
		return modules.WithHint(fmt.Errorf("%s is not there", packageFile), "%s", reinstall)
	case result.Status != 3:
		return fmt.Errorf("test the new configuration of nginx: %w", err)
	}
	hint := "The files in /etc/nginx are unchanged, and nginx goes on with them. "
	why := advice(text)
	switch {
	case strings.Contains(text, "key values mismatch"):
		hint += "That key is not the one of the site's certificate: name a pair that belongs together. If it is another site's: " + lowerFirst(why)
	case badCertificate.MatchString(text):
		hint += "Add an `acme_certificate` block (or `file` steps) for certificate and key before this one. If it is another site's: " + lowerFirst(why)
	case why != "":
		hint += why
	case strings.Contains(text, `unknown "rcprov_connection" variable`), strings.Contains(text, `unknown "rcprov_webroot" variable`):
		hint += "Add an `nginx` block before this one: it has what all sites need."
	case strings.Contains(text, "you should increase server_names_hash_bucket_size"):
		hint += "Another file sets it, and too low for these names (`grep -Rn server_names_hash_bucket_size /etc/nginx`): remove it there, and rcprov sets it."
	case strings.Contains(text, `no "ssl_certificate" is defined for the "listen ... ssl"`):
		hint += "Another site has TLS on the same port, and a port has TLS for all of its sites or for none: give one of them another port."
	case strings.Contains(text, "duplicate default server"):
		hint += "Another file has a default_server for port 80: remove it there. The one of the `nginx` block redirects to https and serves ACME challenges."
	default:
		hint += "Correct that, then run the same command again."
	}
	return modules.WithHint(fmt.Errorf("nginx refuses the new configuration: %s", text), "%s", hint)
}

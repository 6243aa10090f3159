package aptrepository

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/internal/signed"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module apt_repository.
func Module() modules.Module { return modules.Primitive("apt_repository", source, New) }

// Step is an apt repository that a host should use, or not.
type Step struct {
	Name         string
	Absent       bool
	Source       Source
	KeyURL       string   // where the key is fetched from; empty: it is Key
	Key          []byte   // armored
	Fingerprints []string // uppercase hex

	given keyring // what Key contains
}

// Source is a repository as deb822 has it, sources.list(5).
type Source struct{ Types, URIs, Suites, Components, Architectures []string }

var _ modules.Step = (*Step)(nil)

// sources.list(5) allows more in the names of files; apt ignores a file with other letters, with a notice.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// New checks args and reads a key given in the plan.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Name: cmp.Or(args.Name, env.Label), Absent: args.State == "absent", KeyURL: args.KeyURL,
		Source: Source{args.Types, args.URIs, args.Suites, args.Components, args.Architectures},
	}
	if len(s.Source.Types) == 0 {
		s.Source.Types = []string{"deb"}
	}
	var errs []error
	if !validName.MatchString(s.Name) {
		errs = append(errs, modules.Argf("name", "must consist of letters, digits, \"-\" and \"_\", not %q", s.Name))
	}
	if !s.Absent {
		errs = append(errs, s.Source.check(), s.readFingerprints(args), s.readKey(args, env))
	}
	return s, errors.Join(errs...)
}

// check finds mistakes in the source.
func (s Source) check() error {
	var errs []error
	for _, list := range []struct {
		arg    string
		words  []string
		needed bool
	}{
		{"uris", s.URIs, true},
		{"suites", s.Suites, true},
		{"components", s.Components, false},
		{"architectures", s.Architectures, false},
	} {
		if list.needed && len(list.words) == 0 {
			errs = append(errs, modules.Argf(list.arg, "is required"))
		}
		for _, word := range list.words {
			if word == "" || strings.ContainsAny(word, " \t\r\n#") {
				errs = append(errs, modules.Argf(list.arg, "can't be %q", word))
			}
		}
	}
	for _, word := range s.Types {
		if word != "deb" && word != "deb-src" {
			errs = append(errs, modules.Argf("types", "must be \"deb\" or \"deb-src\", not %q", word))
		}
	}
	for _, word := range s.URIs {
		if u, err := url.Parse(word); err != nil || u.Scheme == "" || (u.Host == "" && u.Path == "") {
			errs = append(errs, modules.Argf("uris", "must be URIs such as \"https://repo.example.com/apt\", not %q", word))
		}
	}
	flat := 0
	for _, word := range s.Suites {
		if strings.HasSuffix(word, "/") {
			flat++
		}
	}
	switch {
	case flat > 0 && flat < len(s.Suites):
		errs = append(errs, modules.Argf("suites", "must all end with \"/\" (flat repositories), or none"))
	case flat > 0 && len(s.Components) > 0:
		errs = append(errs, modules.Argf("components", "must be left out for a flat repository (a suite that ends with \"/\")"))
	case flat == 0 && len(s.Suites) > 0 && len(s.Components) == 0:
		errs = append(errs, modules.Argf("components", "is required, unless the suites end with \"/\" (flat repositories)"))
	}
	return errors.Join(errs...)
}

func (s *Step) readFingerprints(args Args) error {
	if len(args.Fingerprints) == 0 {
		return &modules.ArgError{
			Arg: "fingerprints", Err: errors.New("must name the key that signs the repository"),
			Hint: "Take the fingerprint from the vendor's documentation; `gpg --show-keys FILE` prints that of a file.",
		}
	}
	fingerprints, err := signed.ParseFingerprints(args.Fingerprints)
	s.Fingerprints = fingerprints
	return err
}

func (s *Step) readKey(args Args, env modules.Env) error {
	given := 0
	for _, value := range []string{args.KeyURL, args.KeyFile, args.Key} {
		if value != "" {
			given++
		}
	}
	if given != 1 {
		return modules.Argf("key_url", "is required, or key_file, or key: exactly one of them")
	}
	arg, data := "key", []byte(args.Key)
	switch {
	case args.KeyURL != "":
		if u, err := url.Parse(args.KeyURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return modules.Argf("key_url", "must be an address that begins with https:// or http://, not %q", args.KeyURL)
		}
		return nil
	case args.KeyFile != "":
		arg = "key_file"
		content, err := env.ReadFile(args.KeyFile)
		if err != nil {
			return modules.Argf(arg, "%w", err)
		}
		data = content
	}
	ring, err := readKeyring(data)
	if err == nil {
		err = ring.checkFingerprints(s.Fingerprints)
	}
	if err != nil {
		return modules.Argf(arg, "%w", err)
	}
	s.given, s.Key = ring, ring.armored
	return nil
}

func (s *Step) sourcePath() string { return "/etc/apt/sources.list.d/rcprov-" + s.Name + ".sources" }

func (s *Step) keyPath() string { return "/etc/apt/keyrings/rcprov-" + s.Name + ".asc" }

// text is the source in deb822 form, with the key at keyPath.
func (s Source) text(keyPath string) string {
	var b strings.Builder
	b.WriteString("# Written by rcprov, apt_repository; changes made here are replaced.\n")
	for _, field := range []struct {
		name  string
		words []string
	}{
		{"Types", s.Types},
		{"URIs", s.URIs},
		{"Suites", s.Suites},
		{"Components", s.Components},
		{"Architectures", s.Architectures},
		{"Signed-By", []string{keyPath}},
	} {
		if len(field.words) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", field.name, strings.Join(field.words, " "))
		}
	}
	return b.String()
}

// The questions. Both files are small: their content is asked for whatever it is.
func (s *Step) sourceQuestion() observe.FileQuestion {
	return observe.FileQuestion{Path: s.sourcePath(), Content: true}
}

func (s *Step) keyQuestion() observe.FileQuestion {
	return observe.FileQuestion{Path: s.keyPath(), Content: true}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, s.sourceQuestion())
	observe.File.Ask(q, s.keyQuestion())
	observe.Clock.Ask(q, struct{}{})
	if !s.Absent {
		for _, name := range s.Source.indexes() {
			signers.Ask(q, name)
		}
		sources.Ask(q, s.sourcesQuestion())
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	stored, err := observe.File.Get(snapshot, s.keyQuestion())
	if err != nil {
		return modules.Change{}, fmt.Errorf("%s: %w", s.keyPath(), err)
	}
	source, err := observe.File.Get(snapshot, s.sourceQuestion())
	if err != nil {
		return modules.Change{}, fmt.Errorf("%s: %w", s.sourcePath(), err)
	}
	now, err := observe.Clock.Get(snapshot, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("the host's clock: %w", err)
	}
	if err := errors.Join(refuse(s.keyPath(), stored), refuse(s.sourcePath(), source)); err != nil {
		return modules.Change{}, err
	}
	var w work
	if s.Absent {
		for _, f := range []struct {
			path string
			is   observe.FileInfo
		}{{s.sourcePath(), source}, {s.keyPath(), stored}} {
			if f.is.Type != observe.Absent {
				w.Remove = append(w.Remove, f.path)
			}
		}
		return modules.NewChange(w), nil
	}
	if err := s.checkSources(snapshot); err != nil {
		return modules.Change{}, err
	}
	if s.KeyURL == "" {
		if err := s.given.check(s.Fingerprints, now); err != nil {
			return modules.Change{}, modules.WithHint(err, "Give the vendor's current key: vendors often extend a key under the same fingerprint.")
		}
	}
	var notes []string
	if w.Key, notes, err = s.diffKey(snapshot, stored, now); err != nil {
		return modules.Change{}, err
	}
	w.KeyRights = drift(s.keyPath(), stored)
	w.Source = s.diffSource(source)
	w.SourceRights = drift(s.sourcePath(), source)
	return modules.NewChange(w, notes...), nil
}

// refuse returns the error for anything that rcprov does not replace with a file.
func refuse(path string, is observe.FileInfo) error {
	if is.Type == observe.Absent || is.Type == observe.Regular {
		return nil
	}
	return modules.WithHint(fmt.Errorf("%s is %s, not a file", path, is.Type), "rcprov doesn't replace it: move it away.")
}

// diffKey compares the stored key with the plan's. It returns nil for a key that stays, with notes about it.
func (s *Step) diffKey(snapshot *observe.Snapshot, is observe.FileInfo, now time.Time) (*keyWork, []string, error) {
	w := &keyWork{Action: modules.Update, Path: s.keyPath(), Fingerprints: s.Fingerprints}
	if s.KeyURL == "" {
		w.Given = &s.given
	}
	if is.Type == observe.Absent {
		w.Action = modules.Create
		return w, nil, nil
	}
	ring, err := readKeyring(is.Content)
	if err != nil {
		return w, nil, nil //nolint:nilerr // whatever it is, the key replaces it
	}
	w.Stored, w.Invalid = &ring, ring.check(s.Fingerprints, now)
	same := string(is.Content) == string(ring.armored)
	if s.KeyURL == "" {
		same = string(is.Content) == string(s.Key)
	}
	if !same || w.Invalid != nil {
		return w, nil, nil
	}
	ids, err := s.strangers(snapshot, ring)
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, ring.notes(now), nil
	}
	w.Invalid = fmt.Errorf("apt can't verify the repository's newest index, which key %s signed", keyIDs(ids))
	if s.KeyURL == "" {
		return nil, append(ring.notes(now), w.Invalid.Error()+"; the plan doesn't have it"), nil
	}
	return w, nil, nil
}

// diffSource returns what is done to the file of the source, nil for nothing.
func (s *Step) diffSource(is observe.FileInfo) *sourceWork {
	w := &sourceWork{Action: modules.Update, Path: s.sourcePath(), Old: string(is.Content), New: s.Source.text(s.keyPath())}
	switch {
	case is.Type == observe.Absent:
		w.Action = modules.Create
	case w.Old == w.New:
		return nil
	}
	return w
}

// fileRights are those of both files: apt reads them as the user _apt.
var fileRights = rights.Rights{Mode: 0o644, Owner: "root", Group: "root"}

// drift compares the rights of a file that may be absent.
func drift(path string, is observe.FileInfo) rights.Drift {
	if is.Type == observe.Absent {
		return rights.Drift{}
	}
	return fileRights.Compare(path, is)
}

package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// pager also tells a page what happens.
type pager struct {
	engine.Reporter
	page *report.Page
}

func (p pager) Report(e engine.Event) {
	p.Reporter.Report(e)
	p.page.Report(e)
}

// paged returns a reporter to both, if a page is wanted.
func (r *run) paged(to engine.Reporter, page *report.Page) engine.Reporter {
	if r.html == "" {
		return to
	}
	return pager{to, page}
}

// scope lists the options that leave out hosts or steps.
func (r *run) scope() []string {
	var scope []string
	add := func(name string, values []string) {
		if len(values) > 0 {
			scope = append(scope, name+" "+strings.Join(values, ","))
		}
	}
	add("--limit", r.limit)
	add("--tags", r.tags)
	add("--skip-tags", r.skipTags)
	if r.shard.count > 0 {
		scope = append(scope, "--shard "+r.shard.String())
	}
	for _, only := range r.only {
		scope = append(scope, "--only "+only)
	}
	return scope
}

// checkFiles finds, before anything is connected to, that what --out and --html name can't be written, or is something else that
// would be lost.
func (r *run) checkFiles(plan string) error {
	for _, f := range []struct{ flag, name, begin, what string }{
		{"--out", r.out, savedBegin, "a saved plan"},
		{"--html", r.html, report.PageBegin, "a page of rcprov"},
	} {
		if f.name == "" {
			continue
		}
		if sameFile(f.name, plan) {
			return fmt.Errorf("%s %s: that is the plan", f.flag, f.name)
		}
		if strings.HasSuffix(f.name, ".hcl") {
			return modules.WithHint(fmt.Errorf("%s %s: that is the name of a plan's file", f.flag, f.name), "Choose a name that doesn't end with .hcl.")
		}
		info, err := os.Stat(filepath.Dir(f.name))
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a directory", filepath.Dir(f.name))
		}
		if err == nil {
			err = replaceable(f.name)
		}
		if err == nil {
			err = onlyReplaces(f.name, f.begin, f.what)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	if sameFile(r.html, r.out) {
		return fmt.Errorf("--html %s: that is what --out saves", r.html)
	}
	return nil
}

// onlyReplaces returns an error if a file is there that is not empty and does not begin with begin, as what would replace it does.
func onlyReplaces(name, begin, what string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	ours, err := begins(name, begin)
	if err == nil && !ours {
		err = modules.WithHint(fmt.Errorf("%s is there, and is not %s", name, what), "Name another file, or remove this one.")
	}
	return err
}

// begins reports whether a file begins with a text.
func begins(name, text string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(text))
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return string(head[:n]) == text, err
}

// sameFile reports whether two names are of one file, which need not be there.
func sameFile(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	if errA == nil && errB == nil && absA == absB {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func (r *run) writePage(page *report.Page) error {
	content, err := page.Render()
	if err == nil {
		err = writePrivate(r.html, content)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", r.html, err)
	}
	if r.app.json {
		return nil
	}
	_, err = fmt.Fprintf(r.app.Stdout, "Wrote %s.\n", r.html)
	return err
}

// replaceable returns an error if there is something at name that is not a file.
func replaceable(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = modules.WithHint(fmt.Errorf("%s is not a regular file", name), "Name a file that may be replaced, or a new one.")
	}
	return err
}

// writePrivate writes the new or old file name, whole or not at all; only its owner can read it. A link is followed.
func writePrivate(name string, content []byte) error {
	if err := replaceable(name); err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = name, nil
	}
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), target)
}

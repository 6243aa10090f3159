package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/all"
)

// written returns what write writes, by path, unpacked.
func written(t *testing.T) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pages")
	if err := write(dir, edition{version: "1.2.3", date: "2026-11-30"}); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && filepath.Ext(name) == ".gz" {
			packed, _ := gzip.NewReader(bytes.NewReader(content)) // what is no gzip can't be read
			content, err = io.ReadAll(packed)
		}
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPages: each command and each module has a page, and each page that is named is there. Twice the same gives the same.
func TestPages(t *testing.T) {
	t.Parallel()
	files := written(t)
	if diff := cmp.Diff(files, written(t)); diff != "" {
		t.Errorf("the second time it is different:\n%s", diff)
	}
	want := []string{
		"completions/_rcprov", "completions/rcprov.bash", "completions/rcprov.fish",
		"man/man7/rcprov-language.7.gz", "man/man7/rcprov-modules.7.gz",
	}
	for _, command := range []string{
		"", "-apply", "-completion", "-doc", "-facts", "-fmt", "-history", "-init", "-logs", "-plan", "-run", "-secrets", "-secrets-edit",
		"-secrets-init", "-secrets-rekey", "-summary", "-validate", "-version",
	} {
		want = append(want, "man/man1/rcprov"+command+".1.gz")
	}
	for _, m := range all.Modules() {
		want = append(want, "man/man7/rcprov-"+m.Name+".7.gz")
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, text := range files {
		for line := range strings.Lines(text) {
			title, ok := strings.CutPrefix(line, ".BR ")
			if !ok {
				continue
			}
			title = strings.ReplaceAll(title, `\-`, "-")
			title, section, _ := strings.Cut(title, " (")
			if page := "man/man" + section[:1] + "/" + title + "." + section[:1] + ".gz"; files[page] == "" {
				t.Errorf("%s names %s, which is missing", name, page)
			}
		}
	}
}

// TestPage compares a page of a command and the beginning of a module's with their source.
func TestPage(t *testing.T) {
	t.Parallel()
	files := written(t)
	for name, want := range map[string]string{
		"man/man1/rcprov-version.1.gz": `.TH "RCPROV\-VERSION" "1" "2026\-11\-30" "rcprov 1.2.3" "rcprov"
.nh
.ad l
.SH "NAME"
rcprov\-version \- show the version of rcprov
.SH "SYNOPSIS"
.nf
rcprov version
.fi
.SH "DESCRIPTION"
Show the version of rcprov, the commit it was built from, and the Go release that built it.
.SH "OPTIONS OF ALL COMMANDS"
.TP
\fB\-\-json\fR
print one JSON object per line
`,
		"man/man7/rcprov-file.7.gz": `.TH "RCPROV\-FILE" "7" "2026\-11\-30" "rcprov 1.2.3" "rcprov"
.nh
.ad l
.SH "NAME"
rcprov\-file \- a regular file: its content, mode and owner
.SH "DESCRIPTION"
In a plan of rcprov, a block \fBfile\fR is a regular file: its content, mode and owner.
.PP
`,
	} {
		if got := files[name]; !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n%s", name, cmp.Diff(want, got[:min(len(got), len(want))]))
		}
	}
}

// TestProse is about text that means something to roff, and about code and lists.
func TestProse(t *testing.T) {
	t.Parallel()
	p := &page{}
	p.prose("Use `--limit`, or\n.hidden and 'x' in C:\\dir:\n  $ ls -l\n  'quoted'\nLast.\n\n- one\n- two", "PP")
	want := `Use \fB\-\-limit\fR, or
\&.hidden and 'x' in C:\edir:
.nf
  $ ls \-l
  'quoted'
.fi
Last.
.PP
.br
\(bu one
.br
\(bu two
`
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p = &page{}
	p.macro("SH", `the "end"`)
	if got := p.String(); got != ".SH \"the \\(dqend\\(dq\"\n" {
		t.Error(got)
	}
}

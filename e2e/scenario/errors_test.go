package scenario

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestErrors provokes one error for each file testdata/*.txtar on a real host, and compares all that apply says.
// A file has a comment and the sections
//
//	setup     shell on the host before, as root
//	laptop    shell on the laptop before, with $HOME as the laptop's and $PORT, $ADDRESS, $KEY of the host
//	plan.hcl  the plan; a host block "h1" is added unless it has one; @ADDRESS@, @PORT@, @KEY@ and @HOME@ are filled in
//	after     shell on the host afterwards, which must exit with 0: what state was left
//	want      what apply prints, standard output and error; it must exit with 1
//
// What differs from run to run is replaced in the output: see scrub.
func TestErrors(t *testing.T) {
	labtest.Require(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	image := labtest.Images(t)[0]
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := provoke(t, image, archive)
			if *update {
				setSection(archive, "want", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(section(archive, "want"), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// provoke plays a file on a fresh host and returns what apply printed.
func provoke(t *testing.T, image string, archive *txtar.Archive) string {
	ctx := t.Context()
	h := labtest.Launch(t, image)
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Must(ctx, "set -e\n"+section(archive, "setup")); err != nil {
		t.Fatal(err)
	}
	if script := section(archive, "laptop"); script != "" {
		cmd := laptop.Shell(ctx, script)
		cmd.Env = append(cmd.Env, "ADDRESS="+h.Address, "PORT="+strconv.Itoa(h.Port), "KEY="+h.KeyFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("laptop: %v\n%s", err, out)
		}
	}
	text := strings.NewReplacer("@ADDRESS@", h.Address, "@PORT@", strconv.Itoa(h.Port), "@KEY@", h.KeyFile, "@HOME@", laptop.Home).
		Replace(section(archive, "plan.hcl"))
	if !strings.Contains(text, "\nhost \"") && !strings.HasPrefix(text, "host \"") {
		text += "\n" + rcprov.HostBlock(h, "h1")
	}
	if _, err := laptop.WriteFile("plan.hcl", text); err != nil {
		t.Fatal(err)
	}
	r, err := laptop.Run(ctx, "apply", "plan.hcl", "--no-color")
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit != 1 {
		t.Errorf("exit status %d, not 1\n%v", r.Exit, r)
	}
	if after := section(archive, "after"); after != "" {
		if _, err := h.Must(ctx, "set -e\n"+after); err != nil {
			t.Errorf("state left: %v", err)
		}
	}
	return scrub(r.Stdout+r.Stderr, h, laptop)
}

var (
	fingerprint = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`)
	scriptLine  = regexp.MustCompile(`\bwrite-file: \d+:`)
	tries       = regexp.MustCompile(`\btried \d+ times\b`)
	duration    = regexp.MustCompile(`\b\d+(\.\d+)?(ms|s)\b`)
)

// scrub replaces what differs between runs. Paragraphs that rcprov wraps become one line: where they break depends on
// the length of what was replaced.
func scrub(text string, h *lab.Host, laptop *rcprov.Laptop) string {
	address := regexp.MustCompile(regexp.QuoteMeta(h.Address) + `\b`)
	text = address.ReplaceAllString(text, "ADDRESS")
	text = strings.NewReplacer(laptop.Home, "~", h.KeyFile, "KEY").Replace(text)
	text = fingerprint.ReplaceAllString(text, "SHA256:...")
	text = scriptLine.ReplaceAllString(text, "write-file: N:")
	text = tries.ReplaceAllString(text, "tried N times")
	text = duration.ReplaceAllString(text, "N$2")
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "On host ") || strings.HasPrefix(p, "Error: ") {
			end := p[len(strings.TrimRight(p, "\n")):]
			paragraphs[i] = strings.Join(strings.Fields(p), " ") + end
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setSection(archive *txtar.Archive, name, content string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(content)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(content)})
}

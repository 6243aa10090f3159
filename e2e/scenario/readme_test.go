package scenario

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// nfpm builds packages, with the library that goreleaser links. The version is that of the goreleaser of the Makefile, in its go.mod.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// TestReadme does what README.md says, command by command: it installs the deb on a host, builds from a clone, and makes, applies and
// repairs the first plan, whose screens are compared. Of its commands, only make demo is left to people.
func TestReadme(t *testing.T) {
	t.Parallel()
	h := labtest.Launch(t, labtest.Images(t)[0])
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := readmePage(readme)
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("from a clone", func(t *testing.T) {
		bin := t.TempDir()
		install, ok := strings.CutPrefix(page.command(t, "go install "), "go ")
		if !ok {
			t.FailNow()
		}
		goTool(t, []string{"GOBIN=" + bin}, strings.Fields(install)...)
		if out, err := exec.Command(filepath.Join(bin, "rcprov"), "--version").Output(); err != nil || !strings.HasPrefix(string(out), "rcprov ") {
			t.Errorf("%q, %v", out, err)
		}
	})
	t.Run("the first plan", func(t *testing.T) { page.firstPlan(t, h, laptop) })
	t.Run("a release", func(t *testing.T) { page.release(t, h, laptop) })
}

// readmePage is the text of README.md.
type readmePage string

// command returns the command of the page that begins so. A comment may follow it there.
func (p readmePage) command(t *testing.T, begin string) string {
	t.Helper()
	for line := range strings.Lines(string(p)) {
		if strings.HasPrefix(line, "    "+begin) {
			command, _, _ := strings.Cut(line, " # ")
			return strings.TrimSpace(command)
		}
	}
	t.Fatalf("README.md has no command %q", begin)
	return ""
}

// A session is a command of the page, and what it prints there.
type session struct{ command, output string }

func (p readmePage) sessions() (found []session) {
	for _, part := range strings.Split(string(p), "```console\n$ ")[1:] {
		command, rest, _ := strings.Cut(part, "\n")
		output, _, _ := strings.Cut(rest, "```")
		found = append(found, session{command, output})
	}
	return found
}

// firstPlan makes the plan, which the page shows, and compares its screens: a plan for a bare host, and the repair of what somebody did
// by hand.
func (p readmePage) firstPlan(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) {
	const address = "203.0.113.10" // of the page's host
	config := "UserKnownHostsFile " + laptop.KnownHosts() + "\n" + strings.Replace(h.SSHConfig(), "Host "+h.Name, "Host "+h.Address, 1)
	if err := os.WriteFile(laptop.SSHConfig(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(command string, exit int) string {
		t.Helper()
		r, err := laptop.Run(t.Context(), strings.Fields(strings.ReplaceAll(command, address, h.Address))[1:]...)
		if err != nil || r.Exit != exit {
			t.Fatalf("%s: %v, %v", command, err, r)
		}
		return strings.ReplaceAll(r.Stdout, h.Address, address)
	}
	if !strings.Contains(string(p), "\n`rcprov init first` writes first.hcl") {
		t.Error("README.md no longer makes its first plan by `rcprov init first`")
	}
	run("rcprov init first", 0)
	text, err := os.ReadFile(filepath.Join(laptop.Home, "first.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(p), "```hcl\n")
	shown, _, _ = strings.Cut(shown, "```")
	if _, plan, _ := strings.Cut(string(text), "\n\n"); plan != shown {
		t.Errorf("README.md shows another plan:\n%s", cmp.Diff(plan, shown))
	}
	screens, pitch := p.sessions(), p.command(t, "rcprov apply ")
	if len(screens) != 2 || screens[1].command != pitch {
		t.Fatalf("the screens of README.md: %q", screens)
	}
	compare := func(s session, exit int) {
		t.Helper()
		if diff := cmp.Diff(s.output, run(s.command, exit)); diff != "" {
			t.Errorf("%s: -README.md +here:\n%s", s.command, diff)
		}
	}
	compare(screens[0], 2)
	run(pitch, 0)
	if again := run(pitch, 0); !strings.Contains(again, "nothing changed on 1 host, 3 up to date") {
		t.Error("again:\n" + again)
	}
	must(t, h, "echo '# tuned by hand' >>/etc/nginx/conf.d/headers.conf && systemctl stop nginx")
	compare(screens[1], 0)
}

// release installs the deb, and reads, completes and removes what it brings.
func (p readmePage) release(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) {
	install := p.command(t, "sudo apt install ./rcprov_")
	name := filepath.Base(strings.Fields(install)[3])
	version := strings.Split(name, "_")[1]
	_, err := laptop.WriteFile("deb.hcl", rcprov.HostBlock(h, "h1")+`
play "p" {
  hosts = group.all
  apt_package "man" { packages = ["man-db"] }
  file "deb" {
    path   = "/root/`+name+`"
    source = "`+buildDeb(t, version)+`"
  }
}
`)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := laptop.Run(t.Context(), "apply", "deb.hcl"); err != nil || r.Exit != 0 {
		t.Fatal(err, r)
	}
	must(t, h, "cd /root && "+install)
	for _, on := range []struct{ name, script string }{
		{"dpkg knows its version", `test "$(dpkg-query -W -f '${Version} ${Section}' rcprov)" = "` + version + ` admin"`},
		{"all its files are there, and root's", `dpkg --verify rcprov && test -z "$(dpkg -L rcprov | xargs -d '\n' find -maxdepth 0 ! -user root)"`},
		{"it is the version of the build", `test "$(rcprov version | head -n 1)" = "rcprov ` + version + `" && test "$(rcprov --version)" = "$(rcprov version)"`},
		{"man rcprov, which names its commands", `man --warnings rcprov >/tmp/page 2>&1 && grep -q '^RCPROV(1) .*RCPROV(1)$' /tmp/page &&
			! grep warning /tmp/page && grep -q 'rcprov-apply(1), ' /tmp/page && grep -q 'rcprov ` + version + ` ' /tmp/page`},
		{"man of a command", `man rcprov apply | grep -q -e '--limit  *HOSTS'`},
		{"man of a module", `man rcprov-file | grep -q 'path *string, required'`},
		{"man of the language", `man rcprov-language | grep -q 'variable "NAME"'`},
		{"man finds a module by its subject", `man -k 'firewall' | grep -q '^rcprov-ufw (7)'`},
		{"completion in bash", `bash -c 'source /usr/share/bash-completion/completions/rcprov
			compopt() { :; }
			COMP_LINE="rcprov doc apt_p" COMP_POINT=16 COMP_TYPE=9 COMPREPLY=()
			__start_rcprov
			test "${COMPREPLY[*]}" = apt_package'`},
		{"completion where zsh and fish look for it", `grep -q '^#compdef rcprov$' /usr/share/zsh/vendor-completions/_rcprov &&
			grep -q '^complete -c rcprov ' /usr/share/fish/vendor_completions.d/rcprov.fish`},
		{"a license", `grep -q 'MIT License' /usr/share/doc/rcprov/copyright`},
		{"nothing is left of it when it goes", `dpkg --purge --no-triggers rcprov >/dev/null && test -z "$(find /usr /etc /var/lib -name '*rcprov*' \
			! -path '/var/lib/rcprov*' ! -path '/var/lib/apt/*' ! -path '/var/lib/systemd/*')"`},
	} {
		t.Run(on.name, func(t *testing.T) { must(t, h, on.script) })
	}
}

// buildDeb builds the deb of .goreleaser.yaml, and returns its path: the same description, pages, scripts and flags of the linker. Not
// the same is that paths of this machine are in the program; without them all would be compiled once more.
func buildDeb(t *testing.T, version string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Builds []struct{ Ldflags []string }
		Nfpms  []map[string]any
	}
	if err := yaml.Unmarshal(text, &release); err != nil || len(release.Builds) != 1 || len(release.Nfpms) != 1 {
		t.Fatalf(".goreleaser.yaml: %v, %d builds, %d descriptions of packages", err, len(release.Builds), len(release.Nfpms))
	}
	dir := t.TempDir()
	binary, pages, deb := filepath.Join(dir, "rcprov"), filepath.Join(dir, "pages"), filepath.Join(dir, "rcprov.deb")
	ldflags := strings.ReplaceAll(strings.Join(release.Builds[0].Ldflags, " "), "{{ .Version }}", version)
	goTool(t, nil, "build", "-ldflags", ldflags, "-o", binary, "./cmd/rcprov")
	goTool(t, nil, "run", "./cmd/rcprov/internal/pages", "-version", version, "-date", "2026-11-30", pages)

	// What goreleaser adds to what nfpm is told, and the names that are its own.
	about := release.Nfpms[0]
	about["name"], about["version"], about["arch"], about["platform"] = about["package_name"], version, runtime.GOARCH, "linux"
	contents, _ := about["contents"].([]any)
	for _, content := range contents {
		c, _ := content.(map[string]any)
		source, _ := c["src"].(string)
		if ours, ok := strings.CutPrefix(source, "bin/pages"); ok {
			c["src"] = pages + ours
		} else {
			c["src"] = filepath.Join(root, source)
		}
	}
	bin, _ := about["bindir"].(string)
	about["contents"] = append(contents, map[string]any{"src": binary, "dst": filepath.Join(bin, "rcprov"), "file_info": map[string]any{"mode": 0o755}})
	for _, own := range []string{"package_name", "file_name_template", "formats", "bindir", "mtime"} {
		delete(about, own)
	}
	config, err := yaml.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	described := filepath.Join(dir, "nfpm.yaml")
	if err := os.WriteFile(described, config, 0o600); err != nil {
		t.Fatal(err)
	}
	goTool(t, nil, "run", nfpm, "package", "--config", described, "--packager", "deb", "--target", deb)
	return deb
}

// goTool runs go in the clone.
func goTool(t *testing.T, env []string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = "../.."
	command.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

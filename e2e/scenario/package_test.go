package scenario

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// nfpm builds packages, with the library that goreleaser links. The version is that of the goreleaser of the Makefile, in its go.mod.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// TestPackage builds the deb as .goreleaser.yaml describes it, and has rcprov install it.
func TestPackage(t *testing.T) {
	t.Parallel()
	h := labtest.Launch(t, labtest.Images(t)[0])
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	const version = "9.8.7"
	deb := buildDeb(t, version)
	_, err = laptop.WriteFile("plan.hcl", rcprov.HostBlock(h, "h1")+`
play "p" {
  hosts = group.all
  apt_package "man" { packages = ["man-db"] }
  file "deb" {
    path   = "/root/rcprov.deb"
    source = "`+deb+`"
  }
  command "install" {
    argv    = ["apt-get", "install", "-y", "/root/rcprov.deb"]
    creates = "/usr/bin/rcprov"
  }
}
`)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, laptop, 0)

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
		{"nothing is left of it when it goes", `apt-get purge -qq -y rcprov >/dev/null && test -z "$(find /usr /etc /var/lib -name '*rcprov*' \
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
	run := func(args ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = root
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	binary, pages, deb := filepath.Join(dir, "rcprov"), filepath.Join(dir, "pages"), filepath.Join(dir, "rcprov.deb")
	ldflags := strings.ReplaceAll(strings.Join(release.Builds[0].Ldflags, " "), "{{ .Version }}", version)
	run("build", "-ldflags", ldflags, "-o", binary, "./cmd/rcprov")
	run("run", "./cmd/rcprov/internal/pages", "-version", version, "-date", "2026-11-30", pages)

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
	run("run", nfpm, "package", "--config", described, "--packager", "deb", "--target", deb)
	return deb
}

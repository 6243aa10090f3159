package hostfile_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// bypass are the files with scripts that change what a variable names without the door, and why nobody but root has a say
// there. A new one needs a reason that holds whatever a plan says; a path of the plan has none.
var bypass = map[string]string{
	"cmd/rcprov/internal/engine/secrets.sh":        "below /var/lib/rcprov",
	"cmd/rcprov/internal/remote/upload.go":         "where its callers ask for: WriteFile, which looks by room.sh where that is safe",
	"modules/primitive/git/key.sh":                 "below /run, where only root may write",
	"modules/primitive/tree/changer.sh":            "names in the directory to which the door has led; where root works, directories below it are checked",
	"modules/primitive/tree/put.sh":                "below /var/lib/rcprov",
	"modules/internal/upload/upload.go":            "below /var/lib/rcprov",
	"modules/primitive/swap/make.sh":               "where door_private holds",
	"modules/primitive/sysctl/apply.go":            "below /proc/sys",
	"modules/product/acmecertificate/challenge.go": "names in the directory to which the door has led, and in those above it",
	"modules/product/acmecertificate/renew.sh":     "below /var/lib/rcprov",
	"modules/product/acmecertificate/sweep.sh":     "names in the directory to which the door has led",
	"modules/product/jitsi/settings.go":            "below /etc",
	"modules/product/jitsi/site.go":                "below /etc/nginx",
	"modules/product/rocketchat/previous.go":       "below /etc/systemd",
	"modules/writefile.go":                         "where room.sh says that nobody but root may write",
	"modules/internal/apt/transaction.sh":          "below /var/lib/rcprov",
	"modules/internal/apt/update.sh":               "apt's lists, below /var/lib/apt, and a file below /var/lib/rcprov",
	"modules/internal/apt/updatesome.sh":           "apt's lists and stamp, below /var/lib/apt",
	"modules/internal/deadman/change.sh":           "below /var/lib/rcprov, /run/rcprov and /etc/systemd; the files of a switch are below /etc (ufw, sshd, sysctl)",
	"modules/internal/deadman/put.sh":              "files of the switches of ufw, sshd and sysctl, below /etc",
	"modules/internal/deadman/restore.sh":          "files of the switches of ufw, sshd and sysctl, below /etc, from /var/lib/rcprov",
	"modules/internal/deadman/settle.sh":           "below /var/lib/rcprov",
	"modules/internal/deadman/switch.sh":           "below /etc/systemd and /run/rcprov",
	"modules/internal/fetch/functions.sh":          "staging directories, which their scripts make where door_private holds or below /var/cache/rcprov; _apt has one below them, to which root does nothing by path but to move its file out",
	"modules/internal/job/follow.sh":               "below /run/rcprov/jobs",
	"modules/internal/job/job.go":                  "below /run/rcprov/jobs",
	"modules/internal/signed/download.sh":          "as functions.sh of package fetch",
	"modules/internal/signed/remove.sh":            "as functions.sh of package fetch",
	"modules/primitive/archive/functions.sh":       "in the staging directory, or in the directory of unpacker.sh by the rights of its owner",
	"modules/primitive/archive/prepare.sh":         "below /var/cache/rcprov",
	"modules/primitive/archive/unpack.sh":          "where door_private holds, or below /var/cache/rcprov; what an owner may change is moved away and removed in a directory that only root can enter",
	"modules/primitive/aptrepository/apply.go":     "below /etc/apt, with names that can't leave it",
	"modules/primitive/aptrepository/prepare.sh":   "below /run/rcprov",
	"modules/primitive/download/download.sh":       "where door_private holds, or below /var/cache/rcprov",
	"modules/primitive/systemdunit/apply.go":       "below /etc/systemd and /var/lib/rcprov",
	"modules/primitive/systemdunit/remove.sh":      "below /etc/systemd and /var/lib/rcprov",
	"modules/primitive/systemdunit/verify.sh":      "a directory that mktemp made in /run",
	"modules/product/jitsi/anew.sh":                "certificates below /var/lib/prosody by their names in the open directory, accounts by open directories (rm); the rest is below /etc and /var/lib/rcprov",
	"modules/product/jitsi/guard.go":               "below /etc/systemd",
	"modules/product/jitsi/noturn.sh":              "below /etc/systemd",
	"modules/product/jitsi/previous.sh":            "links below /etc",
	"modules/product/jitsi/site.sh":                "below /etc and /var/lib/rcprov",
	"modules/product/jitsi/validate.sh":            "a copy of /etc/nginx below /run/rcprov",
	"modules/product/nginx/configuration.go":       "below /etc/nginx",
	"modules/product/nginx/test.sh":                "a copy of /etc/nginx below /run/rcprov",
	"modules/product/node/install.sh":              "an unpacked Node.js, which is root's, and whose archive step refuses a directory of somebody else; /var/cache/rcprov",
	"modules/product/rocketchat/install.sh":        "below /var/cache/rcprov",
	"modules/product/sshd/apply.go":                "below /etc/ssh",
}

// changes matches a command that changes what a variable names, or writes to that.
var changes = regexp.MustCompile(`(?:^|[;&|{("\x60]|\b(?:then|do|else|exec|!))\s*(?:chown|chmod|chgrp|mkdir|mktemp|mv|rm|rmdir|cp|ln|install|touch|truncate|fallocate|tee|dd|sed -i)\s[^#;&|]*\$|>>?\s*"?\$|>>?\s*"[^"]*\$` +
	`|Argv:.*"(?:chown|chmod|chgrp|mkdir|mv|rm|rmdir|cp|ln|install|touch|truncate|tee|cat)"`)

// inside matches what is left of a line where all variables are names in the directory to which the door has led.
var inside = regexp.MustCompile(`\$\{?(?:new|to|old)\b[^"\s]*|\$(?:mode|owner|group|uid|gid|deep|target)\b|\$\{deep:[^}]*\}|"?\$\{to%/\*\}/\$file"?|\$new/\$file|/dev/null|>&\d`)

// TestNothingPassesTheDoor finds scripts that change files by paths.
func TestNothingPassesTheDoor(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	found := make(map[string][]string)
	for _, top := range []string{"cmd", "modules"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			script := filepath.Ext(path) == ".sh"
			if !script && filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			name, err := filepath.Rel(root, path)
			if err != nil || filepath.Dir(name) == "modules/internal/hostfile" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") {
					continue
				}
				if changes.MatchString(line) && changes.MatchString(inside.ReplaceAllString(line, "")) {
					found[filepath.ToSlash(name)] = append(found[filepath.ToSlash(name)], line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if bypass[name] == "" {
			t.Errorf("%s changes files by path: use the door (package modules, or hostfile.Script), or say in bypass why it needs none:\n\t%s",
				name, strings.Join(found[name], "\n\t"))
		}
	}
	for name := range bypass {
		if found[name] == nil {
			t.Errorf("%s does nothing that needs the reason in bypass", name)
		}
	}
}

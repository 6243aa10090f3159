package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A recipe is what makes an image differ from others.
type recipe struct {
	suite     string // Debian release
	packages  string // in addition, each with a comma before it
	customize string // in addition, run as customize is
}

// recipes are the images. Packages that take long to install, where no test is about their installation, have an image of
// their own, named RELEASE-WORD; see Backend.Images.
var recipes = map[string]recipe{
	"debian-12":      {suite: "bookworm"},
	"debian-13":      {suite: "trixie"},
	"debian-12-wine": {suite: "bookworm", packages: ",wine64,wine", customize: winePrefix}, // package mirror says what for
	"debian-12-ufw":  {suite: "bookworm", packages: ufw},
	"debian-13-wine": {suite: "trixie", packages: ",wine64,wine", customize: winePrefix}, // the Windows binary needs Wine 10
	"debian-13-ufw":  {suite: "trixie", packages: ufw},
}

// ufw is what `apt-get install ufw` brings, with what is recommended: Python takes a host longer than to boot.
const ufw = ",ufw,nftables"

// winePrefix makes /usr/share/lab-wine-prefix, to be copied by programs that need a prefix. To make one takes Wine 10 s
// and 700 MB, nearly all of it copies of its own DLLs; with links in their place it has 13 MB.
const winePrefix = `
prefix=/usr/share/lab-wine-prefix
chroot "$1" env -i PATH="$PATH" HOME=$prefix WINEPREFIX=$prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= \
	sh -c 'mkdir $HOME && wineboot --init && wineserver --wait' </dev/null
dlls=/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
find "$1$prefix" -type f -size +8k | while read -r file; do
	name=${file##*/}
	if cmp -s "$file" "$1$dlls/$name"; then ln -sf "$dlls/$name" "$file"; fi
done
`

// packages are what a cloud image of Debian has and tests meet, beyond the required ones.
const packages = "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,iproute2,ca-certificates,kmod,procps,netbase"

// customize is run in the shell of this machine with $1 as the image's root.
const customize = `
set -eu
# Hosts get their own; and no package lists, as a new cloud host has none.
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/resolv.conf "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id
: >"$1"/etc/machine-id
chroot "$1" useradd --create-home --shell /bin/bash ` + User + `
install -d -m 0700 "$1"/root/.ssh
chroot "$1" install -d -m 0700 -o ` + User + ` -g ` + User + ` /home/` + User + `/.ssh
echo '` + User + ` ALL=(ALL) NOPASSWD: ALL' >"$1"/etc/sudoers.d/lab
chmod 0440 "$1"/etc/sudoers.d/lab
# sudo makes this file at its first use by a user of group admin.
chroot "$1" install -m 0644 -o ` + User + ` -g ` + User + ` /dev/null /home/` + User + `/.sudo_as_admin_successful
chroot "$1" systemctl enable systemd-networkd ssh
# /tmp shall be part of the file system that snapshots see.
chroot "$1" systemctl mask tmp.mount
# Timers would write at moments of their own, between two snapshots.
chroot "$1" systemctl mask systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	systemd-tmpfiles-clean.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service
# apt takes a fifth less time without translations of descriptions, which images for containers leave out too.
echo 'Acquire::Languages "none";' >"$1"/etc/apt/apt.conf.d/90lab-no-languages
# Each daemon-reload runs all generators. What these look for, no container has.
mkdir -p "$1"/etc/systemd/system-generators
for name in bless-boot cryptsetup debug gpt-auto hibernate-resume integritysetup run system-update tpm2 veritysetup; do
	ln -s /dev/null "$1"/etc/systemd/system-generators/systemd-$name-generator
done
`

// image returns the directory of an image, after building it if it isn't there. Its name carries a stamp of the
// recipe, so a changed recipe is a new image.
func (n *nspawn) image(ctx context.Context, name string) (string, error) {
	recipe := recipes[name]
	stamp := sha256.Sum256([]byte(packages + recipe.packages + customize + recipe.customize))
	images := filepath.Join(n.config.Dir, "images")
	dir := filepath.Join(images, name+"-"+hex.EncodeToString(stamp[:4]))
	unlock, err := lockFile(filepath.Join(images, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	fmt.Fprintf(os.Stderr, "lab: building image %s (about half a minute, once)\n", name)
	unfinished := filepath.Join(images, name+".unfinished")
	script := filepath.Join(images, name+".customize")
	if err := errors.Join(os.RemoveAll(unfinished), os.WriteFile(script, []byte(customize+recipe.customize), 0o755)); err != nil {
		return "", err
	}
	args := []string{"--mode=root", "--format=directory", "--include=" + packages + recipe.packages, "--customize-hook=sh " + script + ` "$1"`}
	if err := run(ctx, "mmdebstrap", debootstrap(recipe.suite, unfinished, args...)...); err != nil {
		return "", errors.Join(fmt.Errorf("build image %s: %w", name, err), os.RemoveAll(unfinished))
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return "", err
	}
	return dir, n.removeOldImages(images, name, dir)
}

// debootstrap returns the arguments of mmdebstrap for a small system of a release in target.
func debootstrap(suite, target string, options ...string) []string {
	args := append([]string{"--quiet", "--variant=minbase"}, options...)
	args = append(args, suite, target)
	if mirror := os.Getenv("RCPROV_LAB_MIRROR"); mirror != "" {
		args = append(args, mirror)
	}
	return args
}

// removeOldImages removes images of name that were built from other recipes and carry no host.
func (n *nspawn) removeOldImages(images, name, current string) error {
	old, err := filepath.Glob(filepath.Join(images, name+"-????????"))
	if err != nil {
		return err
	}
	hosts, err := n.hostNames()
	if err != nil {
		return err
	}
	var used strings.Builder
	for _, host := range hosts {
		base, _ := os.ReadFile(filepath.Join(n.hostDir(host), "base")) // a host that is just going away has none
		used.Write(base)
	}
	for _, dir := range old {
		if dir != current && !strings.Contains(used.String(), dir) {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Images are those that mmdebstrap makes.
func (*qemu) Images() []string { return []string{"debian-12", "debian-13"} }

// canBuildDisks returns why this user can't make a disk here.
func canBuildDisks() error {
	var missing []string
	for tool, path := range map[string]string{"mmdebstrap": "mmdebstrap", "mke2fs": "/usr/sbin/mke2fs"} {
		if _, err := exec.LookPath(tool); err != nil {
			if _, err := os.Stat(path); err != nil {
				missing = append(missing, tool)
			}
		}
	}
	if missing != nil {
		return fmt.Errorf("%s not found; `RCPROV_LAB=qemu make lab-deps` installs it (Debian, Ubuntu)", strings.Join(missing, ", "))
	}
	return nil
}

// machinePackages are what a machine needs beyond a container. GRUB only as files: its packages that install it would ask where.
const machinePackages = ",linux-image-cloud-amd64,initramfs-tools,e2fsprogs,grub-pc-bin,grub-common"

// machineCustomize makes a root file system a machine's: a network, and a boot loader that follows Debian's links to the
// newest kernel. What a disk is made of is left in /lab-disk, for other hooks to take out; the file system is as large as
// what is in it, and grows at its first boot. mmdebstrap's own mounts are not part of it, hence the bind mount.
const machineCustomize = `
cat >"$1"/etc/systemd/network/10-lab.network <<'EOF'
[Match]
Name=e*
[Network]
DHCP=ipv4
EOF
echo 'nameserver 10.0.2.3' >"$1"/etc/resolv.conf
echo lab >"$1"/etc/hostname
echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$1"/etc/fstab
mkdir -p "$1"/boot/grub
cat >"$1"/boot/grub/grub.cfg <<'EOF'
set root=(hd0,msdos1)
linux /vmlinuz root=LABEL=root ro console=ttyS0 net.ifnames=0 mitigations=off loglevel=6
initrd /initrd.img
boot
EOF
chroot "$1" sh /lab-provision
rm "$1"/lab-provision
whole=$(mktemp -d)
mount --bind "$1" "$whole"
size=$(du -sxm "$whole" | cut -f 1)
mke2fs -q -t ext4 -L root -d "$whole" "$whole.ext4" $((size * 5 / 4 + 100))m
umount "$whole"
rmdir "$whole"
mkdir "$1"/lab-disk
mv "$whole.ext4" "$1"/lab-disk/root
cp "$1"/usr/lib/grub/i386-pc/boot.img "$1"/lab-disk/boot
chroot "$1" grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /lab-disk/core biosdisk part_msdos ext2 normal linux
`

// diskRecipe is all that an image's disk depends on.
func diskRecipe(name string) (string, error) {
	r, ok := recipes[name]
	if !ok {
		return "", fmt.Errorf("no recipe for a disk %q", name)
	}
	return r.suite + packages + machinePackages + customize + machineCustomize, nil
}

// installDisk makes the disk of an image: a boot sector, GRUB behind it, and one file system with all else.
func (q *qemu) installDisk(ctx context.Context, name string, id *identity, disk string) error {
	dir := filepath.Dir(disk)
	provision := filepath.Join(dir, "provision")
	if err := os.WriteFile(provision, []byte(id.provisionScript()), 0o644); err != nil {
		return err
	}
	mode := "root"
	if os.Geteuid() != 0 {
		mode = "unshare"
	}
	args := []string{
		"--mode=" + mode, "--format=null", "--include=" + packages + machinePackages,
		"--customize-hook=upload '" + provision + "' /lab-provision", "--customize-hook=" + customize + machineCustomize,
	}
	parts := []string{"boot", "core", "root"}
	for _, part := range parts {
		args = append(args, fmt.Sprintf("--customize-hook=download /lab-disk/%s '%s'", part, filepath.Join(dir, part)))
	}
	if _, err := q.run(ctx, "", "mmdebstrap", debootstrap(recipes[name].suite, "-", args...)...); err != nil {
		if mode == "unshare" {
			err = fmt.Errorf("%w\n%s", err, "Without root, mmdebstrap needs newuidmap (package uidmap) and ranges for this user in /etc/subuid and /etc/subgid.")
		}
		return err
	}
	raw := filepath.Join(dir, "raw")
	if err := joinDisk(raw, filepath.Join(dir, "boot"), filepath.Join(dir, "core"), filepath.Join(dir, "root")); err != nil {
		return err
	}
	if _, err := q.run(ctx, "", "qemu-img", "convert", "-O", "qcow2", raw, disk); err != nil {
		return err
	}
	for _, name := range append(parts, "raw", "provision") {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// diskSize is what a machine sees, in bytes. What isn't written takes no room.
const diskSize = 8 << 30

// joinDisk makes a raw disk of GRUB's boot sector, its core and a file system.
func joinDisk(raw, boot, core, root string) error {
	bootSector, err := os.ReadFile(boot)
	if err != nil {
		return err
	}
	coreImage, err := os.ReadFile(core)
	if err != nil {
		return err
	}
	files, err := os.Open(root)
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // read only
	disk, err := os.Create(raw)
	if err != nil {
		return err
	}
	if err := writeDisk(disk, bootSector, coreImage, diskSize); err != nil {
		return errors.Join(err, disk.Close())
	}
	_, err = disk.Seek(bootSpace, io.SeekStart)
	if err == nil {
		_, err = io.Copy(disk, files)
	}
	return errors.Join(err, disk.Close())
}

const (
	sector     = 512
	bootSpace  = 2048 * sector // before the first partition: the boot sector and GRUB's core
	linuxFiles = 0x83          // type of the partition
)

// writeDisk writes what precedes the file system on a raw disk of size bytes: GRUB's boot sector with a partition table, and
// its core from sector 1 on, where the boot sector looks for it.
// https://www.gnu.org/software/grub/manual/grub/html_node/Images.html
func writeDisk(disk *os.File, boot, core []byte, size int64) error {
	if len(boot) != sector || len(core) > bootSpace-sector {
		return fmt.Errorf("GRUB's boot sector has %d bytes and its core %d, which a disk has no room for", len(boot), len(core))
	}
	mbr := make([]byte, sector)
	copy(mbr, boot[:440]) // its code; then a serial number, and the table
	entry := mbr[446:]
	entry[0], entry[4] = 0x80, linuxFiles // active
	copy(entry[1:4], "\x00\x02\x00")      // cylinders and heads are of no meaning
	copy(entry[5:8], "\xff\xff\xff")
	binary.LittleEndian.PutUint32(entry[8:], bootSpace/sector)
	binary.LittleEndian.PutUint32(entry[12:], uint32((size-bootSpace)/sector))
	mbr[510], mbr[511] = 0x55, 0xaa
	_, err := disk.WriteAt(append(mbr, core...), 0)
	return errors.Join(err, disk.Truncate(size))
}

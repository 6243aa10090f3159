//go:build linux

// Package writes finds what was written on a lab host, in the upper directory of its overlay file system: all that a
// program on the host does to a file, it does there.
//
// There are two questions. [Touched] is the strict one: was anything written at all, be it the same bytes again?
// [Changed] compares states: do the files of the host look the same as before? What systemd and logins
// write by themselves is left out of both; see ignored and volatile.
package writes

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/e2e/lab"
)

// ignored are paths that a host writes without anybody's doing, each with its reason. A slash at the end means the
// directory and all below it.
var ignored = []string{
	"var/log/journal/",         // journald
	"var/log/lastlog",          // each login: pam_lastlog, 12
	"var/log/wtmp",             // each login
	"var/log/btmp",             // each login that was refused
	"var/lib/lastlog/",         // each login: pam_lastlog2, 13
	"var/lib/wtmpdb/",          // each login: 13
	"var/lib/systemd/",         // random seed, clock, stamps of timers, rfkill
	"var/tmp/systemd-private-", // PrivateTmp= of services: made and removed when they start and stop
	"tmp/systemd-private-",     // the same
}

// volatile are paths whose content is about the past or can be made again, not about the state of the host: two hosts
// in the same state differ in them.
var volatile = []string{
	"var/log/",                      // logs
	"var/cache/",                    // caches: apt, ldconfig, debconf
	"var/lib/apt/",                  // package lists, with times; which packages were asked for is in dpkg's status
	"var/lib/dpkg/lock",             // empty
	"var/lib/dpkg/lock-frontend",    // empty
	"var/lib/dpkg/triggers/Lock",    // empty
	"var/lib/dpkg/status-old",       // backup of the previous state
	"var/lib/dpkg/diversions-old",   // the same
	"var/lib/dpkg/statoverride-old", // the same
	"var/backups/",                  // the same
	"etc/passwd-",                   // the same
	"etc/group-",                    // the same
	"etc/shadow-",                   // the same
	"etc/gshadow-",                  // the same
	"etc/subuid-",                   // the same
	"etc/subgid-",                   // the same
	"etc/.pwd.lock",                 // empty
	"var/lib/rcprov/journal.jsonl",  // what runs changed, with times
	"var/lib/rcprov/backup/",        // what was replaced last
	"var/lib/rcprov/secrets",        // what has held secrets, from the first run that knew
	"var/lib/rcprov/deadman/",       // how the last change under a dead man's switch ended
	"var/lib/rcprov/stamps/",        // which instance of a unit runs what, by random names and times
}

// An Entry is one path of a host.
type Entry struct {
	Mode     fs.FileMode // type and permissions
	UID, GID uint32
	Size     int64  // of a regular file
	Target   string // of a symbolic link
	Hash     [sha256.Size]byte
	Device   uint64 // of a device file
	XAttrs   string // those of the host, not overlayfs' own

	whiteout bool // removed from the image
	opaque   bool // a directory that hides the image's
	inode    uint64
	modified unix.Timespec // content
	touched  unix.Timespec // anything
}

// A Snapshot is all that was written on a host until a moment.
type Snapshot struct {
	base    string
	entries map[string]Entry // by path without leading slash
}

// Take reads the upper directory of a host. previous may be nil; files that have not changed since are not read again.
// A file that disappears meanwhile is not there. What is in alive, paths without the leading slash and with one at the
// end of directories, is left out: a database writes all the time, and by itself.
func Take(layers *lab.Layers, previous *Snapshot, alive ...string) (*Snapshot, error) {
	s := &Snapshot{base: layers.Base, entries: map[string]Entry{}}
	err := filepath.WalkDir(layers.Upper, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		path := strings.TrimPrefix(strings.TrimPrefix(name, layers.Upper), "/")
		if path == "" {
			return nil
		}
		if matches(ignored, path) || matches(alive, path) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		var old Entry
		if previous != nil {
			old = previous.entries[path]
		}
		e, err := read(name, old)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		s.entries[path] = e
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	return s, nil
}

// read reads one path. It is old if nothing was done to it since: whoever changes content, rights or extended attributes
// changes its time.
func read(name string, old Entry) (Entry, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return Entry{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	e := Entry{
		Mode: info.Mode(), UID: stat.Uid, GID: stat.Gid, inode: stat.Ino,
		modified: unix.Timespec(stat.Mtim), touched: unix.Timespec(stat.Ctim),
	}
	if e.Mode.IsRegular() {
		e.Size = info.Size()
	}
	if e.inode == old.inode && e.touched == old.touched && e.modified == old.modified && e.Size == old.Size && e.Mode == old.Mode &&
		e.UID == old.UID && e.GID == old.GID {
		return old, nil
	}
	if err := readXAttrs(name, &e); err != nil {
		return e, err
	}
	switch {
	case e.Mode.IsRegular():
		return e, hash(name, &e)
	case e.Mode&fs.ModeSymlink != 0:
		e.Target, err = os.Readlink(name)
		return e, err
	case e.Mode&fs.ModeDevice != 0:
		e.Device = stat.Rdev
		e.whiteout = e.Mode&fs.ModeCharDevice != 0 && stat.Rdev == 0
	}
	return e, nil
}

func hash(name string, e *Entry) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	h.Sum(e.Hash[:0])
	return nil
}

// readXAttrs reads extended attributes: capabilities and access control lists of the host, and overlayfs' marks.
func readXAttrs(name string, e *Entry) error {
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(name, buf)
	if err != nil || n == 0 {
		return err
	}
	keys := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(keys)
	for _, key := range keys {
		n, err := unix.Lgetxattr(name, key, buf)
		if err != nil {
			return err
		}
		if value := string(buf[:n]); strings.HasPrefix(key, "trusted.overlay.") {
			e.opaque = e.opaque || key == "trusted.overlay.opaque" && value == "y"
		} else {
			e.XAttrs += fmt.Sprintf("%s=%q ", key, value)
		}
	}
	return nil
}

// matches reports whether path is one of list.
func matches(list []string, path string) bool {
	for _, p := range list {
		if path == p || strings.HasPrefix(path, p) && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "-")) || path+"/" == p {
			return true
		}
	}
	return false
}

// Touched returns a line for each path that was written, made or removed between two snapshots of one host, even if
// it is as it was: a file that was replaced by its equal, a directory in which something was for a moment.
func Touched(before, after *Snapshot) []string {
	var lines []string
	for _, path := range union(before.entries, after.entries) {
		was, existed := before.entries[path]
		is, exists := after.entries[path]
		switch {
		case was == is:
		case !existed:
			lines = append(lines, "/"+path+": written ("+describe(is)+")")
		case !exists:
			lines = append(lines, "/"+path+": removed")
		case was.state() == is.state():
			lines = append(lines, "/"+path+": written, with the same result")
		default:
			lines = append(lines, "/"+path+": "+difference(was, is))
		}
	}
	return lines
}

// Changed returns a line for each path at which the states of two snapshots differ: of one host at two moments, or
// of two hosts with the same image. What is volatile does not count.
func Changed(before, after *Snapshot) ([]string, error) {
	var lines []string
	for _, path := range union(before.entries, after.entries) {
		if matches(volatile, path) {
			continue
		}
		was, err := before.effective(path)
		if err != nil {
			return nil, err
		}
		is, err := after.effective(path)
		if err != nil {
			return nil, err
		}
		if was != is {
			lines = append(lines, "/"+path+": "+difference(was, is))
		}
	}
	return lines, nil
}

// Since returns the part of s that was touched after an earlier snapshot of the same host: what is left when the
// things in which hosts differ from the start (names, keys) are taken away.
func (s *Snapshot) Since(earlier *Snapshot) *Snapshot {
	part := &Snapshot{base: s.base, entries: map[string]Entry{}}
	for path, e := range s.entries {
		if earlier.entries[path] != e {
			part.entries[path] = e
		}
	}
	for path := range earlier.entries {
		if _, exists := s.entries[path]; !exists {
			part.entries[path] = Entry{} // gone
		}
	}
	return part
}

// effective returns the state of a path as the host sees it: its own or the image's.
func (s *Snapshot) effective(path string) (Entry, error) {
	if e, found := s.entries[path]; found {
		return e.state(), nil
	}
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if e, found := s.entries[dir]; found && (e.whiteout || e.opaque || !e.Mode.IsDir()) {
			return Entry{}, nil
		}
	}
	e, err := read(filepath.Join(s.base, path), Entry{})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Entry{}, nil
	}
	return e.state(), err
}

// state is the entry as far as the host's users see it: nothing, if it is a whiteout; no times.
func (e Entry) state() Entry {
	if e.whiteout {
		return Entry{}
	}
	e.opaque, e.inode = false, 0
	e.modified, e.touched = unix.Timespec{}, unix.Timespec{}
	return e
}

// describe says in a few words what an entry is.
func describe(e Entry) string {
	switch {
	case e.state() == Entry{}:
		return "not there"
	case e.Mode&fs.ModeSymlink != 0:
		return "link to " + e.Target
	case e.Mode.IsRegular():
		return fmt.Sprintf("%v %d:%d, %d bytes, sha256 %x", e.Mode, e.UID, e.GID, e.Size, e.Hash[:4])
	}
	return fmt.Sprintf("%v %d:%d", e.Mode, e.UID, e.GID)
}

func difference(was, is Entry) string {
	line := describe(was) + " -> " + describe(is)
	if was.XAttrs != is.XAttrs {
		line += fmt.Sprintf(" [xattrs %q -> %q]", was.XAttrs, is.XAttrs)
	}
	return line
}

func union(a, b map[string]Entry) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

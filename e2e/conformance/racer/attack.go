//go:build linux

package main

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attack is what she swaps while root is at work.
type attack struct {
	strange bool // every new name that is not of her making
	finals  bool // the paths of the plan
	parents bool // directories on the way to them
	link    bool // such a directory is a link of hers from the start
	odd     bool // at the paths of the plan are pipes, links and directories from the start
	peek    bool // only links to what only root may read are put at the paths of the plan
	pipe    bool // only pipes are put there

	meddle bool // with processes that have her rights
	stop   bool // they are stopped
	hold   bool // what they write to is kept open
}

var attacks = map[string]attack{
	"strange": {strange: true},
	"finals":  {finals: true},
	"parents": {parents: true},
	"link":    {link: true},
	"odd":     {odd: true, strange: true},
	"peek":    {finals: true, peek: true},
	"pipe":    {finals: true, pipe: true},
	"meddle":  {meddle: true},
	"stop":    {meddle: true, stop: true},
	"hold":    {meddle: true, hold: true},
	"all":     {strange: true, finals: true, parents: true},
}

func attackNames() []string { return slices.Sorted(maps.Keys(attacks)) }

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// lay makes what root finds at first.
func (r *racer) lay(random *rand.Rand) {
	if r.attack.link {
		for _, dir := range r.parents()[:min(1, len(r.parents()))] {
			_ = os.Symlink(r.directory(random), dir)
		}
	}
	for i, path := range r.finals() {
		r.makeParents(path)
		switch directory := strings.HasSuffix(r.names[i], "/"); {
		case r.attack.odd:
			_ = os.Rename(r.decoy(random), path)
		case random.IntN(2) == 0: // nothing
		case directory:
			_ = os.Mkdir(path, 0o700)
			r.keep(path)
		default:
			r.innocent(path, random)
		}
	}
}

func (r *racer) makeParents(path string) {
	var missing []string
	for dir := filepath.Dir(path); dir != r.dir; dir = filepath.Dir(dir) {
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		if os.Mkdir(dir, 0o755) == nil {
			r.keep(dir)
		}
	}
}

// innocent makes a file of hers at path that is not as the plan wants it.
func (r *racer) innocent(path string, random *rand.Rand) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString("hers\n")
	_ = f.Chmod(fs.FileMode([]uint32{0o600, 0o644, 0o640}[random.IntN(3)]))
	_ = f.Close()
	r.keep(path)
}

// identity tells a file from all others, also from one that gets the number of a removed one.
type identity struct {
	inode uint64
	born  unix.StatxTimestamp
}

// look returns what is at path, with its type; a link is not followed.
func look(path string) (id identity, kind uint16, found bool) {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_TYPE|unix.STATX_BTIME, &stat)
	return identity{stat.Ino, stat.Btime}, stat.Mode & unix.S_IFMT, err == nil
}

// keep notes that what is at path is of her making.
func (r *racer) keep(path string) {
	if id, _, found := look(path); found {
		r.mu.Lock()
		r.mine[id] = true
		r.mu.Unlock()
	}
}

// isMine reports whether she made it.
func (r *racer) isMine(id identity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mine[id]
}

// swapAll swaps paths for decoys and back until she is told to stop.
func (r *racer) swapAll(paths []string, random *rand.Rand) {
	for !r.stopping.Load() {
		path := paths[random.IntN(len(paths))]
		switch {
		case slices.Contains(r.parents(), path):
			r.swap(path, r.link(r.directory(random)), random)
		case r.attack.peek:
			r.swap(path, r.link(filepath.Join(r.bait, []string{"secret", "shadow"}[random.IntN(2)])), random)
		case r.attack.pipe:
			r.swap(path, r.pipe(), random)
		default:
			r.swap(path, r.decoy(random), random)
			if random.IntN(8) == 0 {
				r.drift(path, random)
			}
		}
		for range r.patience {
			dwell(random)
		}
	}
}

// drift makes a path of the plan differ from what the plan wants, so that root has something to do.
func (r *racer) drift(path string, random *rand.Rand) {
	_, kind, found := look(path)
	if !found {
		if random.IntN(2) == 0 {
			r.innocent(path, random)
		}
		return
	}
	switch {
	case kind == unix.S_IFREG:
		_ = os.Remove(path)
		if random.IntN(2) == 0 {
			r.innocent(path, random)
		}
	case random.IntN(2) == 0:
		_ = os.Chmod(path, 0o700)
	default:
		_ = os.Remove(path) // if it is empty
	}
}

// swap puts a decoy at path for a moment.
func (r *racer) swap(path, decoy string, random *rand.Rand) {
	if decoy == "" {
		return
	}
	defer r.drop(decoy)
	put, _, found := look(decoy)
	if !found {
		return
	}
	err := exchange(decoy, path)
	if errors.Is(err, fs.ErrNotExist) {
		err = unix.Renameat2(unix.AT_FDCWD, decoy, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return
	}
	r.swaps.Add(1)
	dwell(random)
	if now, _, found := look(path); found && now != put && random.IntN(2) == 0 {
		return // root has put something there: let it be
	}
	if err := exchange(decoy, path); errors.Is(err, fs.ErrNotExist) {
		_ = unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, decoy, unix.RENAME_NOREPLACE)
	}
}

func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// dwell lets a moment pass, between nothing and 4 ms; short ones are more likely.
func dwell(random *rand.Rand) {
	d := time.Microsecond << random.IntN(13)
	if d > 50*time.Microsecond {
		time.Sleep(d)
		return
	}
	for begin := time.Now(); time.Since(begin) < d; {
	}
}

// directory returns a directory for a link to lead to.
func (r *racer) directory(random *rand.Rand) string {
	return filepath.Join(r.bait, []string{"dir", "dir", "empty", "private"}[random.IntN(4)])
}

// file returns a path for a link to lead to.
func (r *racer) file(random *rand.Rand) string {
	name := []string{"secret", "secret", "shadow", "public", "dir/planted", "dir"}[random.IntN(6)]
	return filepath.Join(r.bait, name)
}

func (r *racer) fresh() string { return filepath.Join(r.own, "d"+itoa(r.numbers.Add(1))) }

func itoa(n int64) string {
	var digits []byte
	for ; n > 0; n /= 10 {
		digits = append(digits, byte('0'+n%10))
	}
	slices.Reverse(digits)
	return string(digits)
}

// link makes a link and returns its path; empty if it could not be made.
func (r *racer) link(target string) string {
	path := r.fresh()
	if os.Symlink(target, path) != nil {
		return ""
	}
	r.keep(path)
	return path
}

// pipe makes a named pipe, which whoever opens it waits for, and returns its path.
func (r *racer) pipe() string {
	path := r.fresh()
	_ = unix.Mkfifo(path, 0o666)
	r.keep(path)
	return path
}

// decoy makes something to be swapped for a file or a directory, mostly a link, and returns its path.
func (r *racer) decoy(random *rand.Rand) string {
	path := r.fresh()
	switch random.IntN(10) {
	case 0:
		return r.pipe()
	case 1:
		_ = os.Mkdir(path, 0o755)
		_ = os.Symlink(r.file(random), filepath.Join(path, "f"))
	case 2: // a second name of a file of hers
		_ = os.Link(r.first(random), path)
	default:
		return r.link(r.file(random))
	}
	r.keep(path)
	return path
}

// first returns a file of hers that stays.
func (r *racer) first(random *rand.Rand) string {
	path := filepath.Join(r.own, "first")
	r.innocent(path, random)
	return path
}

// drop removes a decoy. If by now there is something else, it is kept for the search at the end.
func (r *racer) drop(path string) {
	id, _, found := look(path)
	if !found {
		return
	}
	if r.isMine(id) {
		_ = os.RemoveAll(path)
		return
	}
	_ = os.Rename(path, filepath.Join(r.own, "kept"+itoa(r.numbers.Add(1))))
}

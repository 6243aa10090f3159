//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watcher sees what happens below her directory: inotify(7).
type watcher struct {
	*racer
	fd   int
	dirs map[int32]string // by watch
}

const events = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW

func newWatcher(r *racer) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	w := &watcher{racer: r, fd: fd, dirs: map[int32]string{}}
	w.add(r.dir)
	return w, nil
}

// add watches a directory and those in it, and returns the paths that are in them.
func (w *watcher) add(dir string) (found []string) {
	if dir == w.own {
		return nil
	}
	wd, err := unix.InotifyAddWatch(w.fd, dir, events)
	if err != nil {
		return nil
	}
	w.dirs[int32(wd)] = dir
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		found = append(found, path)
		if e.IsDir() {
			found = append(found, w.add(path)...)
		}
	}
	return found
}

// watch reads events until she is told to stop. For a while after each of root's it doesn't sleep.
func (w *watcher) watch(random *rand.Rand) {
	buf := make([]byte, 64<<10)
	var awake time.Time
	for !w.stopping.Load() {
		n, err := unix.Read(w.fd, buf)
		if err != nil {
			if time.Now().After(awake) {
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, 20)
			}
			continue
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
			name := strings.TrimRight(string(buf[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+int(e.Len)]), "\x00")
			at += unix.SizeofInotifyEvent + int(e.Len)
			if dir := w.dirs[e.Wd]; dir != "" && name != "" && w.see(filepath.Join(dir, name), random) {
				awake = time.Now().Add(2 * time.Millisecond)
			}
		}
	}
}

// see looks at a path at which something happened, and strikes if it is not of her making, which it returns.
func (w *watcher) see(path string, random *rand.Rand) (strange bool) {
	id, kind, found := look(path)
	if path == w.own || !found {
		return false
	}
	if w.isMine(id) {
		if kind == unix.S_IFDIR {
			w.add(path)
		}
		return false
	}
	w.mu.Lock()
	w.strange[strings.TrimPrefix(path, w.dir+"/")] = true
	w.mu.Unlock()
	if w.attack.strange && random.Float64() >= w.lazy && !slices.Contains(w.parents(), path) {
		if random.IntN(3) == 0 {
			dwell(random)
		}
		w.strike(path, kind, random)
	}
	switch kind {
	case unix.S_IFREG:
		w.read(path)
		_ = os.Link(path, filepath.Join(w.own, "kept"+itoa(w.numbers.Add(1)))) // whatever is written into it later
	case unix.S_IFDIR:
		for _, inner := range w.add(path) {
			if w.attack.strange {
				w.see(inner, random)
			}
		}
	}
	return true
}

// strike swaps a name that root has made, in one of several ways.
func (r *racer) strike(path string, kind uint16, random *rand.Rand) {
	switch random.IntN(8) {
	case 0: // let it be this time
	case 1: // gone, and a link in its place that stays
		_ = os.Rename(path, r.fresh())
		_ = os.Symlink(r.file(random), path)
		r.keep(path)
	case 2:
		if decoy := r.decoy(random); decoy != "" && exchange(decoy, path) == nil {
			r.swaps.Add(1)
		}
	default:
		for range 1 + random.IntN(4) {
			if kind == unix.S_IFDIR && random.IntN(2) == 0 {
				r.swap(path, r.link(r.directory(random)), random)
			} else {
				r.swap(path, r.link(r.file(random)), random)
			}
		}
	}
}

// read checks that a file has nothing in it that she must not read.
func (r *racer) read(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // read only
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return
	}
	content, _ := io.ReadAll(io.LimitReader(f, 4<<20))
	if bytes.Contains(content, r.marker) {
		r.gain("%s, which she can read, holds what only root may read", path)
	}
}

// search looks for gains in all places where root may have left something.
func (r *racer) search() {
	me := uint32(os.Getuid())
	for _, root := range []string{r.dir, r.own, "/tmp", "/var/tmp", "/dev/shm", "/run", "/var/lib/rcprov", "/var/cache", "/var/log", "/home", "/srv", "/opt", "/etc"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrPermission) && d != nil && d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			hers := strings.HasPrefix(path, r.dir) || strings.HasPrefix(path, r.own) || strings.HasPrefix(path, "/home/alice") || strings.HasPrefix(path, "/run/user/")
			stat := info.Sys().(*syscall.Stat_t)
			if !hers && stat.Uid == me {
				r.gain("%s is hers", path)
			}
			if d.Type().IsRegular() && time.Unix(stat.Ctim.Unix()).After(r.started.Add(-time.Second)) {
				r.read(path)
			}
			return nil
		})
	}
}

//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What root does by her rights is done by processes that are hers as well: she can stop them, end them, write into what they
// write to, and keep that open when they have ended.

// forged is what she writes to the output of such processes.
const forged = "\nrcprov-door as\t/\troot\nsum 0  ./f\nanswer Zm9yZ2Vk\n1 content Zm9yZ2Vk\nlocked\n"

// meddle does that to all her processes but her own until she is told to stop; at the end it lets go of all.
func (r *racer) meddle(random *rand.Rand) {
	done := map[int]bool{os.Getpid(): true}
	var held []int
	for !r.stopping.Load() {
		for _, pid := range processes() {
			if done[pid] {
				continue
			}
			done[pid] = true
			dir := fmt.Sprintf("/proc/%d", pid)
			info, err := os.Stat(dir)
			if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
				done[pid] = err != nil // it may yet become hers
				continue
			}
			r.mu.Lock()
			r.strange["process "+name(dir)] = true
			r.mu.Unlock()
			r.swaps.Add(1)
			if r.attack.hold || random.IntN(2) == 0 {
				for fd := range 10 {
					f, err := unix.Open(fmt.Sprintf("%s/fd/%d", dir, fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
					if err != nil {
						continue
					}
					if random.IntN(2) == 0 {
						_, _ = unix.Write(f, []byte(forged))
					}
					held = append(held, f)
				}
			}
			switch {
			case r.attack.stop:
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			case random.IntN(3) == 0:
				dwell(random)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !r.attack.hold {
			for _, f := range held {
				_ = unix.Close(f)
			}
			held = nil
		}
		time.Sleep(200 * time.Microsecond)
	}
	for _, pid := range processes() {
		if r.attack.stop && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
}

func processes() (all []int) {
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

func name(dir string) string {
	text, _ := os.ReadFile(dir + "/comm")
	return string(text[:max(0, len(text)-1)])
}

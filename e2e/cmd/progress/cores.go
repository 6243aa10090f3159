package main

import (
	"os"
	"strconv"
	"strings"
)

// A load is what the cores of this machine have done since it was started, in ticks; see proc_stat(5).
type load struct{ idle, all uint64 }

// cores returns the load so far; zero where there is no /proc/stat.
func cores() load {
	var l load
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			continue // the name
		}
		if i > 8 { // guests' time is in the others
			break
		}
		l.all += ticks
		if i == 4 || i == 5 { // idle, iowait
			l.idle += ticks
		}
	}
	return l
}

// busy returns the part of the time since l in which the cores were at work, or -1 if that is unknown.
func (l load) busy() float64 {
	now := cores()
	if now.all <= l.all {
		return -1
	}
	return 1 - float64(now.idle-l.idle)/float64(now.all-l.all)
}

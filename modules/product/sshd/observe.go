package sshd

import (
	_ "embed"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// switchName is what the dead man's switch of sshd is called on the host.
const switchName = "sshd"

// state is the content of sshd's files, the settings in force, and where sshd listens.
type state struct {
	Installed bool
	Files     configuration

	Effective map[string][]string // `sshd -T`: values by lowercase keyword; empty if sshd refuses its files
	Alone     map[string][]string // the same for the drop-in alone; empty without one
	Refused   string              // why sshd refuses its files

	Generator bool       // systemd takes the ports of ssh.socket from sshd's configuration
	Listening []listener // nil: unknown, there is no ss

	Unconfirmed deadman.State
}

// listener is a TCP socket that waits for connections.
type listener struct {
	Address netip.AddrPort // the unspecified address without a family ("*") is ::
	Program string         // "sshd"; "systemd" for what systemd holds
	PID     int
}

//go:embed observe.sh
var observeScript string

// server asks how sshd is configured; its subject is always the empty struct.
//
// SSHD_OPTS of /etc/default/ssh goes to the command line and overrides all files, so sshd is asked with it. `sshd -T` of the
// drop-in alone gives its values in sshd's own form, which makes them comparable ("2m" is 120).
// Sources: sshd(8), ss(8), systemd.generator(7); Ubuntu 24.04's openssh-server has the generator.
var server = &observe.Kind[struct{}, state]{
	Name: "sshd",
	Script: func([]struct{}) string {
		return shell.Script(observeScript, shell.Vars{"main": mainFile, "drop_dir": dropDir, "drop_in": dropIn, "ask": deadman.Ask(switchName)})
	},
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[state] {
		s, err := parseState(reply)
		return map[struct{}]observe.Answer[state]{{}: {Value: s, Err: err}}
	},
}

func parseState(reply observe.Reply) (state, error) {
	s := state{Files: make(configuration), Effective: make(map[string][]string), Alone: make(map[string][]string)}
	answered := false
	for _, text := range reply.Lines() {
		if unconfirmed, ok := deadman.ParseLine(text); ok {
			s.Unconfirmed = unconfirmed
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		switch word {
		case "sshd":
			s.Installed, answered = rest == "installed", true
		case "file": // PATH:NUMBER:TEXT
			path, rest, _ := strings.Cut(rest, ":")
			_, content, _ := strings.Cut(rest, ":")
			s.Files[path] = append(s.Files[path], content)
		case "effective":
			note(s.Effective, rest)
		case "alone":
			note(s.Alone, rest)
		case "generator":
			s.Generator = true
		case "listening":
			s.Listening = []listener{}
		case "listen":
			if l, ok := parseListener(rest); ok {
				s.Listening = append(s.Listening, l)
			}
		}
	}
	if !answered {
		return state{}, errors.New(strings.TrimSpace("no answer. " + string(reply.Stderr)))
	}
	if len(s.Effective) == 0 {
		s.Refused = strings.TrimSpace(string(reply.Stderr))
	}
	return s, nil
}

// note adds a line of `sshd -T`: the keyword and its value.
func note(values map[string][]string, text string) {
	keyword, value, _ := strings.Cut(text, " ")
	values[keyword] = append(values[keyword], strings.TrimSpace(value))
}

// parseListener reads a line of `ss -Hltnp`:
//
//	LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=36,fd=4),("systemd",pid=1,fd=50))
//
// Of several holders it takes the first one that is not systemd.
func parseListener(text string) (listener, bool) {
	fields := strings.Fields(text)
	if len(fields) < 5 {
		return listener{}, false
	}
	i := strings.LastIndexByte(fields[3], ':')
	if i < 0 {
		return listener{}, false
	}
	host, _, _ := strings.Cut(fields[3][:i], "%")
	host = strings.Trim(host, "[]")
	if host == "*" {
		host = "::"
	}
	address, err1 := netip.ParseAddr(host)
	port, err2 := strconv.ParseUint(fields[3][i+1:], 10, 16)
	if err1 != nil || err2 != nil {
		return listener{}, false
	}
	l := listener{Address: netip.AddrPortFrom(address, uint16(port))}
	for _, holder := range strings.Split(strings.Join(fields[5:], " "), "(\"")[1:] {
		program, rest, _ := strings.Cut(holder, `",pid=`)
		number, _, _ := strings.Cut(rest, ",")
		pid, err := strconv.Atoi(number)
		if err == nil && (l.Program == "" || l.PID == 1) {
			l.Program, l.PID = program, pid
		}
	}
	return l, true
}

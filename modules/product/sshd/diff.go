package sshd

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	server.Ask(q, struct{}{})
	observe.Session.Ask(q, struct{}{})
	s.file.Observe(q)
	for _, f := range []*file.Step{s.socketDropIn(), noSocketDropIn} {
		f.Observe(q)
	}
	s.service.Observe(q)
	s.socket.Observe(q)
	observe.Unit.Ask(q, aboutService)
	observe.Unit.Ask(q, aboutSocket)
}

// The steps for the two units ask the same, so that it costs nothing.
var (
	aboutService = observe.UnitQuestion{Name: service, Watch: observe.WatchList([]string{mainFile, dropIn})}
	aboutSocket  = observe.UnitQuestion{Name: socket}
)

// noSocketDropIn removes the file that tells systemd where to listen.
var noSocketDropIn = &file.Step{Path: socketFile, Absent: true}

// socketDropIn is the file that tells systemd where to listen.
func (s *Step) socketDropIn() *file.Step {
	if s.Ports == nil && s.Addresses == nil {
		return noSocketDropIn
	}
	ports := s.Ports
	if ports == nil {
		ports = []int{defaultPort}
	}
	lines := "# Written by rcprov: where sshd shall listen, as in " + dropIn + ".\n[Socket]\nListenStream=\n"
	if s.Addresses != nil {
		lines += "BindIPv6Only=ipv6-only\nFreeBind=yes\n"
	}
	for _, port := range ports {
		if s.Addresses == nil {
			lines += fmt.Sprintf("ListenStream=%d\n", port)
		}
		for _, a := range s.Addresses {
			lines += "ListenStream=" + netip.AddrPortFrom(a, uint16(port)).String() + "\n"
		}
	}
	return &file.Step{Path: socketFile, Content: []byte(lines), Mode: 0o644, Owner: "root", Group: "root"}
}

const defaultPort = 22

// view is everything that was observed.
type view struct {
	state
	session  observe.SessionInfo
	unit     observe.UnitInfo // of ssh.service
	bySocket bool             // systemd listens for sshd
}

func (s *Step) look(snapshot *observe.Snapshot) (v view, err error) {
	if v.state, err = server.Get(snapshot, struct{}{}); err != nil {
		return v, fmt.Errorf("look at sshd: %w", err)
	}
	if v.session, err = observe.Session.Get(snapshot, struct{}{}); err != nil {
		return v, fmt.Errorf("look at the SSH connection: %w", err)
	}
	if v.unit, err = observe.Unit.Get(snapshot, aboutService); err != nil {
		return v, fmt.Errorf("ask systemd about %s: %w", service, err)
	}
	listening, err := observe.Unit.Get(snapshot, aboutSocket)
	if err != nil {
		return v, fmt.Errorf("ask systemd about %s: %w", socket, err)
	}
	v.bySocket = listening.Running()
	return v, nil
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	v, err := s.look(snapshot)
	if err != nil {
		return modules.Change{}, err
	}
	if !v.Installed {
		return modules.Change{}, modules.WithHint(errors.New("there is no sshd on the host"),
			"Install openssh-server in an earlier step (`apt_package`).")
	}
	if v.Unconfirmed.Undecided() { // what was observed is about to change
		return modules.NewChange(work{unconfirmed: v.Unconfirmed}), nil
	}
	var w work
	var notes []string
	after := v.Files.with(dropIn, string(s.file.Content))
	if err := s.reaches(after.lines()); err != nil {
		return modules.Change{}, err
	}
	if err := s.files(&w, snapshot, v); err != nil {
		return modules.Change{}, err
	}
	switch {
	case w.writes():
	case strings.Contains(v.Refused, notRunning):
		notes = append(notes, "sshd is not running, so `sshd -T` can't tell which settings are in force")
	default:
		if err := s.effective(v); err != nil {
			return modules.Change{}, err
		}
	}
	if w.follow, err = s.running(w, snapshot, v); err != nil {
		return modules.Change{}, err
	}
	w.port = s.proof(v, after.lines())
	c := modules.NewChange(w, notes...)
	if c.Empty() {
		return c, nil
	}
	return c, s.refuse(v, after.lines())
}

// notRunning is what sshd prints, instead of reading its configuration, while /run/sshd is missing: with ssh.socket until the
// first connection.
const notRunning = "Missing privilege separation directory"

// reaches returns an error if sshd doesn't read the drop-in, or another file overrides it.
func (s *Step) reaches(lines []line) error {
	if len(s.Settings) == 0 {
		return nil
	}
	at := slices.IndexFunc(lines, func(l line) bool { return l.File == dropIn })
	if at < 0 || lines[at].Match {
		where := "has no line `Include " + dropDir + "/*.conf`"
		if at >= 0 {
			where = "includes " + dropDir + " within a Match block"
		}
		return modules.WithHint(fmt.Errorf("%s %s, so sshd does not apply %s to all connections", mainFile, where, dropIn),
			"Put that line at the top of the file, as the package does: a `line` step with path = %q, line = \"Include %s/*.conf\" and before = \".\".", mainFile, dropDir)
	}
	if by, what, found := overridden(lines, s.Settings); found {
		verb := "overrides"
		if slices.Contains(exclusive, by.Keyword) {
			verb = "adds to"
		}
		return modules.WithHint(fmt.Errorf("%s line %d has %q, which %s %q of the plan (%s)", by.File, by.Number,
			by.Text, verb, what.Keyword+" "+what.Value, what.Arg),
			"Remove that line, with a `line` step before this one that has state = \"absent\" and regexp = \"(?i)^\\\\s*%s\\\\b\".", by.Keyword)
	}
	return nil
}

// files compares the drop-ins of sshd and systemd.
func (s *Step) files(w *work, snapshot *observe.Snapshot, v view) (err error) {
	socketFile := noSocketDropIn
	if v.bySocket && !v.Generator {
		socketFile = s.socketDropIn()
	}
	if w.dropIn, err = s.file.Diff(snapshot); err != nil {
		return err
	}
	w.socketFile, err = socketFile.Diff(snapshot)
	w.noSocket = socketFile.Absent && !w.socketFile.Empty()
	return err
}

// effective compares the settings in force with those of the drop-in.
func (s *Step) effective(v view) error {
	if len(v.Effective) == 0 {
		return modules.WithHint(fmt.Errorf("sshd can't read its configuration: %s", v.Refused),
			"Somebody has made a mistake in it, and sshd still runs with the previous one. Correct it (`sshd -t` shows the line); a restart would lock everybody out.")
	}
	for _, set := range s.Settings {
		key := strings.ToLower(set.Keyword)
		want, is := v.Alone[key], v.Effective[key]
		if key == "port" { // the same in two files is one to listen on
			want, is = slices.Compact(slices.Sorted(slices.Values(want))), slices.Compact(slices.Sorted(slices.Values(is)))
		}
		if len(want) == 0 { // an alias of a keyword: nothing to compare
			continue
		}
		ok := slices.Equal(want, is)
		if slices.Contains(additive, key) {
			ok = !slices.ContainsFunc(want, func(value string) bool { return !slices.Contains(is, value) })
		}
		if !ok {
			return modules.WithHint(fmt.Errorf("%s is %q according to `sshd -T`, but %q in %s (%s)", set.Keyword,
				strings.Join(is, " "), set.Value, dropIn, set.Arg),
				"Something overrides it: a file that %s includes from another directory, or SSHD_OPTS in /etc/default/ssh. Remove it there.", mainFile)
		}
	}
	return nil
}

// running returns what makes sshd, or systemd in its place, follow the files after w.
func (s *Step) running(w work, snapshot *observe.Snapshot, v view) (follow, error) {
	verb := reload
	if v.bySocket {
		verb = restart // with ssh.socket, a reload makes sshd listen itself, which fails (seen with 9.2)
	}
	if w.writes() {
		return follow{service, verb, "its configuration changes"}, nil
	}
	if v.unit.Running() {
		if why, err := stale(s.service, snapshot); err != nil || why != "" {
			return follow{service, verb, why}, err
		}
	}
	if v.bySocket {
		if why, err := stale(s.socket, snapshot); err != nil || why != "" {
			return follow{socket, restart, why}, err
		}
	}
	if why := s.listenProblem(v); why != "" {
		return follow{service, listen, why}, nil
	}
	return follow{}, nil
}

// stale returns why a unit does not run what its files say; "" if it does.
func stale(unit *systemdunit.Step, snapshot *observe.Snapshot) (why string, err error) {
	c, err := unit.Diff(snapshot)
	w, _ := c.Work.(systemdunit.Work)
	return cmp.Or(w.DaemonReload, w.Restart, w.Reload), err
}

// listenProblem says where sshd should listen and doesn't, or does and shouldn't; empty if there is no problem, or that is
// unknown.
func (s *Step) listenProblem(v view) string {
	if v.Listening == nil || !v.unit.Running() && !v.bySocket {
		return ""
	}
	var held []netip.AddrPort
	for _, l := range v.Listening {
		if l.PID == v.unit.MainPID || v.bySocket && l.PID == 1 {
			held = append(held, l.Address)
		}
	}
	has := func(port int, a netip.Addr) bool {
		return slices.ContainsFunc(held, func(h netip.AddrPort) bool {
			return int(h.Port()) == port && (!a.IsValid() || h.Addr() == a || h.Addr() == netip.IPv6Unspecified() && a == netip.IPv4Unspecified() && v.bySocket)
		})
	}
	ports := s.portsAfter(v.Files.lines())
	for _, port := range ports {
		if s.Addresses == nil && !has(port, netip.Addr{}) {
			return fmt.Sprintf("it doesn't listen on port %d", port)
		}
		for _, a := range s.Addresses {
			if !has(port, a) {
				return fmt.Sprintf("it doesn't listen on %s", netip.AddrPortFrom(a, uint16(port)))
			}
		}
	}
	for _, h := range held {
		if !v.bySocket && !slices.Contains(ports, int(h.Port())) {
			return fmt.Sprintf("it still listens on port %d", h.Port())
		}
	}
	return ""
}

// portsAfter returns the ports on which sshd listens with a configuration.
func (s *Step) portsAfter(lines []line) []int {
	var ports []int
	for _, l := range lines {
		var port int
		if _, err := fmt.Sscan(l.Value, &port); err == nil && l.Keyword == "port" && !l.Match && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	if ports == nil {
		return []int{defaultPort}
	}
	return ports
}

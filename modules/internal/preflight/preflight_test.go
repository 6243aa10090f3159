package preflight

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// text is what a finding says; nil for none.
func text(f *modules.Finding) error {
	if f == nil {
		return nil
	}
	return f.Err
}

var errAway = errors.New("gone")

// A wanted is what a test of a requirement is to find.
type wanted struct {
	level modules.Level // "": nothing
	text  string
}

func (w wanted) check(t *testing.T, f *modules.Finding) {
	t.Helper()
	var got wanted
	if f != nil {
		got = wanted{f.Level, f.Err.Error()}
	}
	if got != w {
		t.Errorf("found %+v\n want %+v", got, w)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	facts := func(bytes int64) *observe.Facts { return &observe.Facts{MemoryBytes: bytes} }
	other := []modules.Need{{Requirement: Memory{Bytes: 2 * GB}}, {Requirement: Disk{Path: "/", Bytes: 9 * GB}, Pending: true}}
	for _, test := range []struct {
		name   string
		has    int64
		before []modules.Need
		want   wanted
	}{
		{name: "enough", has: 4 * GB},
		{name: "sold as such", has: 1900 * MB},
		{name: "too little", has: 980 * MB, want: wanted{modules.LevelError, "the host has 980 MB of memory, and this step needs 2 GB"}},
		{
			name: "with others", has: 1945 * MB, before: other,
			want: wanted{modules.LevelError, "the host has 1.9 GB of memory, and this step needs 2 GB, beside 2 GB for the steps before it"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, Memory{facts(test.has), 2 * GB}.Test(nil, test.before))
		})
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	need := func(path string, pending bool) modules.Need {
		return modules.Need{Requirement: Disk{path, GB}, Pending: pending}
	}
	for _, test := range []struct {
		name   string
		free   int64
		err    error
		before []modules.Need
		want   wanted
	}{
		{name: "enough", free: 2 * GB},
		{name: "too little", free: 1700 * MB, want: wanted{modules.LevelError, "/opt has 1.7 GB free for /opt/node, and this step needs 2 GB"}},
		{name: "others that are done", free: 2 * GB, before: []modules.Need{need("/opt/a", false)}},
		{name: "others elsewhere", free: 2 * GB, before: []modules.Need{need("/var", true)}},
		{
			name: "others", free: 2 * GB, before: []modules.Need{need("/opt/a", true), need("/opt/a", true)},
			want: wanted{modules.LevelError, "/opt has 2 GB free for /opt/node, and this step needs 2 GB, beside 2 GB for the steps before it"},
		},
		{name: "could not tell", err: errAway, want: wanted{modules.LevelWarn, "how much room is at /opt/node is unknown: gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			room.Put(s, "/opt/node", space{"/opt", test.free}, test.err)
			room.Put(s, "/opt/a", space{"/opt", test.free}, nil)
			room.Put(s, "/var", space{"/", 9 * GB}, nil)
			test.want.check(t, Disk{"/opt/node", 2 * GB}.Test(s, test.before))
		})
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 11, 21, 12, 0, 0, 700e6, time.UTC)
	answered := asked.Add(3 * time.Second)
	const behind = "the host's clock is 1h behind this machine's: 2026-11-21 11:00:00 there, 2026-11-21 12:00:03 UTC here"
	for _, test := range []struct {
		name string
		host time.Time
		err  error
		want wanted
	}{
		{name: "equal", host: asked.Truncate(time.Second)},
		{name: "within the question", host: asked.Add(2 * time.Second)},
		{name: "some seconds", host: asked.Add(30 * time.Second)},
		{name: "ahead", host: answered.Add(2 * time.Minute), want: wanted{modules.LevelWarn, "the host's clock is 2m ahead of this machine's: 2026-11-21 12:02:03 there, 2026-11-21 12:00:03 UTC here"}},
		{name: "behind", host: asked.Truncate(time.Second).Add(-time.Hour), want: wanted{modules.LevelError, behind}},
		{name: "could not tell", err: errAway, want: wanted{modules.LevelWarn, "the host's clock is unknown: gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			s.Asked, s.Answered = asked, answered
			observe.Clock.Put(s, struct{}{}, test.host, test.err)
			test.want.check(t, Clock{}.Test(s, nil))
		})
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	facts := &observe.Facts{CPUFlags: []string{"sse2"}, OS: observe.OS{ID: "debian", Codename: "trixie", Name: "Debian GNU/Linux 13 (trixie)"}}
	wanted{}.check(t, CPU{Facts: facts, Flag: "sse2"}.Test(nil, nil))
	wanted{modules.LevelError, "the host's processor has no AVX, without which it ends"}.
		check(t, CPU{facts, "avx", "AVX", "it ends"}.Test(nil, nil))
	made := map[string][]string{"ubuntu": {"noble", "jammy"}, "debian": {"bookworm"}}
	wanted{modules.LevelError, "X 1 is not made for Debian GNU/Linux 13 (trixie): it is for Debian bookworm; Ubuntu noble, jammy"}.
		check(t, Release{Facts: facts, What: "X 1", For: made}.Test(nil, nil))
	made["debian"] = []string{"trixie"}
	wanted{}.check(t, Release{Facts: facts, What: "X 1", For: made}.Test(nil, nil))
}

func TestPort(t *testing.T) {
	t.Parallel()
	ours := owner{"nginx", 12, "/system.slice/nginx.service"}
	other := owner{"apache2", 13, "/system.slice/apache2.service"}
	held := func(what, by string) wanted {
		return wanted{modules.LevelError, what + " is held by " + by + ", not by nginx.service"}
	}
	on := func(address string, owners ...owner) []listener { return []listener{{address, owners}} }
	apache := "apache2 (process 13 of apache2.service)"
	for _, test := range []struct {
		name    string
		address string // that is wanted
		is      []listener
		err     error
		want    wanted
	}{
		{name: "free"},
		{name: "ours", is: on("0.0.0.0", ours)},
		{name: "ours by a socket unit", is: on("*", owner{"systemd", 1, "/init.scope"}, ours)},
		{name: "ours in a group of its own", is: on("*", owner{"nginx", 12, "/system.slice/nginx.service/workers"})},
		{name: "a stranger", is: on("0.0.0.0", other), want: held("port 80", apache)},
		{name: "a stranger beside us", is: append(on("127.0.0.1", ours), on("[::]", other)...), want: held("port 80", apache)},
		{name: "the kernel", is: on("*"), want: held("port 80", "the kernel")},
		{name: "started by hand", is: on("*", owner{"nginx", 12, "/user.slice/user-0.slice/session-3.scope"}), want: held("port 80", "nginx (process 12 of session-3.scope)")},
		{name: "same address", address: "127.0.0.1", is: on("127.0.0.1", other), want: held("port 80 of 127.0.0.1", apache)},
		{name: "all addresses", address: "127.0.0.1", is: on("*", other), want: held("port 80 of 127.0.0.1", apache)},
		{name: "all of IPv4", address: "127.0.0.1", is: on("0.0.0.0", other), want: held("port 80 of 127.0.0.1", apache)},
		{name: "we want all", address: "0.0.0.0", is: on("127.0.0.53%lo", other), want: held("port 80 of 0.0.0.0", apache)},
		{name: "another address", address: "127.0.0.1", is: on("127.0.0.53%lo", other)},
		{name: "IPv6 only", address: "127.0.0.1", is: on("[::]", other)},
		{name: "could not tell", err: errAway, want: wanted{modules.LevelWarn, "who has port 80 is unknown: gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			listeners.Put(s, socket{"tcp", 80}, test.is, test.err)
			test.want.check(t, Port{Number: 80, Address: test.address, Unit: "nginx.service"}.Test(s, nil))
		})
	}
	udp := Port{Protocol: "udp", Number: 10000, Unit: "jitsi-videobridge2.service"}
	if got, want := udp.String(), "UDP port 10000"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDNS(t *testing.T) {
	t.Parallel()
	addresses := func(texts ...string) (all []netip.Addr) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	for _, test := range []struct {
		name    string
		leads   []netip.Addr
		err     error
		facts   []string // addresses of the host
		address string   // in the plan
		named   []netip.Addr
		want    wanted
	}{
		{name: "right", leads: addresses("203.0.113.5"), facts: []string{"203.0.113.5", "10.0.0.5"}, address: "chat"},
		{name: "both families", leads: addresses("203.0.113.5", "2001:db8::5"), facts: []string{"203.0.113.5", "2001:db8::5"}, address: "chat"},
		{name: "behind a router, known by its address", leads: addresses("203.0.113.5"), facts: []string{"10.0.0.5"}, address: "203.0.113.5"},
		{name: "behind a router, known by its name", leads: addresses("203.0.113.5"), facts: []string{"10.0.0.5"}, address: "h.example.com", named: addresses("203.0.113.5")},
		{
			name: "behind a router", leads: addresses("203.0.113.5"), facts: []string{"10.0.0.5"}, address: "10.0.0.5",
			want: wanted{modules.LevelWarn, "whether chat.example.com leads to the host is unknown: it leads to 203.0.113.5, and only private addresses of the host are known (10.0.0.5)"},
		},
		{
			name: "no record", facts: []string{"203.0.113.5"}, address: "chat",
			want: wanted{modules.LevelError, "chat.example.com has no address in the DNS"},
		},
		{
			name: "elsewhere", leads: addresses("203.0.113.9"), facts: []string{"203.0.113.5"}, address: "chat",
			want: wanted{modules.LevelError, "chat.example.com leads to 203.0.113.9, which is not the host (203.0.113.5)"},
		},
		{
			name: "a private address elsewhere", leads: addresses("127.0.1.1"), facts: []string{"10.0.0.5"}, address: "10.0.0.5",
			want: wanted{modules.LevelError, "chat.example.com leads to 127.0.1.1, which is not the host (10.0.0.5)"},
		},
		{
			name: "IPv6 elsewhere", leads: addresses("203.0.113.5", "2001:db8::9"), facts: []string{"203.0.113.5"}, address: "203.0.113.5",
			want: wanted{modules.LevelError, "chat.example.com leads to 2001:db8::9, which is not the host (203.0.113.5)"},
		},
		{name: "could not tell", err: errAway, address: "chat", want: wanted{modules.LevelWarn, "where chat.example.com leads is unknown: gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			records.Put(s, record{"chat.example.com", "192.0.2.53:53"}, test.leads, test.err)
			records.Put(s, record{test.address, ""}, test.named, nil)
			d := DNS{Name: "chat.example.com", Nameserver: "192.0.2.53:53", Facts: &observe.Facts{Addresses: test.facts}, Address: test.address}
			test.want.check(t, d.Test(s, nil))
		})
	}
}

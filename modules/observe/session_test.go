package observe

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, said string
		want       SessionInfo
		wrong      bool
	}{
		{name: "not by SSH"},
		{
			name: "IPv4", said: "USER=admin\nSSH_CONNECTION=192.0.2.1 50022 192.0.2.7 22\nGROUPS=admin sudo\n",
			want: SessionInfo{
				Client: netip.MustParseAddrPort("192.0.2.1:50022"), Server: netip.MustParseAddrPort("192.0.2.7:22"),
				User: "admin", Groups: []string{"admin", "sudo"},
			},
		},
		{
			name: "IPv6", said: "SSH_CONNECTION=fe80::1%eth0 1 ::ffff:192.0.2.7 2222\nUSER=root\nGROUPS=root\n",
			want: SessionInfo{
				Client: netip.MustParseAddrPort("[fe80::1]:1"), Server: netip.MustParseAddrPort("192.0.2.7:2222"),
				User: "root", Groups: []string{"root"},
			},
		},
		{name: "rubbish", said: "SSH_CONNECTION=x 1 y 2\n", wrong: true},
		{name: "too short", said: "SSH_CONNECTION=192.0.2.1 1\n", wrong: true},
	} {
		got, err := parseSession(Reply{Stdout: []byte(test.said)})
		if (err != nil) != test.wrong {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func FuzzParseSession(f *testing.F) {
	f.Add("USER=admin\nSSH_CONNECTION=192.0.2.1 50022 192.0.2.7 22\nGROUPS=admin sudo\n")
	f.Fuzz(func(t *testing.T, said string) {
		s, err := parseSession(Reply{Stdout: []byte(said)})
		if err == nil && s.Client.IsValid() != s.Server.IsValid() {
			t.Errorf("%q: half a connection: %+v", said, s)
		}
	})
}

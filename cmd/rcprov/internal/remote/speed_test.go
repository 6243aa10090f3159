package remote

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkFirstAnswer compares a connection with its first answer to what `ssh host 'sh -s' <script` takes, at two
// delays, over a connection of its own and over an open master. Run it with -benchtime 10x.
func BenchmarkFirstAnswer(b *testing.B) {
	script := strings.Repeat("stat -c %a /etc/passwd /etc/group >/dev/null\n", 10) + "echo done\n"
	for _, delay := range []time.Duration{0, 25 * time.Millisecond} {
		server := startSSHD(b)
		wire := newWire(b, server.address(), delay)
		server.addConfig(b, "HostKeyAlias test")
		server.writeFile(b, "known_hosts", "test "+server.readFile(b, "host_ed25519.pub"))
		target := server.target()
		target.Port = wire.port()
		compare := func(b *testing.B, config string) {
			b.Run("ssh", func(b *testing.B) {
				for b.Loop() {
					cmd := exec.Command("ssh", "-F", config, "-p", strconv.Itoa(target.Port), "127.0.0.1", "sh -s")
					cmd.Stdin = strings.NewReader(script)
					if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "done") {
						b.Fatalf("%v\n%s", err, output)
					}
				}
			})
			b.Run("rcprov", func(b *testing.B) {
				for b.Loop() {
					d := &Dialer{ConfigPath: config}
					c, err := d.Connect(b.Context(), target)
					if err != nil {
						b.Fatal(explained(err))
					}
					if stdout, stderr, err := c.Ask(b.Context(), script); err != nil || !strings.Contains(string(stdout), "done") {
						b.Fatalf("%v\n%s", err, stderr)
					}
					_ = c.Close()
				}
			})
		}
		b.Run(fmt.Sprintf("%v/own", delay), func(b *testing.B) { compare(b, server.path("config")) })
		startMaster(b, server, wire.port())
		b.Run(fmt.Sprintf("%v/master", delay), func(b *testing.B) { compare(b, server.path("config")) })
	}
}

package jitsi

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
)

// require adds the requirements of the parts. The sizes are those of the packages with Java, and of the three programs
// without a conference: Jitsi's handbook calls 2 GB enough for a test.
func (b *builder) require() {
	port := func(unit string, number int, address string) modules.Requirement {
		return preflight.Port{Number: number, Address: address, Unit: unit}
	}
	const loopback = "127.0.0.1"
	prosody := []modules.Requirement{
		port(prosodyUnit, 5222, ""), port(prosodyUnit, 5269, ""), port(prosodyUnit, 5281, ""), port(prosodyUnit, 5280, loopback),
	}
	bridge := []modules.Requirement{
		preflight.Port{Protocol: "udp", Number: b.port, Unit: bridgeUnit}, port(bridgeUnit, 8080, loopback),
	}
	b.Require("repository", preflight.Clock{})
	b.Require("packages",
		preflight.Release{
			Facts: b.Env.Facts, What: "Jitsi, with the Java and prosody that it needs,", For: supported,
			Hint: "Use a host with one of these.",
		},
		preflight.Memory{Facts: b.Env.Facts, Bytes: 2 * preflight.GB},
		preflight.Disk{Path: "/usr", Bytes: preflight.GB})
	b.Require("prosody-service", prosody...)
	b.Require("bridge-conf", bridge...) // another port
	b.Require("bridge-service", bridge...)
	b.Require("focus-service", port(focusUnit, 8888, loopback))
	if b.args.TURNSecret != "" {
		b.Require("turn-service", port(turnUnit, 5349, ""), preflight.Port{Protocol: "udp", Number: 3478, Unit: turnUnit})
	}
}

package observe

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// Facts are what plans call facts.*: properties of a host that decide what a plan means there. They are asked for
// only where a plan uses them.
type Facts struct {
	Hostname    string   `cty:"hostname"`     // uname -n
	FQDN        string   `cty:"fqdn"`         // hostname -f; the host name where it has none
	OS          OS       `cty:"os"`           // os-release(5)
	Arch        string   `cty:"arch"`         // Debian's name of it: "amd64", "arm64"
	Kernel      string   `cty:"kernel"`       // uname -r
	CPUs        int      `cty:"cpus"`         // processors online
	CPUFlags    []string `cty:"cpu_flags"`    // of the first processor, /proc/cpuinfo: "avx", "aes"
	MemoryBytes int64    `cty:"memory_bytes"` // MemTotal of /proc/meminfo
	Addresses   []string `cty:"addresses"`    // hostname -I: all but loopback and link-local, IPv4 and IPv6
	Virtual     string   `cty:"virtual"`      // systemd-detect-virt: "none", "kvm", "systemd-nspawn", ...
}

// OS is a host's distribution, from os-release(5).
type OS struct {
	ID       string `cty:"id"`       // "debian", "ubuntu"
	Version  string `cty:"version"`  // VERSION_ID: "12", "24.04"
	Codename string `cty:"codename"` // "bookworm", "noble"
	Name     string `cty:"name"`     // PRETTY_NAME
}

//go:embed facts.sh
var factsScript string

// HostFacts answers what the facts of a host are. Its subject is always the empty struct.
var HostFacts = &Kind[struct{}, Facts]{
	Name:   "facts",
	Script: func([]struct{}) string { return shell.Script(factsScript, nil) },
	Parse: func(_ []struct{}, reply Reply) map[struct{}]Answer[Facts] {
		facts, err := parseFacts(reply)
		return map[struct{}]Answer[Facts]{{}: {Value: facts, Err: err}}
	},
}

func parseFacts(reply Reply) (Facts, error) {
	var f Facts
	for _, line := range reply.Lines() {
		key, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		var err error
		switch key {
		case "id":
			f.OS.ID = value
		case "version":
			f.OS.Version = value
		case "codename":
			f.OS.Codename = value
		case "name":
			f.OS.Name = value
		case "hostname":
			f.Hostname = value
		case "fqdn":
			f.FQDN = value
		case "arch":
			f.Arch = value
		case "kernel":
			f.Kernel = value
		case "cpus":
			f.CPUs, err = strconv.Atoi(value)
		case "addresses":
			f.Addresses = strings.Fields(value)
		case "virtual":
			f.Virtual = value
		case "memory":
			f.MemoryBytes, err = strconv.ParseInt(value, 10, 64)
			f.MemoryBytes *= 1024 // "kB" of proc_meminfo(5) are KiB
		case "flags":
			f.CPUFlags = strings.Fields(value)
		}
		if err != nil {
			return Facts{}, fmt.Errorf("the host answered %q", line)
		}
	}
	if f.OS.ID == "" || f.Arch == "" {
		return Facts{}, fmt.Errorf("this is neither Debian nor Ubuntu (no os-release or no dpkg): %w", reply.failure())
	}
	return f, nil
}

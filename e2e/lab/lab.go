// Package lab boots disposable hosts for the end-to-end tests, and hides which way it does so: systemd-nspawn
// containers on Linux as root, virtual machines by QEMU, Multipass or Vagrant elsewhere.
//
// Every host is reached over SSH with a key and a host key that the lab made, as root or as a user that has sudo
// without a password. Hosts end with the process that launched them; what a killed process left behind is removed by
// the next one (see [Backend.Clean]). Hosts launched to be kept stay until [Backend.Down].
package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// A Backend is one way to boot hosts. Its methods may be called concurrently, also by several processes.
type Backend interface {
	// Name is the word for RCPROV_LAB.
	Name() string

	// Images are the images that hosts can be launched from; the first is the default. RELEASE is a fresh host of
	// that release, RELEASE-WORD such a host with packages that would take long to install.
	Images() []string

	// Usable returns why this machine can't boot hosts and what to install; nil when it can.
	Usable() error

	// Prepare builds an image that Launch would have to build first. It does nothing where images are downloaded.
	Prepare(ctx context.Context, image string) error

	// Launch boots a new host from an image and returns when it can be logged in to.
	Launch(ctx context.Context, spec Spec) (*Host, error)

	// Clean removes the hosts of processes that have ended.
	Clean(ctx context.Context) error

	// Down removes what Clean does, and the hosts that were launched to be kept. Those of living processes stay.
	Down(ctx context.Context) error
}

// Spec says which host to launch.
type Spec struct {
	Name  string // unique among the hosts of the lab; a lower-case host name
	Image string // one of Backend.Images
	Keep  bool   // outlives the process that launched it

	// Hostname is what the host calls itself; Name if empty. Hosts with the same are equal but for address and keys.
	Hostname string
}

// A Config is where the lab keeps its things.
type Config struct {
	Dir    string // state: images, hosts, keys
	Bridge string // nspawn: name of the network bridge
	Subnet string // nspawn: IPv4 /24 of the bridge, its first address is the machine's own
}

// ConfigFromEnv returns the configuration of this process: the defaults, overridden by RCPROV_LAB_DIR,
// RCPROV_LAB_BRIDGE and RCPROV_LAB_SUBNET. Several labs on one machine must differ in all three.
func ConfigFromEnv() (Config, error) {
	c := Config{
		Dir:    os.Getenv("RCPROV_LAB_DIR"),
		Bridge: os.Getenv("RCPROV_LAB_BRIDGE"),
		Subnet: os.Getenv("RCPROV_LAB_SUBNET"),
	}
	if c.Dir == "" {
		if os.Geteuid() == 0 {
			c.Dir = "/var/lib/rcprov-lab"
		} else {
			cache, err := os.UserCacheDir()
			if err != nil {
				return c, fmt.Errorf("find a directory for the lab (or set RCPROV_LAB_DIR): %w", err)
			}
			c.Dir = filepath.Join(cache, "rcprov-lab")
		}
	}
	if c.Bridge == "" {
		c.Bridge = "rcprov0"
	}
	if c.Subnet == "" {
		c.Subnet = "10.86.0.0/24"
	}
	return c, nil
}

// Gateway returns the address under which the hosts of nspawn reach this machine; empty if Subnet is none. It is there
// only while there is a host.
func (c Config) Gateway() string { return c.address(1) }

// address returns the address in the subnet with a last octet; empty if Subnet is no IPv4 /24.
func (c Config) address(octet int) string {
	prefix, err := netip.ParsePrefix(c.Subnet)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() != 24 {
		return "" // networkUp reports it
	}
	a := prefix.Masked().Addr().As4()
	a[3] = byte(octet)
	return netip.AddrFrom4(a).String()
}

// Detect returns the backend that RCPROV_LAB names, or else the first that this machine can use: nspawn, qemu,
// multipass, vagrant, as [ConfigFromEnv] says. The error names what to install.
func Detect() (Backend, error) {
	b, _, err := DetectBecause()
	return b, err
}

// DetectBecause is Detect, and says why it is this one: what kept this machine from using those before it. "" where it is the first.
func DetectBecause() (b Backend, because string, err error) {
	c, err := ConfigFromEnv()
	if err != nil {
		return nil, "", err
	}
	backends := []Backend{newNspawn(c), newQEMU(c), newMultipass(c), newVagrant(c)}
	wanted := os.Getenv("RCPROV_LAB")
	var reasons []string
	for _, b := range backends {
		if wanted != "" && wanted != b.Name() {
			continue
		}
		err := b.Usable()
		if err == nil {
			return b, strings.Join(reasons, "; "), nil
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", b.Name(), err))
	}
	if reasons == nil {
		return nil, "", fmt.Errorf("RCPROV_LAB=%s: must be nspawn, qemu, multipass or vagrant", wanted)
	}
	return nil, "", fmt.Errorf("this machine can boot no hosts:\n%s", strings.Join(reasons, "\n"))
}

// checkSpec returns what is wrong with a spec for a backend; nil if it is valid.
func checkSpec(b Backend, s Spec) error {
	if s.Name == "" || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(s.Name) > 30 {
		return fmt.Errorf("host name %q: must be 1 to 30 of a-z, 0-9 and -", s.Name)
	}
	for _, image := range b.Images() {
		if s.Image == image {
			return nil
		}
	}
	return fmt.Errorf("no image %q with %s: it has %s", s.Image, b.Name(), strings.Join(b.Images(), ", "))
}

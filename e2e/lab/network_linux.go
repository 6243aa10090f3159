package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// rules are the iptables rules of the lab: NAT for the hosts, and leave to forward, which Docker takes away. Each is
// a table and a rule without its command.
func (n *nspawn) rules() [][2]string {
	return [][2]string{
		{"nat", "POSTROUTING -s " + n.config.Subnet + " ! -d " + n.config.Subnet + " -j MASQUERADE"},
		{"filter", "FORWARD -i " + n.config.Bridge + " -j ACCEPT"},
		{"filter", "FORWARD -o " + n.config.Bridge + " -j ACCEPT"},
	}
}

// networkUp makes the bridge and its rules, unless they are there. The caller holds the lab's lock.
func (n *nspawn) networkUp(ctx context.Context) error {
	if n.config.address(1) == "" {
		return errors.New("RCPROV_LAB_SUBNET must be an IPv4 /24 such as 10.86.0.0/24, not " + n.config.Subnet)
	}
	if _, err := net.InterfaceByName(n.config.Bridge); err == nil {
		return nil
	}
	if err := n.checkSubnetIsFree(); err != nil {
		return err
	}
	// Forwarding stays on afterwards: others may have come to need it.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return err
	}
	if err := raise("/proc/sys/fs/inotify/max_user_instances", 1024); err != nil {
		return err
	}
	for _, r := range n.rules() {
		if err := run(ctx, "iptables", append([]string{"-w", "-t", r[0], "-I"}, strings.Fields(r[1])...)...); err != nil {
			return err
		}
	}
	// The bridge comes last: once it is there, so is the rest. Without an address of its own it would take a host's,
	// and change it as hosts come and go: those that stay would send to the old one for half a minute.
	return errors.Join(
		run(ctx, "ip", "link", "add", n.config.Bridge, "address", "02:00:00:00:00:01", "type", "bridge"),
		run(ctx, "ip", "address", "add", n.config.address(1)+"/24", "dev", n.config.Bridge),
		run(ctx, "ip", "link", "set", n.config.Bridge, "up"),
		n.askOften())
}

// askOften has this machine ask five times a second, not once, for the MAC address of a host that boots.
func (n *nspawn) askOften() error {
	return os.WriteFile("/proc/sys/net/ipv4/neigh/"+n.config.Bridge+"/retrans_time_ms", []byte("200"), 0o644)
}

// checkSubnetIsFree returns an error if another interface, of another lab for example, has an address in the subnet:
// packets would go to either.
func (n *nspawn) checkSubnetIsFree() error {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	subnet, err := netip.ParsePrefix(n.config.Subnet)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if other, err := netip.ParsePrefix(a.String()); err == nil && other.Overlaps(subnet) {
			return fmt.Errorf("this machine has the address %s, so the lab can't be %s: set RCPROV_LAB_SUBNET", other, subnet)
		}
	}
	return nil
}

// networkDownIfUnused removes the bridge and its rules when there is no host. The caller holds the lab's lock.
func (n *nspawn) networkDownIfUnused(ctx context.Context) error {
	names, err := n.hostNames()
	if err != nil || len(names) > 0 {
		return err
	}
	if _, err := net.InterfaceByName(n.config.Bridge); err != nil {
		return nil
	}
	errs := []error{run(ctx, "ip", "link", "delete", n.config.Bridge)}
	for _, r := range n.rules() {
		errs = append(errs, run(ctx, "iptables", append([]string{"-w", "-t", r[0], "-D"}, strings.Fields(r[1])...)...))
	}
	return errors.Join(errs...)
}

// resolvConf returns the resolv.conf for hosts: this machine's, unless it names a resolver on the loopback interface,
// which hosts can't reach; systemd-resolved keeps the real ones apart.
func resolvConf() (string, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return "", err
	}
	if strings.Contains(string(text), "nameserver 127.") {
		text, err = os.ReadFile("/run/systemd/resolve/resolv.conf")
	}
	return string(text), err
}

// raise sets a limit of the kernel unless it is as high already. Each systemd takes several inotify instances, and the
// kernel's 128 for each user are used up by some twenty hosts: the next ones would not boot.
func raise(path string, limit int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	is, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || is >= limit {
		return err
	}
	return os.WriteFile(path, []byte(strconv.Itoa(limit)), 0o644)
}

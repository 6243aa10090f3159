// Package ufw is the module ufw: the host's firewall, with its rules, its defaults and whether it is on.
package ufw

import _ "embed"

//go:embed args.go
var source string

// Args describe the firewall of a host, as ufw manages it. The package ufw must be installed, by an earlier step where
// the distribution doesn't bring it.
//
//	ufw "firewall" {
//	  rule {
//	    port    = "22"
//	    proto   = "tcp"
//	    comment = "ssh"
//	  }
//	  rule {
//	    port  = "80,443"
//	    proto = "tcp"
//	  }
//	  rule {
//	    port  = "10000:20000"
//	    proto = "udp"
//	    from  = "203.0.113.0/24"
//	  }
//	  rule {
//	    action    = "deny"
//	    app       = "Nginx HTTP"
//	    interface = "eth1"
//	  }
//	}
//
// Rules that the plan doesn't name stay, unless `exclusive` is set; a rule that differs from a named one only in action
// or comment is the same rule to ufw, and is changed. The firewall is turned on last.
//
// rcprov does not lock itself out. Rules that would refuse a new SSH connection like the present one are an error before
// anything is changed. And what could do so all the same (turning the firewall on, its defaults, a rule less) is made
// under a dead man's switch: unless rcprov can log in anew within `confirm_within`, the host puts the state of before
// back, also when rcprov or the network is gone by then, and after a reboot.
//
// ufw obeys the first rule that matches. Where rules of the plan with different actions could match the same packet,
// they are kept in the plan's order: those that stand too early are deleted and added again, at the end. New rules are
// added at the end as well, behind rules that the plan doesn't name.
//
// What filters beside ufw is noted: docker, rules of iptables, tables of nftables.
type Args struct {
	// Whether the firewall is on, now and after a boot.
	Enabled bool `hcl:"enabled,optional" default:"true"`

	// What happens to incoming packets that no rule matches.
	DefaultIncoming string `hcl:"default_incoming,optional" default:"deny" oneof:"allow,deny,reject"`

	// What happens to outgoing packets that no rule matches. With anything but `allow`, name what apt, DNS and
	// certificates need.
	DefaultOutgoing string `hcl:"default_outgoing,optional" default:"allow" oneof:"allow,deny,reject"`

	// What happens to packets that the host routes and no rule matches.
	DefaultRouted string `hcl:"default_routed,optional" default:"deny" oneof:"allow,deny,reject"`

	// How much goes to the kernel log.
	Logging string `hcl:"logging,optional" default:"low" oneof:"off,low,medium,high,full"`

	// Remove rules that the plan doesn't name.
	Exclusive bool `hcl:"exclusive,optional"`

	// How long a new login may take to confirm a change that could lock rcprov out.
	ConfirmWithin string `hcl:"confirm_within,optional" default:"60s"`

	// The rules.
	Rules []RuleArgs `hcl:"rule,block"`
}

// RuleArgs describe one rule. It holds for IPv4 and IPv6, unless an address says which one. With `for_each = ["10.0.0.5",
// "10.0.0.6"]` and `from = each.value` a block is a rule for each address.
type RuleArgs struct {
	// What happens to a matching packet. `limit` is `allow` for addresses that open fewer than 6 connections in 30 s.
	Action string `hcl:"action,optional" default:"allow" oneof:"allow,deny,reject,limit"`

	// Which way the packets go.
	Direction string `hcl:"direction,optional" default:"in" oneof:"in,out"`

	// Destination port, list `80,443` or range `10000:20000`; empty for any. Lists and ranges need proto tcp or udp.
	Port string `hcl:"port,optional"`

	// Source port, likewise.
	FromPort string `hcl:"from_port,optional"`

	// Protocol.
	Proto string `hcl:"proto,optional" default:"any" oneof:"any,tcp,udp,ah,esp,gre,ipv6,igmp"`

	// Profile of an application in place of ports and protocol, such as `Nginx Full`: its package brings it to
	// /etc/ufw/applications.d. When the profile changes, so does the rule.
	App string `hcl:"app,optional"`

	// Source address or network, such as `203.0.113.0/24` or `2001:db8::/32`; `0.0.0.0/0` for any of IPv4 alone, `::/0`
	// for any of IPv6 alone.
	From string `hcl:"from,optional" default:"any"`

	// Destination address or network.
	To string `hcl:"to,optional" default:"any"`

	// Network interface that the packets come in by (or, with direction `out`, go out by).
	Interface string `hcl:"interface,optional"`

	// Whether the rule is for packets that the host routes to others.
	Route bool `hcl:"route,optional"`

	// Network interface that routed packets go out by.
	InterfaceOut string `hcl:"interface_out,optional"`

	// Which matching packets go to the kernel log: those that open a connection, or all.
	Log string `hcl:"log,optional" default:"none" oneof:"none,new,all"`

	// A word on the rule, which ufw shows beside it.
	Comment string `hcl:"comment,optional"`
}

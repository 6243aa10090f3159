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
//	}
//
// Rules that the plan doesn't name stay, unless `exclusive` is set; a rule that differs from a named one only in action
// or comment is the same rule to ufw, and is changed. Before anything is changed, it is made sure that the rules let new
// SSH connections like the present one in. The firewall is turned on last.
//
// ufw obeys the first rule that matches. Where rules of the plan with different actions could match the same packet,
// they are kept in the plan's order: those that stand too early are deleted and added again, at the end. New rules are
// added at the end as well, behind rules that the plan doesn't name.
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

	// The rules.
	Rules []RuleArgs `hcl:"rule,block"`
}

// RuleArgs describe one rule. It holds for IPv4 and IPv6, unless an address says which. With `for_each = ["10.0.0.5",
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

	// Source address or network, such as `203.0.113.0/24` or `2001:db8::/32`.
	From string `hcl:"from,optional" default:"any"`

	// Destination address or network.
	To string `hcl:"to,optional" default:"any"`

	// Network interface that the packets come in by (or, with direction `out`, go out by).
	Interface string `hcl:"interface,optional"`

	// Whether the rule is for packets that the host routes to others.
	Route bool `hcl:"route,optional"`

	// Network interface that routed packets go out by.
	InterfaceOut string `hcl:"interface_out,optional"`

	// A word on the rule, which ufw shows beside it.
	Comment string `hcl:"comment,optional"`
}

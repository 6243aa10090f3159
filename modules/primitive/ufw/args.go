// Package ufw is the module ufw: the host's firewall, with its rules, its defaults and whether it is on.
package ufw

import _ "embed"

//go:embed args.go
var source string

// Args describe the firewall of a host, as ufw manages it. The package ufw must be installed; where
// the distribution lacks it, by an earlier step.
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
// Rules that are not in the plan stay, unless `exclusive` is set; `state = "absent"` in a rule's block removes that rule. A rule
// that differs from one of the plan only in action or comment is the same rule to ufw, and is changed. The firewall is turned
// on last.
//
// rcprov does not lock itself out. Rules that would refuse a new SSH connection like the current one are an error before
// anything is changed. Any other change that could lock it out (turning the firewall on, its defaults, removing a rule) is
// made under a dead man's switch: unless rcprov logs in again within `confirm_within`, the host restores the previous
// state, even if rcprov or the network is gone by then, and after a reboot.
//
// ufw applies the first rule that matches. Rules of the plan with different actions that could match the same packet are
// kept in the order of the plan: those that come too early are deleted and added again at the end. New rules are added at
// the end as well, after rules that are not in the plan.
//
// A note names other filters: docker, rules of iptables, tables of nftables.
type Args struct {
	// Whether the firewall is on, now and after a boot.
	Enabled bool `hcl:"enabled,optional" default:"true"`

	// What happens to incoming packets that no rule matches.
	DefaultIncoming string `hcl:"default_incoming,optional" default:"deny" oneof:"allow,deny,reject"`

	// What happens to outgoing packets that no rule matches. With anything but `allow`, add rules for what
	// apt, DNS and certificates need.
	DefaultOutgoing string `hcl:"default_outgoing,optional" default:"allow" oneof:"allow,deny,reject"`

	// What happens to packets that the host routes and no rule matches.
	DefaultRouted string `hcl:"default_routed,optional" default:"deny" oneof:"allow,deny,reject"`

	// How much goes to the kernel log.
	Logging string `hcl:"logging,optional" default:"low" oneof:"off,low,medium,high,full"`

	// Whether rules that are not in the plan are removed.
	Exclusive bool `hcl:"exclusive,optional"`

	// How long a new login may take to confirm a change that could lock rcprov out.
	ConfirmWithin string `hcl:"confirm_within,optional" default:"60s"`

	// The rules.
	Rules []RuleArgs `hcl:"rule,block"`
}

// RuleArgs describe one rule. It applies to IPv4 and IPv6, unless it has an address of one of them. With `for_each = ["10.0.0.5",
// "10.0.0.6"]` and `from = each.value` a block is a rule for each address.
type RuleArgs struct {
	// `absent` removes the rule, whatever its action, log and comment are.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// What happens to a matching packet. `limit` is `allow` for addresses that open fewer than 6 connections in 30 s.
	Action string `hcl:"action,optional" default:"allow" oneof:"allow,deny,reject,limit"`

	// Which way the packets go.
	Direction string `hcl:"direction,optional" default:"in" oneof:"in,out"`

	// Destination port, list `80,443` or range `10000:20000`; empty for any. Lists and ranges need proto tcp or udp.
	Port string `hcl:"port,optional"`

	// Source port, in the same form.
	FromPort string `hcl:"from_port,optional"`

	// Protocol.
	Proto string `hcl:"proto,optional" default:"any" oneof:"any,tcp,udp,ah,esp,gre,ipv6,igmp"`

	// Profile of an application, such as `Nginx Full`, instead of ports and protocol: its package puts it in
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

	// A comment, which ufw shows beside the rule.
	Comment string `hcl:"comment,optional"`
}

// Package jitsi is the module jitsi: Jitsi Meet, video calls in the browser, from Jitsi's own apt repository.
package jitsi

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe Jitsi Meet, video calls in the browser, from Jitsi's own apt repository. It has the web page, prosody as the
// XMPP server, jicofo (the focus, which manages conferences), the video bridge and, if wanted, coturn. An `nginx` block and the
// certificate must come before it.
//
//	jitsi "meet" {
//	  domain        = "meet.example.com"
//	  certificate   = acme_certificate.meet.certificate
//	  key           = acme_certificate.meet.key
//	  bridge_secret = var.jitsi_bridge_secret
//	  focus_secret  = var.jitsi_focus_secret
//	}
//
//	jitsi "inside" {
//	  domain        = "meet.example.com"
//	  certificate   = acme_certificate.meet.certificate
//	  key           = acme_certificate.meet.key
//	  bridge_secret = var.jitsi_bridge_secret
//	  focus_secret  = var.jitsi_focus_secret
//	  nat_private   = "10.0.0.5"
//	  nat_public    = "203.0.113.7"
//	  token_app_id  = "rocketchat"
//	  token_secret  = var.jitsi_token_secret
//	  turn_secret   = var.jitsi_turn_secret
//	}
//
// Jitsi's packages write their configuration when they are first installed, and hardly ever again; apt reports success even
// if that failed. So rcprov observes the result: the site and its certificate, prosody's configuration with its certificate
// with both accounts and the focus's roster, the configuration of focus and bridge, the health of both, and whether a person who
// opens the page could log in. It completes an installation that was killed. A changed domain or secret is changed everywhere,
// which ends running conferences. The files of the previous domain stay, but nothing reads them. If a plan requires tokens, a
// drop-in keeps prosody from starting with a configuration that lets in everybody, as Jitsi's package writes it at first.
//
// rcprov writes the whole configuration files of bridge, focus and coturn, and a few lines of prosody's and nginx's, which
// Jitsi's packages write. The page's own settings, `/etc/jitsi/meet/DOMAIN-config.js`, are yours.
//
// Jitsi needs 4 GB of memory, and 8 GB for more than a few people; it may share a host with Rocket.Chat if the names differ.
// Beside 80 and 443, its ports 5222, 5269 and 5281 are open to all addresses: let a firewall allow no more than `tcp_ports`
// and `udp_ports`.
//
// If you take the block out of the plan, everything keeps running. To turn it off, run `systemctl stop` and then
// `systemctl disable`, each with `jitsi-videobridge2 jicofo prosody`, and coturn if it is installed. Remove
// /etc/nginx/sites-enabled/DOMAIN.conf and reload nginx before you remove the certificate.
//
// Other steps can refer to `jitsi.NAME.url`, and to `jitsi.NAME.tcp_ports` and `jitsi.NAME.udp_ports`, which are `"80,443"` and
// `"10000"` in the form for a `ufw` rule.
type Args struct {
	// The host name by which people reach it; not an IP address.
	Domain string `hcl:"domain"`

	// The path of the certificate on the host, with the whole chain. An earlier step must put it there.
	Certificate string `hcl:"certificate"`

	// The path of its private key on the host.
	Key string `hcl:"key"`

	// The password by which the bridge logs in to prosody: at least 12 letters, digits, `-`, `_`, `.`, `~`, `+` and
	// `=`. `openssl rand -hex 24` makes a good one.
	BridgeSecret modules.Secret `hcl:"bridge_secret"`

	// The password by which the focus logs in to prosody; the same characters.
	FocusSecret modules.Secret `hcl:"focus_secret"`

	// The name of an application. If given, only people with a token (JWT) of that application may start or enter a
	// conference; Rocket.Chat's Jitsi app makes one for each person. Empty: everybody may.
	TokenAppID string `hcl:"token_app_id,optional"`

	// The secret that tokens are signed with (HS256); the same characters. Required with token_app_id.
	TokenSecret modules.Secret `hcl:"token_secret,optional"`

	// The address that the host itself has, if people reach it at another one.
	NATPrivate string `hcl:"nat_private,optional"`

	// The address at which people reach the host, if it has another one itself, as in many clouds: otherwise they hear and see
	// nothing of each other.
	NATPublic string `hcl:"nat_public,optional"`

	// The secret that prosody shares with coturn, which relays for people whose firewall lets only TLS out; the same
	// characters. If given, coturn is installed, on 3478/udp and 5349/tcp. coturn reads the certificate when it starts: with
	// renew_timer, give `acme_certificate` the argument `reload = ["nginx.service", "coturn.service"]`. Empty: prosody announces
	// no server for STUN and TURN on this host, `jitsi-meet-turnserver` is removed, and a coturn with Jitsi's configuration is
	// stopped and disabled; one with a configuration of its own stays.
	TURNSecret modules.Secret `hcl:"turn_secret,optional"`

	// The UDP port on which the bridge sends and receives media: `10000`. With a range such as `10000:20000` (as in tutorials
	// for Jitsi before 2020) the bridge uses its first port, and `udp_ports` is the range.
	MediaPorts string `hcl:"media_ports,optional" default:"10000"`

	// The directory from which ACME challenges for the domain are served: that of the `nginx` block.
	Webroot string `hcl:"webroot,optional" default:"/var/www/acme"`

	// A STUN server (`host:port`) that the bridge asks for its public address when it starts, if nat_public is empty. Empty:
	// the bridge offers the host's addresses.
	STUNServer string `hcl:"stun_server,optional"`

	// More settings of the bridge, in HOCON: lines at the end of jvb.conf, such as
	// `videobridge.cc.trust-bwe = false`.
	BridgeSettings string `hcl:"bridge_settings,optional" secret:"yes"`

	// More settings of the focus, in HOCON: lines at the end of jicofo.conf.
	FocusSettings string `hcl:"focus_settings,optional" secret:"yes"`

	// Exact versions of packages: `{ jitsi-meet = "2.0.10741-1" }`. A package needs the matching versions of those that it
	// depends on: give all of them. Packages left out are installed in their newest version, which then stays.
	Versions map[string]string `hcl:"versions,optional"`

	// Whether apt holds Jitsi's packages at their versions (`apt-mark hold`), since an upgrade ends all conferences.
	Held bool `hcl:"held,optional" default:"true"`

	// The package with the Java runtime. Left out: 17, which Jitsi's handbook requires, if the host's release has it; else 21.
	JavaPackage string `hcl:"java_package,optional"`

	// The URI of Jitsi's repository, or of a mirror.
	RepositoryURI string `hcl:"repository_uri,optional" default:"https://download.jitsi.org"`

	// The repository's suite.
	RepositorySuite string `hcl:"repository_suite,optional" default:"stable/"`

	// The URL of the key that signs the repository.
	KeyURL string `hcl:"key_url,optional" default:"https://download.jitsi.org/jitsi-key.gpg.key"`

	// The fingerprints of the keys that may sign the repository; Jitsi's of 2021 when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// Installs prosody from Prosody's own repository. Left out: only if the host's release has one older than 0.12 (Ubuntu
	// 22.04).
	ProsodyRepository *ProsodyRepository `hcl:"prosody_repository,block"`
}

// ProsodyRepository is a repository from which only prosody and Lua are installed.
type ProsodyRepository struct {
	// The URI of the repository.
	URI string `hcl:"uri,optional" default:"https://packages.prosody.im/debian"`

	// The URL of the key that signs the repository.
	KeyURL string `hcl:"key_url,optional" default:"https://prosody.im/files/prosody-debian-packages.key"`

	// The fingerprints of the keys that may sign it; Prosody's own when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`
}

// Outputs are what other steps may refer to, beside the arguments.
type Outputs struct {
	URL      string   `cty:"url"`
	TCPPorts string   `cty:"tcp_ports"` // that people connect to, in the form for a ufw rule: "80,443"
	UDPPorts string   `cty:"udp_ports"` // "10000"
	Files    []string `cty:"files"`     // the configuration files that rcprov writes whole
}

// Package jitsi is the module jitsi: Jitsi Meet, video calls in the browser, from Jitsi's own apt repository.
package jitsi

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe Jitsi Meet, video calls in the browser, from Jitsi's own apt repository. It is the web page, prosody as
// the XMPP server, jicofo (the focus, who leads conferences), the video bridge and, if wanted, coturn. An `nginx` block
// and the certificate must come before it.
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
// Jitsi's packages write their configuration when they are first installed, and hardly ever again; apt says that all is
// well whatever came of it. So what is looked at is the outcome: the site and its certificate, prosody's configuration
// with its certificate and both accounts, the configuration of focus and bridge, the health of both, and whether a person
// who opens the page could log in. What a killed installation left undone is made up for. A changed domain or secret is
// carried through to all of them; people in a conference are thrown out then. The files of a former domain stay, but
// nothing reads them.
//
// The configuration files of bridge, focus and coturn are rcprov's as a whole; in prosody's and nginx's, which Jitsi's
// packages write, a few lines are. The page's own settings, `/etc/jitsi/meet/DOMAIN-config.js`, are yours.
//
// Jitsi wants 4 GB of memory, and 8 GB for more than a few people; it may share a host with Rocket.Chat when the names
// differ. Beside 80 and 443, its ports 5222, 5269 and 5281 are open to all addresses: let a firewall allow no more than
// `tcp_ports` and `udp_ports`.
//
// A block that is taken out of the plan leaves all of it running. `systemctl stop` and then `systemctl disable`, each with
// `jitsi-videobridge2 jicofo prosody`, and with coturn if it is there, turn it off. Remove
// /etc/nginx/sites-enabled/DOMAIN.conf and reload nginx before you remove the certificate.
//
// Other steps can refer to `jitsi.NAME.url`, and to `jitsi.NAME.tcp_ports` and `jitsi.NAME.udp_ports` as `ufw` wants them
// (`"80,443"`, `"10000"`).
type Args struct {
	// The name by which people reach it. It can't be an IP address.
	Domain string `hcl:"domain"`

	// Path of the certificate on the host, with the whole chain. It must be there before.
	Certificate string `hcl:"certificate"`

	// The path of its private key on the host.
	Key string `hcl:"key"`

	// The password by which the bridge logs in to prosody: at least 12 letters, digits, `-`, `_`, `.`, `~`, `+` and
	// `=`. `openssl rand -hex 24` makes a good one.
	BridgeSecret modules.Secret `hcl:"bridge_secret"`

	// The password by which the focus logs in to prosody; the same characters.
	FocusSecret modules.Secret `hcl:"focus_secret"`

	// Name of an application. Given, only who has a token (JWT) of that application may start or enter a conference;
	// Rocket.Chat's Jitsi app makes one for each person. Empty: everybody may.
	TokenAppID string `hcl:"token_app_id,optional"`

	// The secret that tokens are signed with (HS256); the same characters. Needed with token_app_id.
	TokenSecret modules.Secret `hcl:"token_secret,optional"`

	// The address that the host itself has, where people reach it at another one.
	NATPrivate string `hcl:"nat_private,optional"`

	// The address at which people reach it, where the host has another one, as in many clouds: otherwise they hear and
	// see nothing of each other.
	NATPublic string `hcl:"nat_public,optional"`

	// The secret that prosody shares with coturn, which relays for people whose firewall lets nothing but TLS out; the
	// same characters. Given, coturn is installed, at 3478/udp and 5349/tcp. Empty: without; one that is there stays.
	// coturn reads the certificate when it starts: with renew_timer, give `acme_certificate` the argument
	// `reload = ["nginx.service", "coturn.service"]`.
	TURNSecret modules.Secret `hcl:"turn_secret,optional"`

	// The UDP port that the bridge sends and receives media at: `10000`. A range such as `10000:20000` (as in tutorials
	// for Jitsi before 2020) is only what `udp_ports` says; the bridge uses its first port.
	MediaPorts string `hcl:"media_ports,optional" default:"10000"`

	// Directory from which ACME challenges for the domain are served: the `nginx` module's.
	Webroot string `hcl:"webroot,optional" default:"/var/www/acme"`

	// A STUN server (`host:port`) that tells the bridge its public address when it starts, where nat_public is empty.
	// Empty: the bridge offers the addresses that the host has.
	STUNServer string `hcl:"stun_server,optional"`

	// More settings of the bridge, in HOCON: lines at the end of jvb.conf, such as
	// `videobridge.cc.trust-bwe = false`.
	BridgeSettings string `hcl:"bridge_settings,optional"`

	// More settings of the focus, in HOCON: lines at the end of jicofo.conf.
	FocusSettings string `hcl:"focus_settings,optional"`

	// Exact versions of single packages: `{ jitsi-meet = "2.0.10741-1" }`. They belong together: with one, give all
	// that it depends on. Those left out are installed in their newest version and kept in it.
	Versions map[string]string `hcl:"versions,optional"`

	// Whether apt keeps Jitsi's packages at their versions (`apt-mark hold`): an upgrade ends all conferences.
	Held bool `hcl:"held,optional" default:"true"`

	// The package with the Java runtime. The one for the host's release when left out: 17, which Jitsi's handbook asks
	// for, where there is one; else 21.
	JavaPackage string `hcl:"java_package,optional"`

	// Where Jitsi's repository is; a mirror, for example.
	RepositoryURI string `hcl:"repository_uri,optional" default:"https://download.jitsi.org"`

	// The repository's suite.
	RepositorySuite string `hcl:"repository_suite,optional" default:"stable/"`

	// Where the key that signs the repository is published.
	KeyURL string `hcl:"key_url,optional" default:"https://download.jitsi.org/jitsi-key.gpg.key"`

	// Fingerprints of keys that may sign the repository. Jitsi's of 2021 when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// Prosody from Prosody's own repository. Left out: where the release's own is older than 0.12 (Ubuntu 22.04).
	ProsodyRepository *ProsodyRepository `hcl:"prosody_repository,block"`
}

// ProsodyRepository is where prosody comes from; only prosody and Lua are taken from there.
type ProsodyRepository struct {
	// Where the repository is.
	URI string `hcl:"uri,optional" default:"https://packages.prosody.im/debian"`

	// Where the key that signs the repository is published.
	KeyURL string `hcl:"key_url,optional" default:"https://prosody.im/files/prosody-debian-packages.key"`

	// Fingerprints of keys that may be in that file. Prosody's own when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`
}

// Outputs are what other steps may refer to, beside the arguments.
type Outputs struct {
	URL      string   `cty:"url"`
	TCPPorts string   `cty:"tcp_ports"` // what people connect to, as a port of ufw: "80,443"
	UDPPorts string   `cty:"udp_ports"` // "10000"
	Files    []string `cty:"files"`     // the configuration that rcprov writes as a whole
}

package rocketchat

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/archive"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/httpcheck"
	"github.com/rcprov/rcprov/modules/primitive/link"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/primitive/user"
)

// Module is the module rocketchat.
func Module() modules.Module { return modules.Product("rocketchat", source, New) }

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	URL       string   `cty:"url"`       // root_url
	Ports     []int    `cty:"ports"`     // of the instances
	Upstreams []string `cty:"upstreams"` // of the instances, for an nginx_site on the same host: "127.0.0.1:3000"
}

const (
	envDir  = "/etc/rocketchat"
	envFile = envDir + "/env"
)

// nativeModules are modules whose binaries npm fetches for the host; without them the server fails at its start
// (RocketChat/Rocket.Chat#37705).
var nativeModules = []string{"sharp", "isolated-vm"}

// New checks args and returns the parts.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	if len(args.Ports) == 0 {
		args.Ports = []int{3000}
	}
	if args.Packages == nil {
		args.Packages = []string{"ca-certificates", "fontconfig", "g++", "make", "python3"}
	}
	outputs := Outputs{URL: args.RootURL, Ports: args.Ports}
	for _, port := range args.Ports {
		outputs.Upstreams = append(outputs.Upstreams, address(args.BindIP, port))
	}
	release, releaseErr := newRelease(args, env)
	runtime, denoErr := newDeno(args, env)
	text, err := environment(args)
	if err := errors.Join(checkVersions(args), check(args), releaseErr, denoErr, err); err != nil {
		return nil, outputs, err
	}
	b := &builder{Builder: &product.Builder{Env: env}, args: args, release: release, deno: runtime}
	b.build(text)
	parts, err := b.Parts()
	return parts, outputs, err
}

// address returns the address of an instance for programs on its host.
func address(bindIP string, port int) string {
	if bindIP == "0.0.0.0" {
		bindIP = "127.0.0.1"
	}
	return net.JoinHostPort(bindIP, strconv.Itoa(port))
}

// peerPort is the port on which an instance listens for instances on other hosts.
func peerPort(port int) int { return port + 1000 }

// safePath is a path that needs no quotes in a unit file.
var safePath = regexp.MustCompile(`^(/[A-Za-z0-9][A-Za-z0-9._+-]*){2,}$`)

// check returns the mistakes in the arguments, beside the versions.
func check(args Args) error {
	var errs []error
	wrong := func(arg, format string, a ...any) { errs = append(errs, modules.Argf(arg, format, a...)) }
	if err := fetch.CheckURL(args.Releases); err != nil {
		wrong("releases", "%w", err)
	}
	if args.NpmRegistry != "" {
		if err := fetch.CheckURL(args.NpmRegistry); err != nil {
			wrong("npm_registry", "%w", err)
		}
	}
	if u, err := url.Parse(args.RootURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		wrong("root_url", "must be a URL that begins with https:// or http://, not %q", args.RootURL)
	}
	if net.ParseIP(args.BindIP) == nil {
		wrong("bind_ip", "must be an IP address, not %q", args.BindIP)
	}
	if args.InstanceIP != "" && net.ParseIP(args.InstanceIP) == nil {
		wrong("instance_ip", "must be an IP address, not %q", args.InstanceIP)
	}
	if err := checkMongoURL(string(args.MongoURL)); err != nil {
		wrong("mongo_url", "%w", err)
	}
	if d, err := time.ParseDuration(args.Deadline); err != nil || d <= 0 {
		wrong("deadline", "must be a duration such as \"90s\" or \"5m\", not %q", args.Deadline)
	}
	for i, port := range args.Ports {
		if port < 1024 || port > 65535 { // the server has no capabilities
			wrong("ports", "must be from 1024 to 65535, not %d", port)
		}
		if slices.Contains(args.Ports[:i], port) {
			wrong("ports", "has %d twice", port)
		}
		if other := peerPort(port); args.InstanceIP != "" && (other > 65535 || slices.Contains(args.Ports, other)) {
			wrong("ports", "has %d, whose instance listens for other instances on %d, which must be free", port, other)
		}
	}
	for arg, p := range map[string]string{"directory": args.Directory, "data_directory": args.DataDirectory, "node_bin": args.NodeBin} {
		if !safePath.MatchString(p) {
			wrong(arg, "must be an absolute path of at least two parts, with only letters, digits and \"._+-\", not %q", p)
		}
	}
	return errors.Join(errs...)
}

// checkMongoURL returns an error if the database's URL is wrong, without any text of it, which has a password.
func checkMongoURL(text string) error {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "mongodb" && scheme != "mongodb+srv" {
		return errors.New("must begin with mongodb:// or mongodb+srv://")
	}
	_, query, _ := strings.Cut(rest, "?")
	options, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("must have NAME=VALUE&NAME=VALUE after the \"?\"")
	}
	if scheme == "mongodb" && options.Get("replicaSet") == "" {
		return errors.New("must name a replica set (`?replicaSet=rs0`): Rocket.Chat doesn't start without one")
	}
	return nil
}

// builder makes the parts.
type builder struct {
	*product.Builder
	args    Args
	release *release
	deno    *archive.Step // nil when the release needs none
}

func (b *builder) linkPath() string { return path.Join(b.args.Directory, "current") }

func (b *builder) build(environment string) {
	args := b.args
	to, _ := parseExact(args.Version) // checked before
	b.Add("requirements", &requirements{Link: b.linkPath(), Version: to})
	if b.deno != nil && !slices.Contains(args.Packages, "unzip") {
		args.Packages = append(slices.Clone(args.Packages), "unzip")
	}
	if len(args.Packages) > 0 {
		product.Add(b.Builder, "packages", aptpackage.New, aptpackage.Args{Packages: args.Packages})
	}
	product.Add(b.Builder, "user", user.New, user.Args{Name: args.User, System: true, Home: args.DataDirectory, CreateHome: new(bool), Shell: "/usr/sbin/nologin"})
	b.directory("data", args.DataDirectory, "0750", args.User)
	b.directory("uploads", uploads(args), "0750", args.User)
	if b.deno != nil {
		b.Add("deno", b.deno)
	}
	b.Add("release", b.release)
	memory := preflight.GB * int64(1+len(args.Ports)) // 1 GB for each instance, and 1 GB for npm while it installs
	b.Require("release", preflight.Memory{Facts: b.Env.Facts, Bytes: memory}, preflight.Disk{Path: args.Directory, Bytes: 2 * preflight.GB}, preflight.Clock{})
	b.Add("npm", &npm{
		Release: b.release.Step, NodeVersion: args.NodeVersion, NodeBin: args.NodeBin, User: args.User,
		Registry: args.NpmRegistry, Native: nativeModules, Deno: b.denoPath(),
	})
	b.directory("etc", envDir, "0755", "root")
	b.Add("env", &file.Step{Path: envFile, Content: []byte(environment), Mode: 0o600, Owner: "root", Group: "root", Sensitive: true})
	b.Add("previous-instances", &previousInstances{Units: b.units()})
	b.Add("current", &current{
		Step:  &link.Step{Path: b.linkPath(), Target: path.Join("releases", args.Version)},
		Units: b.units(),
	})
	for _, port := range args.Ports {
		b.instance(port)
	}
}

func (b *builder) directory(name, path, mode, owner string) {
	product.Add(b.Builder, name, directory.New, directory.Args{Path: path, Mode: mode, Owner: owner, Group: owner})
}

// units returns the names of the instances' units.
func (b *builder) units() []string {
	var names []string
	for _, port := range b.args.Ports {
		names = append(names, unitName(port))
	}
	return names
}

func unitName(port int) string { return fmt.Sprintf("rocketchat-%d.service", port) }

// instance adds the parts for the instance of a port.
func (b *builder) instance(port int) {
	yes, content := true, b.unit(port)
	serviceName, readyName := fmt.Sprintf("service-%d", port), fmt.Sprintf("ready-%d", port)
	unit := product.Make(b.Builder, serviceName, systemdunit.New, systemdunit.Args{
		Name: unitName(port), Content: &content, Enabled: &yes, Running: &yes, RestartOn: modules.Files{envFile, b.linkPath()},
	})
	health := "/readyz"
	if release, _ := parseExact(b.args.Version); !release.probes() {
		health = "/health"
	}
	answers := product.Make(b.Builder, readyName, httpcheck.New, httpcheck.Args{
		URL: "http://" + address(b.args.BindIP, port) + health, Interval: "250ms", Deadline: b.args.Deadline,
	}).(*httpcheck.Step)
	answers.Request.Unit = unitName(port)
	b.Add(serviceName, &service{unit.(*systemdunit.Step), answers, b.args.DataDirectory})
	b.Require(serviceName, preflight.Port{Number: port, Address: b.args.BindIP, Unit: unitName(port)})
	b.Add(readyName, &ready{Step: answers})
}

// unit returns the text of a unit file. It has no MemoryDenyWriteExecute= and no SystemCallFilter=: V8 writes the code that it
// runs, and isolated-vm does similar things. AF_NETLINK is for os.networkInterfaces().
func (b *builder) unit(port int) string {
	ports := fmt.Sprintf("Environment=PORT=%d", port)
	if b.args.InstanceIP != "" {
		// A random one otherwise (Rocket.Chat's ee/server/local-services/instance), which no firewall can let in.
		ports += fmt.Sprintf(" TCP_PORT=%d", peerPort(port))
	}
	return fmt.Sprintf(`# Written by rcprov; changes made here are undone.
[Unit]
Description=Rocket.Chat on port %[1]d
Wants=network-online.target
After=network-online.target mongod.service
StartLimitIntervalSec=0

[Service]
Type=simple
User=%[2]s
Group=%[2]s
WorkingDirectory=%[3]s
EnvironmentFile=%[4]s
%[7]s
ExecStart=%[5]s/node %[3]s/main.js
Restart=always
RestartSec=5
TimeoutStopSec=60
LimitNOFILE=65536
StandardOutput=journal
StandardError=journal
SyslogIdentifier=rocketchat-%[1]d
%[8]s
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths=%[6]s
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`, port, b.args.User, b.linkPath(), envFile, b.args.NodeBin, b.args.DataDirectory, ports, b.denoLines())
}

package mongod

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/mongodb"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/aptrepository"
	"github.com/rcprov/rcprov/modules/primitive/command"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/sysctl"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// Module is the module mongod.
func Module() modules.Module { return modules.Product("mongod", source, New) }

// Outputs are what other steps may refer to, beside the arguments.
type Outputs struct {
	URL   string   `cty:"url"`   // mongodb://h1:27017,h2:27017/?replicaSet=rs0, without a user
	Hosts []string `cty:"hosts"` // the members, host:port each
	Files []string `cty:"files"` // what the server reads when it starts
}

const (
	serverPackage = "mongodb-org-server"
	unit          = "mongod.service"
)

// New checks args and returns the parts, in the order in which they turn a bare host into a server.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	series, err := findSeries(args.Version)
	if err != nil {
		return nil, Outputs{}, err
	}
	hosts, err := members(args, env)
	errs := []error{err, checkArgs(args, series)}
	bindIP, err := bindIP(args, env, hosts)
	errs = append(errs, err, checkAccess(args, bindIP))
	if env.Facts != nil {
		errs = append(errs, checkArchitecture(env.Facts))
	}
	b := &builder{Builder: &product.Builder{Env: env}, args: args, series: series}
	b.Fail(errs...)
	if errors.Join(errs...) == nil {
		b.build(bindIP)
	}
	outputs := Outputs{Hosts: hosts, Files: []string{confFile}, URL: mongodb.URL(hosts, args.ReplicaSet)}
	if args.KeyFile != "" {
		outputs.Files = append(outputs.Files, keyFile)
	}
	parts, err := b.Parts()
	return parts, outputs, err
}

// members returns the members, host:port each.
func members(args Args, env modules.Env) ([]string, error) {
	given := args.Members
	if len(given) == 0 {
		for _, peer := range env.Peers {
			given = append(given, peer.Address)
		}
	}
	var hosts []string
	for _, member := range given {
		host, err := mongodb.HostPort(member, args.Port)
		if err != nil {
			return nil, modules.Argf("members", "%w", err)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

var (
	setNameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	keyRule     = regexp.MustCompile(`^[A-Za-z0-9+/=\s]*$`)
)

// checkArgs finds mistakes that one argument alone shows.
func checkArgs(args Args, s series) error {
	var errs []error
	if args.Port < 1 || args.Port > 65535 {
		errs = append(errs, modules.Argf("port", "must be from 1 to 65535, not %d", args.Port))
	}
	if err := modules.CheckPath(args.DBPath); err != nil {
		errs = append(errs, modules.Argf("db_path", "%w", err))
	}
	if args.ReplicaSet != "" && !setNameRule.MatchString(args.ReplicaSet) {
		errs = append(errs, modules.Argf("replica_set", "must be of letters, digits, \"_\", \"-\" and \".\", not %q", args.ReplicaSet))
	}
	if key := string(args.KeyFile); key != "" {
		characters := len(strings.Join(strings.Fields(key), ""))
		if !keyRule.MatchString(key) || characters < 6 || characters > 1024 {
			errs = append(errs, withArgHint(modules.Argf("key_file", "must be 6 to 1024 letters, digits, \"+\", \"/\" and \"=\""),
				"Make one with `openssl rand -base64 756`, and keep it with your secrets."))
		}
	}
	if args.CacheSizeGB != nil && (*args.CacheSizeGB < 0.25 || *args.CacheSizeGB > 10000) {
		errs = append(errs, modules.Argf("cache_size_gb", "must be from 0.25 to 10000, not %g", *args.CacheSizeGB))
	}
	if args.TLS != nil {
		for arg, path := range map[string]string{"tls.certificate_key_file": args.TLS.CertificateKeyFile, "tls.ca_file": args.TLS.CAFile} {
			if err := modules.CheckPath(path); err != nil {
				errs = append(errs, modules.Argf(arg, "%w", err))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(args.Settings)) {
		if _, err := checkSetting(s, name, args.Settings[name]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// bindIP returns the addresses to listen on.
func bindIP(args Args, env modules.Env, hosts []string) ([]string, error) {
	if len(args.BindIP) > 0 {
		for _, address := range args.BindIP {
			if address == "" || strings.ContainsAny(address, ", \t\n:") && !isIPv6(address) {
				return nil, modules.Argf("bind_ip", "must be addresses of the host, without a port, not %q", address)
			}
		}
		if !slices.ContainsFunc(args.BindIP, func(address string) bool {
			return address == "127.0.0.1" || address == "localhost" || address == "0.0.0.0"
		}) {
			return nil, modules.Argf("bind_ip", "must have 127.0.0.1, to which rcprov itself connects")
		}
		return args.BindIP, nil
	}
	loopback := []string{"127.0.0.1"}
	if args.ReplicaSet == "" || args.KeyFile == "" || env.Facts == nil {
		return loopback, nil
	}
	candidates := hosts
	if len(args.Members) == 0 {
		i := slices.IndexFunc(env.Peers, func(p modules.Peer) bool { return p.Name == env.Host })
		candidates = hosts[i : i+1]
	}
	for _, member := range candidates {
		host, _, _ := net.SplitHostPort(member) // made by members
		if isLoopback(host) {
			return loopback, nil
		}
		if slices.Contains(env.Facts.Addresses, host) {
			return append(loopback, host), nil
		}
	}
	err := modules.Argf("bind_ip", "must be given: %s is not an address of the host, which has %s",
		strings.Join(candidates, ", "), strings.Join(env.Facts.Addresses, ", "))
	return nil, withArgHint(err, "Give 127.0.0.1 and the address that the other members and the clients connect to; and in members, or as the hosts' addresses, the names that they use.")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkAccess refuses a server without authentication on an address beside loopback.
func checkAccess(args Args, bindIP []string) error {
	open := slices.ContainsFunc(bindIP, func(address string) bool { return !isLoopback(address) })
	if !open || args.KeyFile != "" || args.Settings["security.authorization"] == "enabled" {
		return nil
	}
	return withArgHint(modules.Argf("bind_ip", "has an address beside loopback, and clients would not have to log in"),
		"Give a key_file (which members of a set need), or `\"security.authorization\" = \"enabled\"` in settings.")
}

// builder makes the parts of one host.
type builder struct {
	*product.Builder
	args   Args
	series series
}

func (b *builder) build(bindIP []string) {
	server := mongodb.Loopback(b.args.Port, b.args.TLS != nil && b.args.TLS.Mode == "requireTLS")
	content, err := render(conf(b.args, bindIP))
	if err != nil {
		b.Fail(err)
		return
	}
	b.Add("requirements", &Requirements{Series: b.series.name, ReplicaSet: b.args.ReplicaSet, Server: server})
	b.repository()
	b.packages()

	data := product.Make(b.Builder, "data", directory.New, directory.Args{Path: b.args.DBPath, Owner: "mongodb", Group: "mongodb"})
	b.Add("data", data)
	secret := b.Env.Sensitive("settings")
	configuration := &file.Step{Path: confFile, Content: content, Mode: 0o644, Owner: "root", Group: "root", Sensitive: secret, Backup: true}
	if secret {
		configuration.Mode, configuration.Group, configuration.Backup = 0o640, "mongodb", false
	}
	b.Add("conf", configuration)
	watched := []string{confFile}
	if b.args.KeyFile != "" {
		key := strings.TrimSpace(string(b.args.KeyFile)) + "\n"
		b.Add("key", &file.Step{Path: keyFile, Content: []byte(key), Mode: 0o400, Owner: "mongodb", Group: "mongodb", Sensitive: true})
		watched = append(watched, keyFile)
	}
	if b.args.TLS != nil {
		watched = append(watched, b.args.TLS.CertificateKeyFile, b.args.TLS.CAFile)
	}
	if b.args.TuneKernel && b.Env.Facts != nil && !container(b.Env.Facts.Virtual) {
		b.kernel()
	}
	yes := true
	service := product.Make(b.Builder, "service", systemdunit.New, systemdunit.Args{
		Name: unit, DropIns: map[string]string{"rcprov.conf": b.dropIn()}, Enabled: &yes, Running: &yes, RestartOn: watched,
	})
	answers := &Answers{Server: server}
	b.Add("service", &Service{service.(*systemdunit.Step), answers, b.args.Wait})
	if b.args.Wait {
		b.Add("answers", answers)
	}
	b.require(bindIP)
}

// require adds the requirements of the parts. The sizes are those of the packages of 8.0 and of an empty database.
func (b *builder) require(bindIP []string) {
	if b.Env.Facts == nil {
		return
	}
	memory := preflight.GB
	if cache := b.args.CacheSizeGB; cache != nil {
		memory = max(memory, int64(*cache*float64(preflight.GB))+preflight.GB/2)
	}
	cpu := flags[b.Env.Facts.Arch]
	port := preflight.Port{Number: b.args.Port, Unit: unit}
	if len(bindIP) == 1 {
		port.Address = bindIP[0]
	}
	b.Require("repository", preflight.Clock{})
	b.Require("package",
		b.series.release(b.Env.Facts),
		preflight.CPU{Facts: b.Env.Facts, Flag: cpu.flag, Name: cpu.name, Without: "MongoDB since 5.0 ends with an illegal instruction"},
		preflight.Memory{Facts: b.Env.Facts, Bytes: memory},
		preflight.Disk{Path: "/usr", Bytes: 700 * preflight.MB})
	b.Require("data", preflight.Disk{Path: b.args.DBPath, Bytes: preflight.GB})
	b.Require("conf", port) // another port
	b.Require("service", port)
}

func (b *builder) repository() {
	args := aptrepository.Args{
		Name:         "mongodb", // the same for all series: apt must not see two
		KeyURL:       cmp.Or(b.args.KeyURL, fmt.Sprintf(keyURL, b.series.key)),
		Fingerprints: b.args.Fingerprints,
	}
	if len(args.Fingerprints) == 0 {
		args.Fingerprints = []string{b.series.fingerprint}
	}
	id, codename, arch := "ubuntu", "noble", "amd64" // while a plan is only checked
	if b.Env.Facts != nil {
		id, arch = b.Env.Facts.OS.ID, b.Env.Facts.Arch
		var err error
		if codename, err = b.series.codename(b.Env.Facts.OS); err != nil {
			b.Fail(err)
			return
		}
	}
	component := "main"
	if id == "ubuntu" {
		component = "multiverse"
	}
	args.Architectures = []string{arch}
	args.URIs = []string{cmp.Or(b.args.RepositoryURI, repository+id)}
	args.Suites = []string{cmp.Or(b.args.RepositorySuite, codename+"/mongodb-org/"+b.series.name)}
	args.Components = []string{cmp.Or(b.args.RepositoryComponent, component)}
	product.Add(b.Builder, "repository", aptrepository.New, args)
}

func (b *builder) packages() {
	version := b.args.Version
	if version == b.series.name {
		version += ".*"
	}
	product.Add(b.Builder, "package", aptpackage.New, aptpackage.Args{Packages: []string{serverPackage + "=" + version}, Held: &b.args.Held})
	tools := b.args.Tools
	if tools == nil {
		tools = []string{"mongodb-mongosh", "mongodb-database-tools"}
	}
	if len(tools) > 0 {
		product.Add(b.Builder, "tools", aptpackage.New, aptpackage.Args{Packages: tools})
	}
}

// dropIn returns what is added to the package's unit: the limits of the manual, "UNIX ulimit Settings", some of which older
// packages lack; and for the TCMalloc of 8.0 that glibc leaves restartable sequences to it ("TCMalloc Performance
// Optimization").
func (b *builder) dropIn() string {
	text := "# Written by rcprov.\n[Service]\nLimitFSIZE=infinity\nLimitCPU=infinity\nLimitAS=infinity\nLimitMEMLOCK=infinity\n" +
		"LimitNOFILE=64000\nLimitNPROC=64000\n"
	if compareVersions(b.series.name, "8.0") >= 0 {
		text += "Environment=GLIBC_TUNABLES=glibc.pthread.rseq=0\n"
	}
	return text
}

// container reports whether a kind of virtualization, as systemd-detect-virt(1) names it, shares the machine's kernel.
func container(virtual string) bool {
	return slices.Contains([]string{"openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman", "rkt", "wsl", "proot", "pouch"}, virtual)
}

// kernel adds the kernel settings of the manual's "Production Notes". maps is the default of Ubuntu 24.04, and more than
// MongoDB needs (two for each connection).
func (b *builder) kernel() {
	const maps = 1048576
	for _, p := range []struct{ part, name, value string }{
		{"max-map-count", "vm.max_map_count", strconv.Itoa(maps)},
		{"swappiness", "vm.swappiness", "1"},
	} {
		product.Add(b.Builder, p.part, sysctl.New, sysctl.Args{Name: p.name, Value: p.value, Persistent: true})
	}
	const dir = "/sys/kernel/mm/transparent_hugepage/"
	set, test := "echo never >"+dir+"enabled", "grep -qF '[never]' "+dir+"enabled"
	if b.series.hugePages {
		set = "echo always >" + dir + "enabled && echo defer+madvise >" + dir + "defrag"
		test = "grep -qF '[always]' " + dir + "enabled && grep -qF '[defer+madvise]' " + dir + "defrag"
	}
	product.Add(b.Builder, "huge-pages", command.New, command.Args{Shell: set, Unless: []string{"sh", "-c", test}})

	yes := true
	text := "# Written by rcprov.\n[Unit]\nDescription=Transparent huge pages as MongoDB wants them\nDefaultDependencies=no\n" +
		"After=sysinit.target local-fs.target\nBefore=mongod.service\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n" +
		"ExecStart=/bin/sh -c '" + set + "'\n\n[Install]\nWantedBy=basic.target\n"
	product.Add(b.Builder, "huge-pages-at-boot", systemdunit.New, systemdunit.Args{
		Name: "mongod-huge-pages.service", Content: &text, Enabled: &yes, Running: &yes,
	})
}

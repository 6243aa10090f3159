package mongod

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	confFile = "/etc/mongod.conf"
	keyFile  = "/etc/mongod.key"
	logFile  = "/var/log/mongodb/mongod.log"
)

// A value is a setting's value, with its kind.
type value struct {
	kind kind
	text string
}

// conf returns the settings of mongod.conf that args ask for, those of args.Settings last.
func conf(args Args, bindIP []string) map[string]value {
	values := map[string]value{
		"net.bindIp":                     {word, strings.Join(bindIP, ",")},
		"net.port":                       {integer, strconv.Itoa(args.Port)},
		"processManagement.timeZoneInfo": {word, "/usr/share/zoneinfo"},
		"storage.dbPath":                 {word, args.DBPath},
		"systemLog.destination":          {word, "file"},
		"systemLog.logAppend":            {boolean, "true"},
		"systemLog.path":                 {word, logFile},
	}
	if slices.ContainsFunc(bindIP, isIPv6) {
		values["net.ipv6"] = value{boolean, "true"}
	}
	if args.ReplicaSet != "" {
		values["replication.replSetName"] = value{word, args.ReplicaSet}
	}
	if args.KeyFile != "" {
		values["security.authorization"] = value{word, "enabled"}
		values["security.keyFile"] = value{word, keyFile}
	}
	if args.CacheSizeGB != nil {
		values["storage.wiredTiger.engineConfig.cacheSizeGB"] = value{decimal, strconv.FormatFloat(*args.CacheSizeGB, 'g', -1, 64)}
	}
	if args.TLS != nil {
		values["net.tls.mode"] = value{word, args.TLS.Mode}
		values["net.tls.certificateKeyFile"] = value{word, args.TLS.CertificateKeyFile}
		values["net.tls.CAFile"] = value{word, args.TLS.CAFile}
		values["net.tls.allowConnectionsWithoutCertificates"] = value{boolean, "true"}
	}
	for name, text := range args.Settings {
		kind, _ := settingKind(name) // New has checked it
		values[name] = value{kind, text}
	}
	if values["systemLog.destination"].text == "syslog" {
		delete(values, "systemLog.path")
		delete(values, "systemLog.logAppend")
	}
	return values
}

func isIPv6(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.Is6()
}

// render returns mongod.conf with settings, sections and settings in alphabetical order.
func render(values map[string]value) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		node := root
		path := strings.Split(name, ".")
		for _, section := range path[:len(path)-1] {
			node = child(node, section)
		}
		node.Content = append(node.Content, scalar(word, path[len(path)-1]), scalar(values[name].kind, values[name].text))
	}
	var b bytes.Buffer
	b.WriteString("# Written by rcprov; changes made here are undone.\n")
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// child returns the section name of a section, and makes it if it is missing.
func child(node *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1]
		}
	}
	section := &yaml.Node{Kind: yaml.MappingNode}
	node.Content = append(node.Content, scalar(word, name), section)
	return section
}

// scalar returns the node for a value. The encoder quotes a text that looks like a number or a bool, which mongod accepts for
// server parameters, whose kinds are not known here.
func scalar(k kind, text string) *yaml.Node {
	tags := map[kind]string{word: "!!str", integer: "!!int", decimal: "!!float", boolean: "!!bool"}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tags[k], Value: text}
}

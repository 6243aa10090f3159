package mongod

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/rcprov/rcprov/modules"
)

// A kind is the type of a setting's value.
type kind int

const (
	word kind = iota // any text
	integer
	decimal
	boolean
)

// settings are the settings of mongod.conf in the Community edition, with their kinds. A new one of a new series gets its line
// here. Source: the manual, "Configuration File Options"; src/mongo/**/*options*.idl.
var settings = map[string]kind{
	"net.bindIp":                  word,
	"net.bindIpAll":               boolean,
	"net.compression.compressors": word,
	"net.ipv6":                    boolean,
	"net.maxIncomingConnections":  integer,
	"net.port":                    integer,
	"net.tls.CAFile":              word,
	"net.tls.CRLFile":             word,
	"net.tls.FIPSMode":            boolean,
	"net.tls.allowConnectionsWithoutCertificates":          boolean,
	"net.tls.allowInvalidCertificates":                     boolean,
	"net.tls.allowInvalidHostnames":                        boolean,
	"net.tls.certificateKeyFile":                           word,
	"net.tls.certificateKeyFilePassword":                   word,
	"net.tls.clusterCAFile":                                word,
	"net.tls.clusterFile":                                  word,
	"net.tls.clusterPassword":                              word,
	"net.tls.disabledProtocols":                            word,
	"net.tls.logVersions":                                  word,
	"net.tls.mode":                                         word,
	"net.unixDomainSocket.enabled":                         boolean,
	"net.unixDomainSocket.filePermissions":                 word,
	"net.unixDomainSocket.pathPrefix":                      word,
	"net.wireObjectCheck":                                  boolean,
	"operationProfiling.filter":                            word,
	"operationProfiling.mode":                              word,
	"operationProfiling.slowOpSampleRate":                  decimal,
	"operationProfiling.slowOpThresholdMs":                 integer,
	"processManagement.pidFilePath":                        word,
	"processManagement.timeZoneInfo":                       word,
	"replication.oplogSizeMB":                              integer,
	"replication.replSetName":                              word,
	"security.authorization":                               word,
	"security.clusterAuthMode":                             word,
	"security.clusterIpSourceAllowlist":                    word,
	"security.javascriptEnabled":                           boolean,
	"security.keyFile":                                     word,
	"security.transitionToAuth":                            boolean,
	"sharding.archiveMovedChunks":                          boolean,
	"sharding.clusterRole":                                 word,
	"storage.dbPath":                                       word,
	"storage.directoryPerDB":                               boolean,
	"storage.engine":                                       word,
	"storage.journal.commitIntervalMs":                     integer,
	"storage.oplogMinRetentionHours":                       decimal,
	"storage.syncPeriodSecs":                               decimal,
	"storage.wiredTiger.collectionConfig.blockCompressor":  word,
	"storage.wiredTiger.engineConfig.cacheSizeGB":          decimal,
	"storage.wiredTiger.engineConfig.directoryForIndexes":  boolean,
	"storage.wiredTiger.engineConfig.journalCompressor":    word,
	"storage.wiredTiger.engineConfig.zstdCompressionLevel": integer,
	"storage.wiredTiger.indexConfig.prefixCompression":     boolean,
	"systemLog.destination":                                word,
	"systemLog.logAppend":                                  boolean,
	"systemLog.logRotate":                                  word,
	"systemLog.path":                                       word,
	"systemLog.quiet":                                      boolean,
	"systemLog.syslogFacility":                             word,
	"systemLog.timeStampFormat":                            word,
	"systemLog.traceAllExceptions":                         boolean,
	"systemLog.verbosity":                                  integer,
}

// families are groups of settings with open names: parameters of the server, and components of the log.
var families = []struct {
	pattern *regexp.Regexp
	kind    kind
}{
	{regexp.MustCompile(`^setParameter\.[A-Za-z][A-Za-z0-9]*$`), word},
	{regexp.MustCompile(`^systemLog\.component(\.[a-z][A-Za-z0-9]*)+\.verbosity$`), integer},
}

// removed are settings of old instructions, with the version that removed them and what to do instead. A name also stands for
// a whole section.
var removed = []struct{ name, in, instead string }{
	{"storage.journal.enabled", "6.1", "The journal is always on; leave it out."},
	{"storage.mmapv1", "4.2", "The engine mmapv1 was removed with its settings; data is stored by WiredTiger."},
	{"storage.smallFiles", "4.2", "The engine mmapv1 was removed with its settings; data is stored by WiredTiger."},
	{"storage.indexBuildRetry", "4.4", "Leave it out."},
	{"storage.repairPath", "4.2", "Leave it out."},
	{"storage.wiredTiger.engineConfig.maxCacheOverflowFileSizeGB", "4.4", "Leave it out."},
	{"replication.secondaryIndexPrefetch", "4.2", "It was for the engine mmapv1, which was removed."},
	{"replication.enableMajorityReadConcern", "5.0", "Read concern majority is always on; leave it out."},
	{"net.serviceExecutor", "5.0", "Leave it out."},
	{"net.http", "3.6", "mongod's HTTP interface was removed."},
	{"net.ssl", "4.2", "Use the block tls, or the settings net.tls.*"}, // deprecated then
	{"security.clusterIpSourceWhitelist", "5.0", "It is now security.clusterIpSourceAllowlist."},
	{"cloud.monitoring.free", "7.0", "MongoDB's free monitoring has ended."},
}

// arguments are the settings for which the module has an argument.
var arguments = map[string]string{
	"net.bindIp":                 "bind_ip",
	"net.bindIpAll":              "bind_ip",
	"net.port":                   "port",
	"net.tls.mode":               "tls",
	"net.tls.certificateKeyFile": "tls",
	"net.tls.CAFile":             "tls",
	"replication.replSetName":    "replica_set",
	"security.keyFile":           "key_file",
	"storage.dbPath":             "db_path",
	"storage.wiredTiger.engineConfig.cacheSizeGB": "cache_size_gb",
}

// checkSetting returns the kind of a setting in the plan, if the series has it and value is of that kind.
func checkSetting(s series, name, value string) (kind, error) {
	if arg := arguments[name]; arg != "" {
		return 0, modules.Argf("settings", "has %q, which must be given by the argument %s", name, arg)
	}
	for _, gone := range removed {
		if (name == gone.name || strings.HasPrefix(name, gone.name+".")) && compareVersions(gone.in, s.name) <= 0 {
			err := modules.Argf("settings", "has %q, which MongoDB %s does not have: it was removed in %s", name, s.name, gone.in)
			return 0, withArgHint(err, gone.instead)
		}
	}
	switch {
	case name == "processManagement.fork":
		return 0, withArgHint(modules.Argf("settings", "has %q, but under systemd mongod must stay in the foreground", name), "Leave it out.")
	case name == "storage.engine" && value != "wiredTiger":
		return 0, modules.Argf("settings", "has the storage engine %q; MongoDB %s has only wiredTiger (mmapv1 was removed in 4.2)", value, s.name)
	}
	kind, known := settingKind(name)
	if !known {
		err := modules.Argf("settings", "has %q, which mongod doesn't know", name)
		if near := nearestSetting(name); near != "" {
			return 0, withArgHint(err, fmt.Sprintf("Did you mean %q?", near))
		}
		return 0, withArgHint(err, "Write settings with their full names, with dots: `\"operationProfiling.mode\" = \"slowOp\"`.")
	}
	return kind, kind.check(name, value)
}

func settingKind(name string) (kind, bool) {
	if k, known := settings[name]; known {
		return k, true
	}
	for _, family := range families {
		if family.pattern.MatchString(name) {
			return family.kind, true
		}
	}
	return 0, false
}

// check returns an error if value is not of the kind.
func (k kind) check(name, value string) error {
	var err error
	what := ""
	switch k {
	case integer:
		_, err = strconv.ParseInt(value, 10, 64)
		what = "a whole number"
	case decimal:
		_, err = strconv.ParseFloat(value, 64)
		what = "a number"
	case boolean:
		if value != "true" && value != "false" {
			what = "true or false"
		}
	default:
		if strings.ContainsAny(value, "\n\x00") {
			what = "one line"
		}
	}
	if err != nil || (k == boolean || k == word) && what != "" {
		return modules.Argf("settings", "has %q, which must be %s, not %q", name, what, value)
	}
	return nil
}

// nearestSetting returns the setting most similar to name; empty if none is similar.
func nearestSetting(name string) string {
	best, nearest := len(name)/3+1, ""
	for known := range settings {
		d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(known), nil)
		if d < best || d == best && known < nearest {
			best, nearest = d, known
		}
	}
	return nearest
}

// compareVersions compares versions such as "6.1" and "7.0" by their numbers.
func compareVersions(a, b string) int {
	var majorA, minorA, majorB, minorB int
	_, _ = fmt.Sscanf(a, "%d.%d", &majorA, &minorA) // they are of this package's tables
	_, _ = fmt.Sscanf(b, "%d.%d", &majorB, &minorB)
	if majorA != majorB {
		return majorA - majorB
	}
	return minorA - minorB
}

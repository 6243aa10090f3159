package rocketchat

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// version is major, minor and patch.
type version [3]int

var versionRule = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})(?:\.(0|[1-9][0-9]{0,5}))?$`)

// parseVersion reads 9.0.0, or 8.0 as 8.0.0.
func parseVersion(s string) (v version, ok bool) {
	m := versionRule.FindStringSubmatch(s)
	if m == nil {
		return v, false
	}
	for i := range v {
		v[i], _ = strconv.Atoi(m[i+1]) // digits, or "" for 0
	}
	return v, true
}

// parseExact reads 9.0.0.
func parseExact(s string) (v version, ok bool) {
	m := versionRule.FindStringSubmatch(s)
	if m == nil || m[3] == "" {
		return v, false
	}
	return parseVersion(s)
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (v version) compare(other version) int { return slices.Compare(v[:], other[:]) }

// span is all versions from one on, within its major version.
type span version

func (s span) has(v version) bool { return v[0] == s[0] && v.compare(version(s)) >= 0 }

// needs are the versions that releases require, from one release on.
type needs struct {
	from  version
	node  []span
	mongo []span
	deno  string // exact version of the runtime of apps; "" when they run with Node.js
}

// knownNeeds are from the engine lines of the vendor's release notes, newest first, up to 9.0.0 (November 2026). Deno's
// versions are from the vendor's images (RocketChat/Docker.Official.Image). rcprov assumes that later releases need what the
// newest of these do.
var knownNeeds = []needs{
	{from: version{8, 9, 0}, node: []span{{22, 22, 3}, {24, 15, 0}}, mongo: []span{{8, 0, 0}}},
	{from: version{8, 8, 0}, node: []span{{22, 22, 3}}, mongo: []span{{8, 0, 0}}},
	{from: version{8, 5, 0}, node: []span{{22, 22, 3}}, mongo: []span{{8, 0, 0}}, deno: "2.3.1"},
	{from: version{8, 0, 0}, node: []span{{22, 16, 0}}, mongo: []span{{8, 0, 0}}, deno: "1.43.5"},
	{from: version{7, 13, 9}, node: []span{{22, 16, 0}}, mongo: []span{{5, 0, 0}, {6, 0, 0}, {7, 0, 0}, {8, 0, 0}}, deno: "1.43.5"},
	{from: version{7, 9, 0}, node: []span{{22, 16, 0}}, mongo: []span{{5, 0, 0}, {6, 0, 0}, {7, 0, 0}}, deno: "1.43.5"},
	{from: version{7, 3, 0}, node: []span{{22, 11, 0}}, mongo: []span{{5, 0, 0}, {6, 0, 0}, {7, 0, 0}}, deno: "1.43.5"},
	{from: version{7, 0, 0}, node: []span{{20, 0, 0}}, mongo: []span{{5, 0, 0}, {6, 0, 0}, {7, 0, 0}}, deno: "1.37.1"},
}

// needsOf returns what a release needs; ok is false for releases older than those that rcprov knows.
func needsOf(release version) (n needs, ok bool) {
	for _, n := range knownNeeds {
		if release.compare(n.from) >= 0 {
			return n, true
		}
	}
	return needs{}, false
}

// anyOf returns spans as text: "22.22.3 or a later 22, or 24.15.0 or a later 24".
func anyOf(spans []span, format func(version) string) string {
	var words []string
	for _, s := range spans {
		words = append(words, fmt.Sprintf("%s or a later %d", format(version(s)), s[0]))
	}
	return strings.Join(words, ", or ")
}

// probes reports whether a release answers at /readyz, RocketChat/Rocket.Chat#36955.
func (v version) probes() bool { return v.compare(version{7, 11, 0}) >= 0 }

// checkVersions compares the versions of a release, Node.js and MongoDB that the plan names.
func checkVersions(args Args) error {
	release, ok := parseExact(args.Version)
	if !ok {
		return &modules.ArgError{
			Arg: "version", Err: fmt.Errorf("must be an exact release such as \"9.0.0\", not %q", args.Version),
			Hint: "With `latest` the same plan would mean something else tomorrow, and could cross a major version.",
		}
	}
	n, ok := needsOf(release)
	if !ok {
		return &modules.ArgError{
			Arg: "version", Err: fmt.Errorf("must be 7.0.0 or later: %s needs a Node.js that has been out of support for years", release),
			Hint: "A server of an older release is upgraded by hand first, one major version after the other.",
		}
	}
	var errs []error
	node, ok := parseExact(args.NodeVersion)
	switch {
	case !ok:
		errs = append(errs, modules.Argf("node_version", "must be an exact version such as \"22.22.3\", not %q", args.NodeVersion))
	case !slices.ContainsFunc(n.node, func(s span) bool { return s.has(node) }):
		errs = append(errs, modules.Argf("node_version", "is %s, and Rocket.Chat %s needs %s", node, release, anyOf(n.node, version.String)))
	}
	if args.MongoDBVersion == "" {
		return errors.Join(errs...)
	}
	mongo, ok := parseVersion(args.MongoDBVersion)
	switch {
	case !ok:
		errs = append(errs, modules.Argf("mongodb_version", "must be a version such as \"8.0\" or \"8.0.26\", not %q", args.MongoDBVersion))
	case !slices.ContainsFunc(n.mongo, func(s span) bool { return s.has(mongo) }):
		series := func(v version) string { return fmt.Sprintf("%d.%d", v[0], v[1]) }
		errs = append(errs, &modules.ArgError{
			Arg: "mongodb_version", Err: fmt.Errorf("is %s, and Rocket.Chat %s needs %s", args.MongoDBVersion, release, anyOf(n.mongo, series)),
			Hint: "MongoDB is upgraded one major version at a time, before Rocket.Chat.",
		})
	}
	return errors.Join(errs...)
}

// checkUpgrade refuses a downgrade, and an upgrade that skips a major version: the database would not survive it.
func checkUpgrade(from, to version) error {
	switch {
	case slices.Compare(to[:2], from[:2]) < 0:
		return modules.WithHint(fmt.Errorf("Rocket.Chat %s is installed, and %s can't use its database", from, to),
			"Give version = %[3]q to stay. To go back you need a dump of the database from before the upgrade: restore it (unless %[1]s has never started), and let the link `current` point to releases/%[2]s.",
			from, to, from.String())
	case to[0] > from[0]+1:
		return modules.WithHint(fmt.Errorf("Rocket.Chat %s is installed, which can't be upgraded to %s directly: that skips a major version", from, to),
			"Upgrade to the last release of %d.x first, and let it start. If %s is not the release that last used the database, somebody has moved the link `current`: let it point to releases/VERSION of that release.",
			from[0]+1, from)
	}
	return nil
}

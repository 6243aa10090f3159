package mongod

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/observe"
)

// A series is a number such as 8.0 with all its releases.
//
// Sources: docker-library/mongo, versions.json and pgp-keys.json (June 2026), for releases and keys; MongoDB's manual,
// "Production Notes" and "TCMalloc Performance Optimization", for huge pages.
type series struct {
	name        string
	codenames   map[string][]string // releases of the distribution, by ID of os-release(5); the newest first
	key         string              // in the name of the key's file
	fingerprint string
	hugePages   bool // needs transparent huge pages; they slow down the older TCMalloc
}

const (
	keyURL     = "https://pgp.mongodb.com/server-%s.asc"
	repository = "https://repo.mongodb.org/apt/"
	key80      = "4B0752C1BCA238C0B4EE14DC41DE058A4E7DCA05"
)

// allSeries are the supported series, the oldest first. Each can be upgraded to the next.
var allSeries = []series{
	{name: "6.0", key: "6.0", fingerprint: "39BD841E4BE5FB195A65400E6A26B1AE64C3C388", codenames: map[string][]string{
		"ubuntu": {"jammy", "focal"}, "debian": {"bullseye"},
	}},
	{name: "7.0", key: "7.0", fingerprint: "E58830201F7DD82CD808AA84160D26BB1785BA38", codenames: map[string][]string{
		"ubuntu": {"jammy", "focal"}, "debian": {"bookworm", "bullseye"},
	}},
	{name: "8.0", key: "8.0", fingerprint: key80, hugePages: true, codenames: map[string][]string{
		"ubuntu": {"noble", "jammy", "focal"}, "debian": {"bookworm"},
	}},
	{name: "8.2", key: "8.0", fingerprint: key80, hugePages: true, codenames: map[string][]string{
		"ubuntu": {"noble", "jammy", "focal"}, "debian": {"bookworm"},
	}},
	{name: "8.3", key: "8.0", fingerprint: key80, hugePages: true, codenames: map[string][]string{
		"ubuntu": {"noble", "jammy", "focal"}, "debian": {"bookworm"},
	}},
}

var versionRule = regexp.MustCompile(`^([0-9]+\.[0-9]+)(\.[0-9]+)?$`)

// findSeries returns the series of a version: "8.0", "8.0.26".
func findSeries(version string) (series, error) {
	match := versionRule.FindStringSubmatch(version)
	if match == nil {
		return series{}, modules.Argf("version", "must be a series such as \"8.0\", or a release such as \"8.0.26\", not %q", version)
	}
	i := indexSeries(match[1])
	if i < 0 {
		return series{}, modules.Argf("version", "is of the series %s, which this rcprov doesn't know; it knows %s", match[1], knownSeries())
	}
	return allSeries[i], nil
}

func indexSeries(name string) int {
	return slices.IndexFunc(allSeries, func(s series) bool { return s.name == name })
}

func knownSeries() string {
	var names []string
	for _, s := range allSeries {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// seriesOf returns the series of a package's version: "7.0" of "7.0.15".
func seriesOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

// codename returns the release of the distribution whose packages fit os best; an error where MongoDB builds none for
// the distribution at all.
func (s series) codename(os observe.OS) (string, error) {
	codenames := s.codenames[os.ID]
	if slices.Contains(codenames, os.Codename) {
		return os.Codename, nil
	}
	if len(codenames) == 0 {
		return "", modules.Argf("version", "MongoDB builds %s only for Debian and Ubuntu, not for %s", s.name, os.Name)
	}
	return codenames[0], nil
}

// release is the requirement that MongoDB builds packages for the host's release. Those for another one may work, but
// neither MongoDB nor rcprov promises it.
func (s series) release(facts *observe.Facts) preflight.Release {
	var elsewhere []string
	for _, other := range allSeries {
		if slices.Contains(other.codenames[facts.OS.ID], facts.OS.Codename) {
			elsewhere = append(elsewhere, other.name)
		}
	}
	hint := "Use a host with one of these. With `preflight = { release = \"warn\" }` rcprov tries the packages of the nearest release, or of repository_suite."
	if len(elsewhere) > 0 {
		hint = fmt.Sprintf("For this release there is %s.", strings.Join(elsewhere, ", "))
	}
	return preflight.Release{Facts: facts, What: "MongoDB " + s.name, For: s.codenames, Hint: hint}
}

// withArgHint adds advice to an error of an argument.
func withArgHint(err error, hint string) error {
	var arg *modules.ArgError
	if errors.As(err, &arg) {
		arg.Hint = hint
	}
	return err
}

// flags are what mongod requires of a processor, by Debian's architecture. The manual, "Production Notes": x86_64: AVX since
// 5.0; arm64: ARMv8.2-A, which has dcpop (DC CVAP) as a mandatory part.
var flags = map[string]struct{ flag, name string }{
	"amd64": {"avx", "AVX"},
	"arm64": {"dcpop", "ARMv8.2-A"},
}

// checkArchitecture refuses architectures for which there are no packages.
func checkArchitecture(facts *observe.Facts) error {
	if _, known := flags[facts.Arch]; !known {
		return fmt.Errorf("MongoDB has no packages for %s, only for amd64 and arm64", facts.Arch)
	}
	if facts.Arch == "arm64" && facts.OS.ID == "debian" {
		return modules.WithHint(errors.New("MongoDB builds no arm64 packages for Debian"), "Use Ubuntu on this host.")
	}
	return nil
}

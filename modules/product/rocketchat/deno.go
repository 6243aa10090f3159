package rocketchat

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/primitive/archive"
)

// denoSums are the SHA-256 of deno-ARCH-unknown-linux-gnu.zip, by version and Debian's name of the architecture, as the
// vendor's images have them (RocketChat/Docker.Official.Image, those of September 2026). Deno publishes none for 1.x.
var denoSums = map[string]map[string]string{
	"1.37.1": {"amd64": "3ebb3c234c4ea5d914eb394af340e08ae0787e95ca8ec2c58b869752760faa00"},
	"1.43.5": {
		"amd64": "246bf818932c5e11adb85afaaf3c90e65d5cbe14bcaa8ea14d35fc085869775d",
		"arm64": "3335cd10a3c17afa5a44fc79484cd3471ca151afa5d9ba6080e55a7faa7dafb5",
	},
	"2.3.1": {
		"amd64": "b2920265e633215959b09a32b67f46c93362842bbfd27c96e8acc2d24b66f563",
		"arm64": "3771ede34037694591846166f6211e7a8ab5cd77a1e7143e637d4457e8708dc7",
	},
}

// denoArchitectures are Deno's names for Debian's architectures.
var denoArchitectures = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// newDeno returns the step that installs Deno for the server; nil if the release needs none.
func newDeno(args Args, env modules.Env) (*archive.Step, error) {
	release, ok := parseExact(args.Version)
	n, known := needsOf(release)
	if !ok || !known {
		return nil, nil // checkVersions says so
	}
	if release.compare(version{8, 9, 0}) >= 0 && args.DenoVersion != "" {
		return nil, modules.Argf("deno_version", "must be left out: apps of Rocket.Chat %s don't run with Deno", release)
	}
	name := cmp.Or(args.DenoVersion, n.deno)
	if name == "" {
		return nil, nil
	}
	if _, ok := parseExact(name); !ok {
		return nil, modules.Argf("deno_version", "must be an exact version such as \"2.3.1\", not %q", name)
	}
	if err := fetch.CheckURL(args.DenoReleases); err != nil {
		return nil, modules.Argf("deno_releases", "%w", err)
	}
	step := &archive.Step{
		Path: path.Join(args.Directory, "deno", name), Contains: []string{"deno"}, Fixed: []string{"deno"}, Owner: "root", Group: "root", Mode: 0o755,
		Replace: true, // nothing else has a directory of this name below ours
	}
	if args.DenoSHA256 != "" {
		sum, err := fetch.ParseSHA256(args.DenoSHA256)
		if err != nil {
			return nil, modules.Argf("deno_sha256", "%w", err)
		}
		step.SHA256 = sum
	} else if denoSums[name] == nil {
		return nil, modules.Argf("deno_sha256", "must be given: rcprov doesn't know the sum of Deno %s", name)
	}
	if env.Facts == nil {
		return step, nil
	}
	arch, ok := denoArchitectures[env.Facts.Arch]
	if !ok {
		return nil, modules.WithHint(fmt.Errorf("there are no binaries of Deno for the architecture %s", env.Facts.Arch),
			"The vendor publishes them for amd64 and arm64. From 8.8 on Rocket.Chat needs no Deno.")
	}
	step.URL = fmt.Sprintf("%s/v%s/deno-%s-unknown-linux-gnu.zip", strings.TrimSuffix(args.DenoReleases, "/"), name, arch)
	if step.SHA256 == "" {
		if step.SHA256 = denoSums[name][env.Facts.Arch]; step.SHA256 == "" {
			return nil, modules.Argf("deno_sha256", "must be given: rcprov doesn't know the sum of Deno %s for %s", name, env.Facts.Arch)
		}
	}
	return step, nil
}

// denoPath is the directory of the program; "" without Deno.
func (b *builder) denoPath() string {
	if b.deno == nil {
		return ""
	}
	return b.deno.Path
}

// denoLines are the lines of a unit file for apps that run with Deno. The engine that runs them finds it in PATH. Beside
// its own files it writes a configuration for Deno (from 8.5 on), and Deno what it compiles (`.deno-cache`).
func (b *builder) denoLines() string {
	if b.deno == nil {
		return ""
	}
	return fmt.Sprintf(`Environment=PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ReadWritePaths=-%s/programs/server/npm/node_modules/@rocket.chat/apps-engine
`, b.deno.Path, path.Join(b.args.Directory, "releases", b.args.Version))
}

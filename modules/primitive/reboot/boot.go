package reboot

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// boot is how a host was booted.
type boot struct {
	ID        string    // another one after each boot
	Began     time.Time // by the host's clock, in whole seconds
	Systemd   bool
	Container bool
	Runs      string   // release of the kernel that runs: "6.1.0-28-amd64"
	Version   string   // what that kernel says of itself: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)"
	Package   string   // version of the package that the kernel that runs is from, as it is on disk; empty: none
	Images    []string // releases of the kernels on disk
}

//go:embed boot.sh
var bootScript string

// boots answers how the host was booted. What pending changes make of it is asked with [news].
var boots = &observe.Kind[struct{}, boot]{
	Name:   "boot",
	Script: func([]struct{}) string { return shell.Script(bootScript, nil) },
	Parse:  parseBoot,
	Cost:   6,
	Future: func(f *observe.Forecast, _ struct{}, seen boot) observe.Outlook[boot] {
		o := observe.Outlook[boot]{Answer: observe.Answer[boot]{Value: seen}}
		if by, ok := f.MayChange("/boot/vmlinuz"); ok && !seen.Container {
			newer := seen
			newer.Images = append(slices.Clone(seen.Images), coming)
			o.Or = append(o.Or, observe.Alternative[boot]{Answer: observe.Answer[boot]{Value: newer}, If: by + " installs a kernel"})
		}
		return o
	},
}

// coming is the release of a kernel that a pending change may install.
const coming = "a newer one"

func parseBoot(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[boot] {
	var b boot
	for _, line := range reply.Lines() {
		what, value, _ := strings.Cut(line, " ")
		switch what {
		case "boot":
			b.ID = value
		case "began":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return nil
			}
			b.Began = time.Unix(seconds, 0)
		case "systemd":
			b.Systemd = true
		case "container":
			b.Container = true
		case "runs":
			b.Runs = value
		case "version":
			b.Version = value
		case "package":
			b.Package = value
		case "image":
			b.Images = append(b.Images, value)
		}
	}
	if reply.Status != 0 || b.ID == "" || b.Began.IsZero() || b.Runs == "" {
		return nil
	}
	return map[struct{}]observe.Answer[boot]{{}: {Value: b}}
}

// debianVersion matches the version of its package in what Debian's kernel says of itself.
var debianVersion = regexp.MustCompile(`\bDebian (\S+)`)

// newer returns why the kernel that runs is not the newest one on disk; "" if it is.
func (b boot) newer() string {
	newest := b.Runs
	for _, image := range b.Images {
		if compareReleases(image, newest) > 0 {
			newest = image
		}
	}
	says := debianVersion.FindStringSubmatch(b.Version)
	switch {
	case b.Container:
		return ""
	case newest != b.Runs:
		return "kernel " + newest + " is installed, " + b.Runs + " runs"
	case says != nil && b.Package != "" && says[1] != b.Package:
		return "kernel " + b.Runs + " of version " + b.Package + " is installed, " + says[1] + " runs"
	}
	return ""
}

// compareReleases compares releases of kernels as boot loaders do: numbers as numbers. Releases of other flavours, "-cloud-amd64" and
// "-amd64", are equal if their numbers are: which of them boots is for the boot loader to say.
func compareReleases(a, b string) int {
	if a == coming || b == coming {
		return cmp.Compare(strings.Count(a, coming), strings.Count(b, coming))
	}
	return slices.Compare(numbers(a), numbers(b))
}

var number = regexp.MustCompile(`[0-9]+`)

// numbers returns those of a release: of "6.1.0-28-amd64" 6, 1, 0 and 28.
func numbers(release string) (all []int) {
	for part := range strings.SplitSeq(release, "-") {
		if part == "" || part[0] < '0' || part[0] > '9' {
			break
		}
		for _, digits := range number.FindAllString(part, -1) {
			n, err := strconv.Atoi(digits)
			if err != nil {
				return all
			}
			all = append(all, n)
		}
	}
	return all
}

// news answers whether a pending change makes a path anew. On the host there is nothing to ask.
var news = &observe.Kind[string, bool]{
	Name:   "what changes before the reboot",
	Script: func([]string) string { return ":" },
	Parse: func(paths []string, _ observe.Reply) map[string]observe.Answer[bool] {
		answers := make(map[string]observe.Answer[bool])
		for _, p := range paths {
			answers[p] = observe.Answer[bool]{}
		}
		return answers
	},
	Cost: 1,
	Future: func(f *observe.Forecast, path string, _ bool) observe.Outlook[bool] {
		o := observe.Outlook[bool]{Answer: observe.Answer[bool]{Value: f.Changes(path)}}
		if by, ok := f.MayChange(path); ok && !o.Value {
			o.Or = append(o.Or, observe.Alternative[bool]{Answer: observe.Answer[bool]{Value: true}, If: by + " changes " + path})
		}
		return o
	},
}

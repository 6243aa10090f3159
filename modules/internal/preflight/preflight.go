// Package preflight has the requirements that many modules have of a host: a library for their parts.
//
//	modules.Part{Name: "package", Step: packages, Requires: []modules.Requirement{
//		preflight.Memory{Facts: env.Facts, Bytes: 2 * preflight.GB},
//		preflight.Disk{Path: "/var/lib/mongodb", Bytes: 1 * preflight.GB},
//		preflight.Port{Number: 27017, Address: "127.0.0.1", Unit: "mongod.service"},
//	}}
//
// A requirement belongs to the part that takes what it asks for: it is tested only as long as that part differs. What a
// host's facts answer is taken from them, which products have anyway. What is unknown is a warning: a host without ss(8)
// is no reason not to try.
package preflight

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Sizes in bytes.
const (
	MB int64 = 1 << 20
	GB int64 = 1 << 30
)

func wrong(err error, hint string, a ...any) *modules.Finding {
	return &modules.Finding{Level: modules.LevelError, Err: modules.WithHint(err, hint, a...)}
}

func unknown(what string, err error) *modules.Finding {
	return &modules.Finding{Level: modules.LevelWarn, Err: fmt.Errorf("%s is unknown: %w", what, err)}
}

// size is a number of bytes for people: "1.9 GB", "300 MB".
func size(bytes int64) string {
	if bytes < GB {
		return fmt.Sprintf("%d MB", bytes/MB)
	}
	return strings.TrimSuffix(strconv.FormatFloat(float64(bytes)/float64(GB), 'f', 1, 64), ".0") + " GB"
}

// needs says how much a step needs beside those before it.
func needs(bytes, before int64) string {
	text := "this step needs " + size(bytes)
	if before > 0 {
		text += ", beside " + size(before) + " for the steps before it"
	}
	return text
}

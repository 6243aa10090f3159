package cli

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// shard is the value of --shard: part number of count, from 0. The zero value is all hosts.
type shard struct{ number, count int }

// Set implements pflag.Value.
func (s *shard) Set(text string) error {
	number, count, ok := strings.Cut(text, "/")
	n, err1 := strconv.Atoi(number)
	of, err2 := strconv.Atoi(count)
	if !ok || err1 != nil || err2 != nil || of < 1 || n < 0 || n >= of {
		return fmt.Errorf("must be like 0/16, from 0/16 to 15/16 for 16 parts, not %q", text)
	}
	*s = shard{n, of}
	return nil
}

// String implements pflag.Value.
func (s *shard) String() string {
	if s.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.number, s.count)
}

// Type implements pflag.Value.
func (s *shard) Type() string { return "N/COUNT" }

// of returns those of names that are in the shard; nil is all hosts of p. The name of a host alone decides in which one it is, by the
// first 64 bits of its SHA-256, so that hosts that come and go move no other one.
func (s *shard) of(p *plan.Plan, names []string) []string {
	if s.count == 0 {
		return names
	}
	if names == nil {
		names = hostNames(p)
	}
	part := []string{}
	for _, name := range names {
		digest := sha256.Sum256([]byte(name))
		if binary.BigEndian.Uint64(digest[:8])%uint64(s.count) == uint64(s.number) { //nolint:gosec // neither is negative
			part = append(part, name)
		}
	}
	return part
}

// openHosts returns the hosts that failed or are not done, by the --json lines of runs in a file.
func openHosts(file string) ([]string, error) {
	if file == "" {
		return nil, modules.WithHint(fmt.Errorf("there is no file behind @"), "`@last.json` means the hosts that the run with these --json lines has not done.")
	}
	var results report.Results
	if err := readResults(&results, file, nil); err != nil {
		return nil, err
	}
	if results.Runs == 0 {
		return nil, modules.WithHint(fmt.Errorf("%s has no run", file), "Save one: `rcprov apply PLAN --json >FILE`.")
	}
	return results.Open(), nil
}

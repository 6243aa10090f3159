// Package timezone is the module timezone: the time zone of a host.
package timezone

import _ "embed"

//go:embed args.go
var source string

// Args describe the time zone of the host. It is where the link `/etc/localtime` leads, and what `/etc/timezone` says, where a
// host has that file (new hosts with Debian 13 have none).
//
//	timezone "utc" { name = "Etc/UTC" }
//
// The zone must be in /usr/share/zoneinfo, which the package tzdata brings (names of earlier times, such as US/Eastern, the package
// tzdata-legacy). Programs that are running keep the zone that they started with: cron and the log daemon do so until they
// restart.
type Args struct {
	// The zone by its name in the database of time zones: `Europe/Berlin`. `timedatectl list-timezones` lists all.
	Name string `hcl:"name"`
}

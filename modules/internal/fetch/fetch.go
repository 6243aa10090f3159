// Package fetch is how hosts download large files: a library for the modules archive, download and their products.
//
// The host's own apt-helper(8) downloads, not the controller: nothing goes through the laptop, nothing is installed for
// it, and apt's proxies, certificates and retries apply. It runs as the user _apt, goes on where a killed run stopped,
// and is not allowed to fill the disk. Whatever it brings is used only if its SHA-256 is the wanted one.
//
// A module puts [Functions] into a shell script of its own, runs that with package job ([Progress] reads its output),
// and gives an error to [Explain].
//
// Tried with apt 2.6 (Debian 12) and 3.0 (Debian 13).
package fetch

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Functions are shell functions for a script that runs under `sh -eu`:
//
//	fail WORD...                 ends the script with a problem that Explain, or the module, understands
//	room DIR                     sets $room to the bytes that may be written below DIR; a reserve is left to others
//	download URL DIR             makes DIR/file, whatever it is; sets $left to whether it began with what was left in DIR
//	fetch URL SHA256 DIR         makes DIR/file, checked, owned by root; what is left of it in DIR is used
//	check FILE SHA256            ends the script unless FILE has this sum
//	ahead PATH STAGING DIR       begins to prepare PATH in DIR, or ends the script where that is not for now; see [Prepared]
//	adopt DIR STAGING            moves what was prepared in DIR to STAGING
//
//go:embed functions.sh
var Functions string

// Progress is for [job.Job]: it turns apt-helper's last line into what rcprov reports.
func Progress(line string) string {
	rest, ok := strings.CutPrefix(line, "dlstatus:") // dlstatus:NUMBER:PERCENT:TEXT, apt's README.progress-reporting
	if !ok {
		return strings.TrimSpace(strings.TrimPrefix(line, "Get:1 "))
	}
	fields := strings.SplitN(rest, ":", 3)
	if len(fields) != 3 {
		return ""
	}
	percent, err := strconv.ParseFloat(fields[1], 64)
	if err != nil || percent == 0 { // 0 is also what it says at the end
		return ""
	}
	text := fmt.Sprintf("downloading (%.0f %%", percent)
	if _, remaining, found := strings.Cut(fields[2], "("); found {
		text += ", " + strings.TrimSuffix(remaining, ")")
	}
	return strings.TrimSuffix(text, ")") + ")"
}

// A Problem is the reason for which a script with [Functions] gave up.
type Problem struct {
	Word string   // "checksum", "space", or a word of the module's own
	Args []string // what followed it
	Err  *modules.CommandError
}

func (p *Problem) Error() string { return p.Word + " " + strings.Join(p.Args, " ") }

func (p *Problem) Unwrap() error { return p.Err }

// Arg returns the i-th word of the problem, or "".
func (p *Problem) Arg(i int) string {
	if i >= len(p.Args) {
		return ""
	}
	return p.Args[i]
}

// Found returns the problem that a script's error is about; nil for another error.
func Found(err error) *Problem {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return nil
	}
	for line := range strings.Lines(string(failed.Result.Stderr)) {
		if rest, ok := strings.CutPrefix(line, "rcprov-problem "); ok {
			words := strings.Fields(rest)
			return &Problem{Word: words[0], Args: words[1:], Err: failed}
		}
	}
	return nil
}

// failedToFetch is apt's last word on a download: two spaces before the reason, the server's address behind it.
var failedToFetch = regexp.MustCompile(`(?m)^E: Failed to fetch \S+ +(.*?)(?: \[IP: .*\])?$`)

// Explain returns the error for people that a [Problem] in err stands for, with advice. what is the URL, or the file on the host,
// with the SHA-256 that it was to have, and dir the directory on the host that it was for. Problems that it doesn't
// know and other errors come back with advice from [modules.FileHint].
func Explain(err error, what, sha256, dir string) error {
	p := Found(err)
	if p == nil {
		return modules.FileHint(err, dir)
	}
	switch p.Word {
	case "checksum":
		return modules.WithHint(fmt.Errorf("%s has the SHA-256 %s, not %s", what, p.Arg(0), sha256),
			"It was not used, and nothing of it was kept. Compare the sum in the plan with the one that the vendor publishes for exactly this file; "+
				"when they are the same, somebody may have replaced the file.")
	case "missing":
		return modules.WithHint(fmt.Errorf("there is no file %s on the host", what), "Check the path, or make the file in an earlier step.")
	case "space":
		return NoSpace(what, p, dir)
	case "download":
		return explainDownload(p, what, dir)
	}
	return modules.FileHint(err, dir)
}

// NoSpace says that there is no room for what. The problem's words are the bytes needed (0: not known) and the bytes
// that may be written.
func NoSpace(what string, p *Problem, dir string) error {
	needed, _ := strconv.ParseInt(p.Arg(0), 10, 64) // 0 if it is no number: unknown
	available, _ := strconv.ParseInt(p.Arg(1), 10, 64)
	err := fmt.Errorf("no space for %s below %s: it needs %s, and %s can be used", what, dir, megabytes(needed), megabytes(available))
	if needed == 0 {
		err = fmt.Errorf("no space for %s below %s: %s can be used", what, dir, megabytes(available))
	}
	return modules.WithHint(err, "64 MiB are left to other programs. See `df -h %s` on the host, make room, then run the same command again.", dir)
}

func megabytes(n int64) string { return fmt.Sprintf("%d MiB", max(n, 0)>>20) }

// explainDownload says why apt-helper failed.
func explainDownload(p *Problem, what, dir string) error {
	said := string(p.Err.Result.Stderr)
	reason := "apt-helper failed"
	if m := failedToFetch.FindStringSubmatch(said); m != nil {
		reason = strings.Join(strings.Fields(m[1]), " ")
	} else if first, _, _ := strings.Cut(said, "\n"); strings.HasPrefix(first, "E: ") {
		reason = strings.TrimPrefix(first, "E: ")
	}
	err := fmt.Errorf("the host can't download %s: %s", what, reason)
	contains := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	switch {
	case contains("received signal 25", "File too large"):
		return modules.WithHint(fmt.Errorf("no space for %s below %s: the download was stopped before it filled the disk", what, dir),
			"64 MiB are left to other programs. See `df -h %s` on the host, make room, then run the same command again.", dir)
	case contains("No space left on device"):
		return modules.WithHint(err, "See `df -h %s` and `df -i %s` on the host, make room, then run the same command again.", dir, dir)
	case contains("  404 ", "  410 "):
		return modules.WithHint(err, "The server has no such file: check the version and the rest of the URL.")
	case contains("  401 ", "  403 ", "  407 "):
		return modules.WithHint(err, "The server requires a login. apt reads names and passwords from /etc/apt/auth.conf.d on the host (man apt_auth.conf).")
	case contains("No system certificates", "certificate"):
		return modules.WithHint(err, "The host doesn't trust the server's certificate: check that ca-certificates is installed there, and that its clock is right.")
	case contains("Could not resolve", "resolving", "connect to", "Connection"):
		return modules.WithHint(err, "The host itself downloads, with apt's settings: see whether it can reach the server, or needs a proxy (`Acquire::http::Proxy` in /etc/apt/apt.conf.d).")
	}
	return modules.WithHint(err, "`/usr/lib/apt/apt-helper download-file %s /tmp/x` on the host shows all of it.", what)
}

// CheckURL returns what is wrong with the address of a download, as text to follow the argument's name.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.ContainsAny(address, " \t\r\n"):
		return fmt.Errorf("must be an address that begins with https:// or http://, not %q", address)
	case u.User != nil:
		return errors.New("must not have a name or password in it: they would show in the host's process list; apt reads them from /etc/apt/auth.conf.d")
	}
	return nil
}

var validSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseSHA256 reads a sum as people write it, in any case, and returns it in lowercase.
func ParseSHA256(s string) (string, error) {
	lower := strings.ToLower(s)
	if !validSum.MatchString(lower) {
		return "", fmt.Errorf("must be a SHA-256, 64 hexadecimal digits, not %q", s)
	}
	return lower, nil
}

// JobName returns a name for the job that makes path: the same each time.
func JobName(kind, path string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, path)
	return kind + name[:min(len(name), 150)] // systemd allows 255; that two paths may share a name only makes one wait
}

package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// settle returns the target with the user and port that its address names: "user@host", "host:port", "[v6]:port" and
// "ssh://user@host:port" are what people write. A user or port that is another one than the plan's is a mistake.
func (t Target) settle() (Target, error) {
	wrong := func(format string, args ...any) (Target, error) {
		return t, modules.WithHint(fmt.Errorf("address %q: %s", t.Address, fmt.Sprintf(format, args...)),
			"The argument `address` is a host name, an IP address or a Host of ssh_config; `user` and `port` are arguments of their own.")
	}
	rest, isURL := strings.CutPrefix(t.Address, "ssh://")
	if isURL {
		var path string
		if rest, path, _ = strings.Cut(rest, "/"); path != "" {
			return wrong("it has a path")
		}
	}
	var name string
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name, rest = rest[:i], rest[i+1:]
		if name == "" || strings.Contains(name, ":") && isURL {
			return wrong("%q is not a user", name)
		}
		if isURL {
			var err error
			if name, err = userOfURL(name); err != nil {
				return wrong("%v", err)
			}
		}
	}
	host, port := rest, ""
	switch inner, after, closed := strings.Cut(strings.TrimPrefix(rest, "["), "]"); {
	case strings.HasPrefix(rest, "["):
		if !closed || after != "" && after[0] != ':' || after == ":" {
			return wrong("want [address]:port")
		}
		host, port = inner, strings.TrimPrefix(after, ":")
		if _, err := netip.ParseAddr(host); err != nil {
			return wrong("%q in brackets is not an IPv6 address", host)
		}
	case strings.Count(rest, ":") == 1:
		if host, port, _ = strings.Cut(rest, ":"); port == "" {
			return wrong("there is no port behind the colon")
		}
	case strings.Contains(rest, ":"):
		if _, err := netip.ParseAddr(rest); err != nil {
			return wrong("%q is neither an IPv6 address nor host:port", rest)
		}
	}
	switch {
	case host == "":
		return wrong("there is no host in it")
	case strings.HasPrefix(host, "-") || strings.ContainsAny(host, " \t\r\n/\\\"'`$<>|;&(){}"): // ssh.c, valid_hostname
		return wrong("%q is not a host name", host)
	}
	if name != "" {
		if t.User != "" && t.User != name {
			return wrong("its user %s conflicts with user = %q", name, t.User)
		}
		t.User = name
	}
	if !validUser(t.User) {
		return t, modules.WithHint(fmt.Errorf("user %q: ssh refuses a name with such characters", t.User),
			"The argument `user` is the name of an account, without quotes, a - at its beginning, or signs that mean something to a shell.")
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return wrong("%q is not a port", port)
		}
		if t.Port != 0 && t.Port != n {
			return wrong("its port %d conflicts with port = %d", n, t.Port)
		}
		t.Port = n
	}
	t.Address = host
	return t, nil
}

// validUser reports whether ssh takes a user's name that it is given for a host: ssh.c, valid_ruser, of OpenSSH 9.6.
func validUser(name string) bool {
	if strings.HasPrefix(name, "-") || strings.HasSuffix(name, `\`) || strings.ContainsAny(name, "'`\";&<>|(){}") {
		return false
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f || name[i] == ' ' && strings.HasPrefix(name[i+1:], "-") {
			return false
		}
	}
	return true
}

// userOfURL returns the user of "ssh://user@host", which may have parameters behind a semicolon. Source: misc.c of OpenSSH, parse_uri and
// urldecode.
func userOfURL(text string) (string, error) {
	name, _, _ := strings.Cut(text, ";")
	user, err := url.QueryUnescape(name)
	if err != nil || user == "" || strings.Contains(user, "\x00") {
		return "", fmt.Errorf("%q is not a user", text)
	}
	return user, nil
}

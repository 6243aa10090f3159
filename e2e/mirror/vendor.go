package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// vendors are the servers that plans use by default, with the versions there that tests use. An empty field means the
// module's default.
var vendors = struct {
	MongoDB
	Node
	NodeSource
	RocketChat
	servers []string
}{
	MongoDB:    MongoDB{Series: "8.0"},
	Node:       Node{Versions: []string{"22.22.3"}},
	NodeSource: NodeSource{Versions: []string{"22.21.1", "22.22.3"}},
	RocketChat: RocketChat{Versions: []string{"8.7.1", "8.8.1", "9.0.0"}},
	servers: []string{
		"https://repo.mongodb.org", "https://nodejs.org", "https://github.com", "https://deb.nodesource.com", "https://releases.rocket.chat",
		"https://keyserver.ubuntu.com", "https://dl.deno.land", "https://download.jitsi.org",
	},
}

// OptionsFromEnv returns the zero Options, or with MIRROR=vendor those for the vendors' own servers. Another value of
// MIRROR is an error.
func OptionsFromEnv() (Options, error) {
	switch word := os.Getenv("MIRROR"); word {
	case "", "lab":
		return Options{}, nil
	case "vendor":
		return Options{Vendor: true}, nil
	default:
		return Options{}, fmt.Errorf("MIRROR can be \"lab\" or \"vendor\", not %q", word)
	}
}

// reach returns an error that names the servers that don't answer within 10 s; any answer will do.
func reach(ctx context.Context, servers []string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	problems := make(chan string)
	for _, server := range servers {
		go func() { problems <- problem(ctx, server) }()
	}
	var silent []string
	for range servers {
		if p := <-problems; p != "" {
			silent = append(silent, "\n  "+p)
		}
	}
	if silent == nil {
		return nil
	}
	slices.Sort(silent)
	return fmt.Errorf("with MIRROR=vendor everything comes from the vendors' own servers, and from here %d of %d don't answer:%s\n"+
		"Run this where there is internet access, or without MIRROR: the lab's mirror then stands in for them",
		len(silent), len(servers), strings.Join(silent, ""))
}

// problem returns why a server doesn't answer; "" when it does.
func problem(ctx context.Context, server string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, server, nil)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		_ = response.Body.Close() // empty
		return ""
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return server + ": " + err.Error()
}

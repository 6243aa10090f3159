package remote

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What `ssh -G` prints of a list has no quotes: the names come from the lines of the configuration.
func TestNamesInWhatSSHPrints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config, printed string
		want            []string // nil: an error
	}{
		{"", "/root/.ssh/known_hosts /root/.ssh/known_hosts2", []string{"/root/.ssh/known_hosts", "/root/.ssh/known_hosts2"}},
		{"", "/home/a b/.ssh/known_hosts /home/a b/.ssh/known_hosts2", []string{"/home/a b/.ssh/known_hosts", "/home/a b/.ssh/known_hosts2"}},
		{"UserKnownHostsFile /a \"/b c\"", "/a /b c", []string{"/a", "/b c"}},
		{"userknownhostsfile=\"/b  c\" /a # x", "/b  c /a", []string{"/b  c", "/a"}},
		{"UserKnownHostsFile \"/b c\"", "/b c", []string{"/b c"}},
		{"UserKnownHostsFile /b\\ c '/d \"e'", "/b c /d \"e", []string{"/b c", "/d \"e"}},
		{"UserKnownHostsFile ~/a %d/b%% ${HOME}/c ~me/d", "/r/a /r/b% /r/c /home/me/d", []string{"/r/a", "/r/b%", "/r/c", "/home/me/d"}},
		{"Host x\n UserKnownHostsFile /a \"/b c\"\nHost y\n UserKnownHostsFile /d", "/a /b c", []string{"/a", "/b c"}},
		{"Host x\n UserKnownHostsFile \"/a /b\"\nHost y\n UserKnownHostsFile /a /b", "/a /b", nil},
		{"", "/a /b", []string{"/a", "/b"}}, // from a file that rcprov doesn't find
		{"", "/a b", nil},
		{"", "none", []string{"none"}},
	} {
		r := &resolver{
			settled: true, home: "/r", files: []configFile{{path: "config", content: []byte(c.config)}},
			config: func(string) ([]string, error) { return []string{c.printed}, nil },
		}
		got := r.words("UserKnownHostsFile")
		if diff := cmp.Diff(c.want, got); diff != "" || (r.err == nil) != (c.want != nil) {
			t.Errorf("%s\nprinted as %s: %v\n%s", c.config, c.printed, r.err, diff)
		}
		if r.err != nil && !strings.Contains(r.err.Error(), "where its names end is not clear") {
			t.Error(r.err)
		}
	}
}

func TestSplitArguments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": nil, "a b\tc": {"a", "b", "c"}, `"a b" 'c "d'`: {"a b", `c "d`}, `a\ b\"c \x`: {"a b\"c", `\x`}, `x"y z"w`: {"xy zw"}, `""`: {""},
		"a #b c": {"a"}, "a#b": {"a#b"}, `"a`: nil, `'a\'`: nil,
	} {
		got, err := splitArguments(text, true)
		if !slices.Equal(got, want) || (err != nil) != (strings.HasPrefix(text, `"a`) && len(text) == 2 || strings.HasPrefix(text, "'")) {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
}

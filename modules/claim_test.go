package modules_test

import (
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

func TestConflicts(t *testing.T) {
	t.Parallel()
	has := func(line string) modules.Portion {
		return func(content string) string {
			if strings.Contains(content, line) {
				return content
			}
			return content + line
		}
	}
	lacks := func(line string) modules.Portion {
		return func(content string) string { return strings.ReplaceAll(content, line, "") }
	}
	file := modules.PathClaim("/srv/x", modules.AFile)
	for name, c := range map[string]struct {
		a, b modules.Claim
		want bool
	}{
		"one mode":                   {file.With("mode", "0644"), file.With("mode", "0644"), false},
		"two modes":                  {file.With("mode", "0644"), file.With("mode", "0600"), true},
		"two properties":             {file.With("mode", "0644"), file.With("owner", "0600"), false},
		"two paths":                  {file.With("mode", "0644"), modules.PathClaim("/srv/y", modules.AFile).With("mode", "0600"), false},
		"one content":                {file.Hidden("content", modules.Content("a")), file.Hidden("content", modules.Content("a")), false},
		"two contents":               {file.Hidden("content", modules.Content("a")), file.Hidden("content", modules.Content("b")), true},
		"a content with the line":    {file.Hidden("content", modules.Content("ab")), file.Hidden("content", has("b")), false},
		"a content without the line": {file.Hidden("content", modules.Content("a")), file.Hidden("content", has("b")), true},
		"two lines":                  {file.Hidden("content", has("a")), file.Hidden("content", has("b")), false},
		"a line and its absence":     {file.Hidden("content", has("a")), file.Hidden("content", lacks("a")), true},
		"a line and another absence": {file.Hidden("content", has("a")), file.Hidden("content", lacks("b")), false},
		"two kinds of values":        {file.With("content", "a"), file.Hidden("content", modules.Content("a")), true},
		"words in another order":     {file.Hidden("names", modules.Words{"a", "b"}), file.Hidden("names", modules.Words{"b", "a"}), false},
		"other words":                {file.Hidden("names", modules.Words{"a", "b"}), file.Hidden("names", modules.Words{"a"}), true},
		"below what is absent":       {file, modules.PathClaim("/srv", modules.Absent), true},
		"below a file":               {file, modules.PathClaim("/srv", modules.AFile), true},
		"below a directory":          {file, modules.PathClaim("/srv", modules.ADirectory), false},
		"below a link":               {file, modules.PathClaim("/srv", modules.ALink), false},
		"absent below what is":       {modules.PathClaim("/srv/x", modules.Absent), modules.PathClaim("/srv", modules.Absent), false},
		"beside, with one beginning": {modules.PathClaim("/srvx", modules.AFile), modules.PathClaim("/srv", modules.Absent), false},
	} {
		if got := c.a.Conflicts(c.b); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
		if got := c.b.Conflicts(c.a); got != c.want {
			t.Errorf("%s, the other way round: %t, want %t", name, got, c.want)
		}
	}
}

func TestIsBelow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, dir string
		want      bool
	}{{"/a/b", "/a", true}, {"/a", "/a", false}, {"/ab", "/a", false}, {"/a", "/", true}, {"/", "/", false}, {"/a/b/c", "/a", true}} {
		if got := modules.IsBelow(c.path, c.dir); got != c.want {
			t.Errorf("IsBelow(%q, %q) = %t", c.path, c.dir, got)
		}
	}
}

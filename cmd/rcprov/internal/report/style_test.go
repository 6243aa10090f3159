package report

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// TestOverall: a change as a whole is called what its edits are, where they agree: in a plan, where some have a condition, as in apply.
func TestOverall(t *testing.T) {
	var (
		create    = modules.Edit{Action: modules.Create, Subject: "/a"}
		field     = modules.Edit{Action: modules.Update, Subject: "/a", Field: "mode"}
		remove    = modules.Edit{Action: modules.Remove, Subject: "/b"}
		reload    = modules.Edit{Action: modules.Run, Subject: "reload"}
		maybe     = func(e modules.Edit) modules.Edit { e.If = "x brings it"; return e }
		of        = func(edits ...modules.Edit) modules.Action { return overall(modules.Change{Edits: edits}) }
		different = map[string]struct{ got, want modules.Action }{
			"created":                            {of(create), modules.Create},
			"created, and a reload":              {of(create, reload), modules.Create},
			"created, and perhaps a reload":      {of(create, maybe(reload)), modules.Create},
			"created, and another removed":       {of(create, remove), modules.Update},
			"created, and perhaps another one":   {of(create, maybe(remove)), modules.Update},
			"removed":                            {of(remove), modules.Remove},
			"a field":                            {of(field), modules.Update},
			"a reload":                           {of(reload), modules.Run},
			"perhaps created, perhaps reloaded":  {of(maybe(create), maybe(reload)), modules.Create},
			"a field, and what runs after it":    {of(field, reload), modules.Update},
			"two that run":                       {of(reload, reload), modules.Run},
			"created, with a field of its own":   {of(create, field), modules.Update},
			"removed, and a reload that follows": {of(remove, reload), modules.Remove},
		}
	)
	for name, c := range different {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
}

package nginx

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"text/template"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// Module is the module nginx.
func Module() modules.Module { return modules.Product("nginx", source, New) }

const (
	// Unit is nginx's systemd unit.
	Unit = "nginx.service"

	// Dir is the directory for sites: the packages of Debian, Ubuntu and nginx.org all read conf.d, and a site is one file
	// there, while sites-available needs a link as well.
	Dir = "/etc/nginx/conf.d"

	defaultSite = "/etc/nginx/sites-enabled/default"
	mainFile    = Dir + "/rcprov.conf"
	packageFile = "/etc/nginx/nginx.conf" // it is the package's, and its administrator's
)

// New makes the steps of an nginx block.
func New(args Args, env modules.Env) ([]modules.Part, Outputs, error) {
	outputs := Outputs{Service: Unit}
	if err := CheckWord(args.Webroot); err != nil {
		return nil, outputs, modules.Argf("webroot", "%w", err)
	}
	if err := modules.CheckPath(args.Webroot); err != nil {
		return nil, outputs, modules.Argf("webroot", "%w", err)
	}
	text, err := Render(env.Templates, "rcprov.conf", args)
	if err != nil {
		return nil, outputs, err
	}
	b := &product.Builder{Env: env}
	b.Add("broken-sites", &Aside{}) // the package's script fails where nginx does not start
	product.Add(b, "package", aptpackage.New, aptpackage.Args{Packages: []string{"nginx"}})
	b.Add("webroot", &directory.Step{Path: args.Webroot, Mode: 0o755, Owner: "root", Group: "root"})
	b.Add("configuration", &Configuration{Main: true, Files: []*file.Step{
		{Path: mainFile, Content: []byte(text), Mode: 0o644, Owner: "root", Group: "root"},
		{Path: defaultSite, Absent: true},
	}})
	b.Add("service", Service(mainFile))
	free := preflight.Port{Number: 80, Unit: Unit}
	b.Require("configuration", free)
	b.Require("service", free)
	parts, err := b.Parts()
	return parts, outputs, err
}

// Render fills in the template nginx/NAME.tmpl of the binary.
func Render(templates fs.FS, name string, values any) (string, error) {
	path := "nginx/" + name + ".tmpl"
	t, err := template.ParseFS(templates, path)
	if err != nil {
		return "", fmt.Errorf("template %s: %w", path, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return "", fmt.Errorf("template %s: %w", path, err)
	}
	return b.String(), nil
}

// special are the characters with a meaning in nginx's configuration language.
var special = regexp.MustCompile(`[\s;{}"'\\$#]`)

// CheckWord returns an error if text can't be used in nginx's configuration without quotes; its text reads on after the
// argument's name.
func CheckWord(text string) error {
	if found := special.FindString(text); found != "" || text == "" {
		return fmt.Errorf("can't be used in nginx's configuration: %q (it must be one word without %s)", text, "; { } \" ' \\ $ #")
	}
	return nil
}

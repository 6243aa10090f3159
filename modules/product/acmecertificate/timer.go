package acmecertificate

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed renew.sh
var renewScript string

// timerParts are the steps by which the host renews the certificate by itself.
func timerParts(args Args, issue *Issue, env modules.Env) ([]modules.Part, error) {
	b := &product.Builder{Env: env}
	product.Add(b, "lego", aptpackage.New, aptpackage.Args{Packages: []string{"lego", "openssl", "curl"}})
	name := timerName(args)
	roots := ""
	if issue.Roots != nil {
		roots = legoDir + "/ca/" + fileName(args.Names[0]) + ".pem"
		b.Add("ca-directory", &directory.Step{Path: legoDir + "/ca", Mode: 0o755, Owner: "root", Group: "root"})
		b.Add("ca", &file.Step{Path: roots, Content: issue.Roots, Mode: 0o644, Owner: "root", Group: "root"})
	}
	yes := true
	service, timer := ownUnit(name+".service", serviceText(args)), ownUnit(name+".timer", timerText(args))
	timer.Enabled, timer.Running = &yes, &yes
	b.Add("renew-script", &file.Step{
		Path: scriptPath(args), Content: []byte(scriptText(args, issue, roots, env)), Mode: 0o755, Owner: "root", Group: "root",
	})
	b.Add("renew", service)
	b.Add("timer", timer)
	return b.Parts()
}

// noTimerParts are the steps that remove the units and the script of timerParts. The packages and lego's files stay.
func noTimerParts(args Args) []modules.Part {
	service, timer := ownUnit(timerName(args)+".service", ""), ownUnit(timerName(args)+".timer", "")
	service.Absent, timer.Absent = true, true
	return []modules.Part{
		{Name: "no-timer", Step: timer},
		{Name: "no-renew", Step: service},
		{Name: "no-renew-script", Step: &file.Step{Path: scriptPath(args), Absent: true}},
	}
}

func timerName(args Args) string { return "rcprov-renew-" + fileName(args.Names[0]) }

// scriptPath is the script that the service runs; so can people.
func scriptPath(args Args) string { return "/usr/local/sbin/" + timerName(args) }

func ownUnit(name, text string) *systemdunit.Step {
	return &systemdunit.Step{Name: name, Files: []systemdunit.File{{Path: "/etc/systemd/system/" + name, Field: "content", Text: text}}}
}

func timerText(args Args) string {
	return fmt.Sprintf(`[Unit]
Description=Look twice a day whether the certificate for %s is to be renewed

[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=6h
Persistent=true

[Install]
WantedBy=timers.target
`, args.Names[0])
}

// scriptText is a script that runs the distribution's lego: 4.9 in Debian 12 and 13. Since 4.8 lego sleeps up to eight minutes
// before it renews, unless a flag tells it not to; the older one of Ubuntu 22.04 doesn't know that flag. lego's own --days is a
// fixed number, and lifetimes shrink: the script decides. It also reloads the units, where lego's hook would do so only once.
func scriptText(args Args, issue *Issue, roots string, env modules.Env) string {
	words := []string{
		"/usr/bin/lego", "--accept-tos", "--path", legoDir, "--server", issue.Directory, "--email", issue.Email,
		"--key-type", strings.TrimSpace(keyTypeName(issue.KeyType)),
	}
	for _, name := range issue.Names {
		words = append(words, "--domains", name)
	}
	words = append(words, "--http", "--http.webroot", issue.Webroot, "renew", "--days", "36500")
	if env.Facts == nil || env.Facts.OS.ID != "ubuntu" || env.Facts.OS.Version != "22.04" {
		words = append(words, "--no-random-sleep")
	}
	if issue.ReuseKey {
		words = append(words, "--reuse-key")
	}
	if issue.PreferredChain != "" {
		words = append(words, "--preferred-chain", issue.PreferredChain)
	}
	units, served := args.Reload, args.ServedAt
	if len(units) == 0 {
		units = []string{nginxUnit}
	}
	if served == nil && slices.Contains(units, nginxUnit) {
		served = []string{"127.0.0.1:443"}
	}
	return "#!/bin/sh\n# Written by rcprov; changes made here are undone.\n" + shell.Script(renewScript, shell.Vars{
		"certificate": issue.Certificate, "names": strings.Join(issue.Names, " "), "lego": shell.QuoteAll(words), "roots": roots,
		"directory": issue.Directory, "renewal": issue.timerCache(),
		"units": strings.Join(units, " "), "served": strings.Join(served, " "), "stamp": "/var/lib/rcprov/served/" + fileName(args.Names[0]),
	})
}

const nginxUnit = "nginx.service"

// serviceText is the unit of the script.
func serviceText(args Args) string {
	return fmt.Sprintf(`[Unit]
Description=Renew the certificate for %s, and see that it is served
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=%s
`, args.Names[0], scriptPath(args))
}

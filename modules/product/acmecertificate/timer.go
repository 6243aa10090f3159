package acmecertificate

import (
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// due is a shell command that succeeds when no more than a third of a certificate's lifetime remains; `%` is doubled for
// systemd.unit(5). lego's own --days is a fixed number, and lifetimes shrink.
const due = `at() { date -d "$(openssl x509 -noout -$1 -in %s | cut -d= -f2)" +%%%%s; }; ` +
	`end=$(at enddate) start=$(at startdate) && [ $(( (end - $(date +%%%%s)) * 3 )) -le $((end - start)) ]`

// timerParts are the steps by which the host renews the certificate by itself.
func timerParts(args Args, issue *Issue, env modules.Env) ([]modules.Part, error) {
	b := &product.Builder{Env: env}
	product.Add(b, "lego", aptpackage.New, aptpackage.Args{Packages: []string{"lego", "openssl"}})
	name := timerName(args)
	roots := ""
	if issue.Roots != nil {
		roots = legoDir + "/ca/" + fileName(args.Names[0]) + ".pem"
		b.Add("ca-directory", &directory.Step{Path: legoDir + "/ca", Mode: 0o755, Owner: "root", Group: "root"})
		b.Add("ca", &file.Step{Path: roots, Content: issue.Roots, Mode: 0o644, Owner: "root", Group: "root"})
	}
	yes := true
	service, timer := ownUnit(name+".service", serviceText(args, issue, roots, env)), ownUnit(name+".timer", timerText(args))
	timer.Enabled, timer.Running = &yes, &yes
	b.Add("renew", service)
	b.Add("timer", timer)
	return b.Parts()
}

// noTimerParts are the steps that remove the units of timerParts. The packages and lego's files stay.
func noTimerParts(args Args) []modules.Part {
	service, timer := ownUnit(timerName(args)+".service", ""), ownUnit(timerName(args)+".timer", "")
	service.Absent, timer.Absent = true, true
	return []modules.Part{{Name: "no-timer", Step: timer}, {Name: "no-renew", Step: service}}
}

func timerName(args Args) string { return "rcprov-renew-" + fileName(args.Names[0]) }

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

// serviceText is a unit that runs the distribution's lego: 4.9 in Debian 12 and 13. Since 4.8 lego sleeps up to eight minutes
// before it renews, unless a flag tells it not to; the older one of Ubuntu 22.04 doesn't know that flag.
func serviceText(args Args, issue *Issue, roots string, env modules.Env) string {
	reload := args.Reload
	if len(reload) == 0 {
		reload = []string{"nginx.service"}
	}
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
	if issue.PreferredChain != "" {
		words = append(words, "--preferred-chain", issue.PreferredChain)
	}
	words = append(words, "--renew-hook", "systemctl try-reload-or-restart "+strings.Join(reload, " "))
	for i, word := range words {
		words[i] = quoteUnit(word)
	}
	text := fmt.Sprintf("[Unit]\nDescription=Renew the certificate for %s\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\n", args.Names[0])
	if roots != "" {
		text += "Environment=LEGO_CA_CERTIFICATES=" + roots + "\n"
	}
	text += "ExecCondition=/bin/sh -c '" + strings.ReplaceAll(fmt.Sprintf(due, issue.Certificate), "$", "$$") + "'\n"
	return text + "ExecStart=" + strings.Join(words, " ") + "\n"
}

// quoteUnit writes a word as a command line of systemd.service(5) wants it.
func quoteUnit(word string) string {
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(word)
	if strings.ContainsAny(word, " \t'\"") {
		return `"` + word + `"`
	}
	return word
}

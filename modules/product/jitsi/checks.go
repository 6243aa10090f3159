package jitsi

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/product"
	"github.com/rcprov/rcprov/modules/primitive/httpcheck"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/modules/shell"
)

// checks adds the checks of what a person needs: the page, a login, and a focus that has a bridge.
func (b *builder) checks() {
	b.check("bridge", "", httpcheck.Args{URL: "http://127.0.0.1:8080/about/health", Deadline: "2m"}, bridgeLog)
	// The focus is healthy when it and a bridge are logged in, and it can make a conference.
	b.check("focus", "", httpcheck.Args{URL: "http://127.0.0.1:8888/about/health", Deadline: "3m"}, focusLog, bridgeLog)
	// The part served has checked the certificate.
	b.check("page", nginx.Unit, httpcheck.Args{
		URL: "https://" + b.args.Domain + "/", ConnectTo: nginxAddress, Insecure: true, Deadline: "30s",
	}, nginxLog)
	b.check("page-domain", nginx.Unit, httpcheck.Args{
		URL: "https://" + b.args.Domain + "/config.js", ConnectTo: nginxAddress, Insecure: true, Deadline: "30s",
		BodyContains: "domain: '" + b.args.Domain + "'",
	}, nginxLog)
	b.Add("login", &Login{Visitor: visitor{Domain: b.args.Domain, AppID: b.args.TokenAppID, Secret: b.args.TokenSecret}})
}

// The logs of the programs.
const (
	bridgeLog  = "/var/log/jitsi/jvb.log"
	focusLog   = "/var/log/jitsi/jicofo.log"
	prosodyLog = "/var/log/prosody/prosody.log"
	nginxLog   = "/var/log/nginx/error.log"
)

// check adds a request that must be answered as wanted, by a unit alone, or by several that depend on each other: "".
func (b *builder) check(part, unit string, args httpcheck.Args, logs ...string) {
	args.Interval = "1s"
	request := product.Make(b.Builder, part, httpcheck.New, args).(*httpcheck.Step)
	request.Request.Unit = unit
	b.Add(part, &Answered{Step: request, Logs: logs})
}

// Answered is a request that must be answered as wanted, and the logs that say why it is not.
type Answered struct {
	modules.Step
	Logs []string // paths
}

// Apply implements [modules.Step].
func (s *Answered) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	return withLogs(ctx, h, s.Step.Apply(ctx, h, c), s.Logs...)
}

//go:embed logs.sh
var logScript string

// withLogs adds the last errors and warnings in logs to an error.
func withLogs(ctx context.Context, h modules.Host, err error, logs ...string) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	output, readErr := h.Run(ctx, modules.Command{Script: shell.Script(logScript, shell.Vars{"logs": shell.QuoteAll(logs)})})
	lines := strings.TrimSpace(string(output.Stdout))
	if readErr != nil || lines == "" {
		return modules.WithHint(err, "`tail %s` on the host may show why.", strings.Join(logs, " "))
	}
	return modules.WithHint(fmt.Errorf("%w\n  %s", err, strings.ReplaceAll(lines, "\n", "\n  ")), "The logs on the host say more.")
}

package acmecertificate

import (
	"context"
	_ "embed"
	"net"
	"strings"
	"sync"

	"github.com/go-acme/lego/v4/challenge/http01"
	"github.com/go-acme/lego/v4/lego"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// setChallenge tells client how to answer the CA's challenges.
func (i *Issue) setChallenge(ctx context.Context, h modules.Host, client *lego.Client) error {
	if i.Challenge == "dns-01" {
		return i.setDNS(client)
	}
	return client.Challenge.SetHTTP01Provider(&webroot{ctx: ctx, h: h, dir: i.Webroot})
}

// webroot answers HTTP-01 challenges with files that the host's web server serves. It implements challenge.Provider,
// whose methods take no context.
type webroot struct {
	ctx context.Context
	h   modules.Host
	dir string

	once  sync.Once
	swept error
}

// Present writes the answer to a challenge.
func (w *webroot) Present(domain, token, answer string) error {
	modules.Progress(w.ctx, "the CA validates %s", domain)
	_, account, _ := strings.Cut(answer, ".") // TOKEN.THUMBPRINT (RFC 8555, section 8.1)
	if w.once.Do(func() { w.swept = w.sweep(account) }); w.swept != nil {
		return w.swept
	}
	return w.put(http01.ChallengePath(token), answer)
}

// CleanUp removes the answer.
func (w *webroot) CleanUp(_, token, _ string) error {
	return w.remove(http01.ChallengePath(token))
}

// put writes a file that everybody may read, and directories that a web server may enter.
func (w *webroot) put(path, content string) error {
	const script = `
umask 022
mkdir -p -- "$(dirname -- "$1")"
cat >"$1"
`
	_, err := w.h.Run(w.ctx, modules.Command{Argv: []string{"sh", "-euc", script, "webroot", w.dir + path}, Stdin: []byte(content)})
	return modules.FileHint(err, w.dir+path)
}

//go:embed sweep.sh
var sweepScript string

// sweep removes what killed runs left behind: files of the self-check, and answers for the account with a thumbprint.
func (w *webroot) sweep(thumbprint string) error {
	dir := w.dir + strings.TrimSuffix(http01.PathPrefix, "/")
	_, err := w.h.Run(w.ctx, modules.Command{Script: shell.Script(sweepScript, shell.Vars{"dir": dir, "thumbprint": thumbprint})})
	return err
}

// remove removes a file and the directories that become empty, but not the webroot; it does so even if the run is being
// stopped.
func (w *webroot) remove(path string) error {
	const script = `
rm -f -- "$1$2"
cd -- "$1" && rmdir -p --ignore-fail-on-non-empty -- "$(dirname -- ".$2")" 2>/dev/null || true
`
	_, err := w.h.Run(context.WithoutCancel(w.ctx), modules.Command{Argv: []string{"sh", "-euc", script, "webroot", w.dir, path}})
	return err
}

// nameservers adds port 53 to servers without a port.
func nameservers(servers []string) (addresses []string) {
	for _, server := range servers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			server = net.JoinHostPort(server, "53")
		}
		addresses = append(addresses, server)
	}
	return addresses
}

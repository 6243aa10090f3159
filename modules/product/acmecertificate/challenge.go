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
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/shell"
)

// setChallenge tells client how to answer the CA's challenges.
func (i *Issue) setChallenge(ctx context.Context, h modules.Host, client *lego.Client) error {
	if i.Challenge == "dns-01" {
		return i.setDNS(ctx, client)
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
	const script = `door "$path" yes "$putter"`
	const putter = `
trap 'rm -f -- "$new"' EXIT
rm -f -- "$new"
dd of="$new" bs=64k conv=excl status=none
chmod 0644 -- "$new"
mv -fT -- "$new" "$to"
trap - EXIT
`
	path = w.dir + path
	_, err := w.h.Run(w.ctx, modules.Command{
		Script: hostfile.Script(script, shell.Vars{"path": path}, shell.Vars{"putter": putter}), Stdin: []byte(content),
	})
	return modules.FileHint(modules.DoorError(err, path), path)
}

//go:embed sweep.sh
var sweepScript string

// sweep removes what killed runs left behind: files of the self-check, and answers for the account with a thumbprint.
func (w *webroot) sweep(thumbprint string) error {
	dir := w.dir + strings.TrimSuffix(http01.PathPrefix, "/")
	const script = `
[ -d "$dir" ] || exit 0
export thumbprint
door "$dir/any" no "$sweeper" plain
`
	_, err := w.h.Run(w.ctx, modules.Command{
		Script: hostfile.Script(script, shell.Vars{"dir": dir, "thumbprint": thumbprint}, shell.Vars{"sweeper": sweepScript}),
	})
	return modules.DoorError(err, dir)
}

// remove removes a file and the directories that become empty, but not the webroot; it does so even if the run is being
// stopped.
func (w *webroot) remove(path string) error {
	const script = `
[ -e "$dir$path" ] || exit 0
export path
door "$dir$path" no "$remover" plain
`
	const remover = `
rm -f -- "$to"
below=${path%/*}
while [ -n "$below" ] && cd -P .. && rmdir -- "./${below##*/}" 2>/dev/null; do below=${below%/*}; done
`
	_, err := w.h.Run(context.WithoutCancel(w.ctx), modules.Command{
		Script: hostfile.Script(script, shell.Vars{"dir": w.dir, "path": path}, shell.Vars{"remover": remover}),
	})
	return modules.DoorError(err, w.dir+path)
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

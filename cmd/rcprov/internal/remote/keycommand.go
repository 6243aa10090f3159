package remote

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"github.com/rcprov/rcprov/modules"
)

// A keyCommand is KnownHostsCommand of ssh_config: a program that prints lines of known_hosts.
type keyCommand struct {
	argv   []string        // with its tokens
	tokens map[byte]string // those that don't depend on the call
}

// commandName stands for the file in the place of a line that a KnownHostsCommand printed.
const commandName = "KnownHostsCommand"

// lines runs the command and returns what it printed. Without a key it is called to order the kinds of host keys. As for ssh, a command
// that fails ends the connection. Source: ssh_config(5) and sshconnect.c, load_hostkeys_command, of OpenSSH 10.0.
func (k *keyCommand) lines(ctx context.Context, knownAs string, key ssh.PublicKey, limit time.Duration) (string, error) {
	if k == nil {
		return "", nil
	}
	tokens := map[byte]string{'H': xknownhosts.Normalize(knownAs), 'I': "ORDER", 'K': "NONE", 't': "NONE", 'f': "NONE"}
	if key != nil {
		tokens['I'], tokens['t'], tokens['f'] = "HOSTNAME", key.Type(), ssh.FingerprintSHA256(plainKey(key))
		tokens['K'] = base64.StdEncoding.EncodeToString(key.Marshal())
	}
	maps.Copy(tokens, k.tokens)
	argv := slices.Clone(k.argv)
	for i, word := range argv[1:] {
		expanded, err := expand(word, tokens, true)
		if err != nil {
			return "", fmt.Errorf("ssh_config: KnownHostsCommand: %w", err)
		}
		argv[i+1] = expanded
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	var output, errput bytes.Buffer
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Stdout, command.Stderr = &output, &errput
	command.WaitDelay = time.Second // a child of its may hold the output open
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && errput.Len() > 0:
		err = fmt.Errorf("%w: %s", err, modules.LastLine(errput.Bytes()))
	}
	if err != nil {
		return "", modules.WithHint(fmt.Errorf("KnownHostsCommand `%s`: %w; without it no host key can be accepted", strings.Join(argv, " "), err),
			"Run it by hand, or remove KnownHostsCommand from ssh_config.")
	}
	return output.String(), nil
}

// Package reach says for people why a connection that a host was to make for rcprov, through its sshd, came to nothing.
package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// Forbidden returns an error if err says that sshd makes no connections for this login, which tells nothing about the server.
func Forbidden(err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) && (refused.Reason == ssh.Prohibited || refused.Reason == ssh.UnknownChannelType) {
		return modules.WithHint(fmt.Errorf("the host's sshd refuses TCP forwarding: %w", refused),
			"Allow it for this login (sshd_config: AllowTcpForwarding, PermitOpen, DisableForwarding; or the key's options), or ask with from = \"controller\".")
	}
	return nil
}

// Why returns why there was no connection or no answer, in a few words; limit is how long it was waited for.
func Why(err error, limit time.Duration) string {
	var closed *ssh.OpenChannelError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", modules.Span(limit))
	case errors.As(err, &closed):
		return strings.ToLower(closed.Message) // the host's own words: "Connection refused"
	}
	return modules.Network(err).Error()
}

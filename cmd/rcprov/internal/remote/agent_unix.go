//go:build !windows

package remote

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
)

// defaultAgent returns the agent's socket if SSH_AUTH_SOCK is not set.
const defaultAgent = ""

func dialAgent(ctx context.Context, path string) (io.ReadWriteCloser, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

// checkPrivate rejects a private key that others can read, as ssh does (authfile.c, sshkey_perm_ok).
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s: its mode %04o lets others read it; `chmod 600 %s`", path, info.Mode().Perm(), path)
	}
	return nil
}

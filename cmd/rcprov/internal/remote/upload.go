package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/pkg/sftp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// sftpSession is an SFTP connection as root.
type sftpSession struct {
	*sftp.Client
	process *process
}

// findServer runs the host's sftp-server, which distributions keep in different places, with a mask that keeps new
// files from others. The mark tells where its output begins.
const findServer = `umask 077; echo; echo %[1]s; for s in /usr/lib/openssh/sftp-server /usr/lib/ssh/sftp-server ` +
	`/usr/libexec/openssh/sftp-server /usr/libexec/sftp-server; do [ -x "$s" ] && exec "$s"; done; ` +
	`echo "there is no sftp-server" >&2; exit 127`

// Upload writes content to the new file path with mode 0600, owned by root, and syncs it. When it fails, the file is
// removed again.
func (c *Conn) Upload(ctx context.Context, path string, content io.Reader) error {
	session, err := c.sftp(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- session.put(path, content) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		c.dropSFTP(session)
		<-done
		return context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	if lost := c.via.lost(); lost != nil {
		return c.lostError(lost)
	}
	return fmt.Errorf("upload %s: %w", path, c.explainUpload(ctx, path, err))
}

// sftp returns the connection's SFTP session, and starts it when there is none.
func (c *Conn) sftp(ctx context.Context) (*sftpSession, error) {
	release, err := acquire(ctx, c.uploading)
	if err != nil {
		return nil, err
	}
	defer release()
	if c.files != nil {
		return c.files, nil
	}
	mark := newMark()
	p, err := c.startRoot(ctx, "sh -c "+observe.Quote(fmt.Sprintf(findServer, mark)))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	if _, err := skipTo(p.stdout, mark); err != nil {
		said, _ := io.ReadAll(p.stderr)
		return nil, c.explainEnd(p, said, errors.New("SFTP did not start"))
	}
	client, err := sftp.NewClientPipe(p.stdout, p.stdin, sftp.UseConcurrentWrites(true))
	if err != nil {
		p.kill()
		said, _ := io.ReadAll(p.stderr)
		return nil, c.explainEnd(p, said, err)
	}
	go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
	c.files = &sftpSession{client, p}
	return c.files, nil
}

// dropSFTP ends a session that is of no use any more.
func (c *Conn) dropSFTP(session *sftpSession) {
	session.process.kill()
	c.uploading <- struct{}{}
	if c.files == session {
		c.files = nil
	}
	<-c.uploading
}

// put writes one file.
func (s *sftpSession) put(path string, content io.Reader) error {
	f, err := s.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	// A reader of unknown length would be written one packet after another.
	_, err = f.ReadFrom(&io.LimitedReader{R: content, N: math.MaxInt64})
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = s.Remove(path) // best effort: the error says that the upload failed
	}
	return err
}

// explainUpload finds out what SFTP's bare "failure" means.
func (c *Conn) explainUpload(ctx context.Context, path string, err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	_, stderr, askErr := c.Ask(ctx, "( set -C; umask 077; p="+observe.Quote(path)+"\n"+
		`[ ! -e "$p" ] || { echo "File exists" >&2; exit; }; `+
		`{ head -c 65536 /dev/zero >"$p"; } && rm -f -- "$p" )`)
	if askErr != nil || len(stderr) == 0 {
		return err
	}
	return errors.New(modules.LastLine(stderr))
}

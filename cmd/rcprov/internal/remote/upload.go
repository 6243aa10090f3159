package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"

	"github.com/pkg/sftp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/shell"
)

// Upload writes content to the new file path with mode 0600, owned by root, and syncs it. When it fails, the file is
// removed again, if the connection allows. Errors are [*fs.PathError]; they wrap fs.ErrExist, fs.ErrNotExist,
// fs.ErrPermission, syscall.ENOSPC or syscall.EROFS if that is the reason.
//
// It uses SFTP; without an sftp-server, and on the local machine, `cat` in a root shell.
func (c *Conn) Upload(ctx context.Context, path string, content io.Reader) error {
	var session *sftpSession
	err := c.asRoot(ctx, func() (err error) {
		session, err = c.sftp(ctx)
		return err
	})
	if errors.Is(err, errNoServer) {
		return c.uploadByShell(ctx, path, content)
	}
	if err != nil {
		return err
	}
	type result struct {
		created bool
		err     error
	}
	done := make(chan result, 1)
	go func() {
		created, err := session.put(path, content)
		done <- result{created, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		c.dropSFTP(session)
		return context.Cause(ctx)
	}
	if r.err == nil {
		return nil
	}
	if lost := c.via.lost(); lost != nil {
		return c.lostError(lost)
	}
	err = c.explainUpload(ctx, path, r.created, r.err)
	if r.created {
		_ = session.Remove(path) // best effort: the error says that the upload failed
	}
	return &fs.PathError{Op: "upload", Path: path, Err: err}
}

// sftpSession is an SFTP connection as root.
type sftpSession struct {
	*sftp.Client
	process *process
}

// findServer runs the host's sftp-server, which distributions install in different places, with a mask that makes new files
// private. Its output starts after the mark.
const findServer = `umask 077; echo; echo %[1]s; for s in /usr/lib/openssh/sftp-server /usr/lib/ssh/sftp-server ` +
	`/usr/libexec/openssh/sftp-server /usr/libexec/sftp-server; do [ -x "$s" ] && exec "$s"; done; exit 127`

// errNoServer is the error of a host without sftp-server.
var errNoServer = errors.New("there is no sftp-server")

// sftp returns the connection's SFTP session, and starts it if there is none.
func (c *Conn) sftp(ctx context.Context) (*sftpSession, error) {
	release, err := acquire(ctx, c.uploading)
	if err != nil {
		return nil, err
	}
	defer release()
	if c.files != nil {
		return c.files, nil
	}
	if c.noServer {
		return nil, errNoServer
	}
	mark := newMark()
	// The script is the shell's input, as in startShell: some wrappers take no quotes. What follows waits for the mark.
	p, err := c.startRoot(ctx, "sh -s")
	if err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(p.stdin, findServer+"\n", mark) // an error shows as an end of the output, too
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	began := false
	client, err := func() (*sftp.Client, error) {
		if _, err := skipTo(p.stdout, mark); err != nil {
			return nil, err
		}
		began = true
		return sftp.NewClientPipe(p.stdout, p.stdin, sftp.UseConcurrentWrites(true))
	}()
	if err == nil {
		go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
		c.files = &sftpSession{client, p}
		return c.files, nil
	}
	var said tail
	_, _ = io.Copy(&said, p.stderr)
	<-p.ended
	output := said.bytes()
	if began && p.err == nil && p.status == 127 {
		c.noServer = true
		return nil, errNoServer
	}
	return nil, c.explainEnd(p, output, fmt.Errorf("SFTP did not start: %w", err))
}

// dropSFTP ends a session that is no longer usable.
func (c *Conn) dropSFTP(session *sftpSession) {
	session.process.kill()
	c.uploading <- struct{}{}
	if c.files == session {
		c.files = nil
	}
	<-c.uploading
}

// put writes one file. created means that it exists afterwards, complete or not.
func (s *sftpSession) put(path string, content io.Reader) (created bool, err error) {
	f, err := s.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return false, err
	}
	// A reader of unknown length would be written one packet after another.
	_, err = f.ReadFrom(&io.LimitedReader{R: content, N: math.MaxInt64})
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return true, err
}

// explainUpload finds out what SFTP's plain "failure" means, by making the shell fail in the same way.
func (c *Conn) explainUpload(ctx context.Context, path string, created bool, err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	try := `set -C; : >"$p" && rm -f -- "$p"`
	if created {
		try = `head -c 65536 /dev/zero >>"$p"`
	}
	_, stderr, askErr := c.Ask(ctx, "( p="+shell.Quote(path)+"; "+try+" )")
	if askErr != nil || len(stderr) == 0 {
		return err
	}
	return fileError(stderr)
}

// catScript writes its input to a new file. Redirecting with set -C is O_EXCL; failing at that ends the shell.
const catScript = `umask 077; set -C; exec 3>"$1"; cat >&3 && sync -- "$1" || { rm -f -- "$1"; exit 1; }`

// uploadByShell is Upload without SFTP.
func (c *Conn) uploadByShell(ctx context.Context, path string, content io.Reader) error {
	p, err := c.startRoot(ctx, "sh -c "+shell.QuoteAll([]string{catScript, "upload", path}))
	if err != nil {
		return err
	}
	defer p.kill()
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()

	var stderr tail
	go func() { _, _ = io.Copy(io.Discard, p.stdout) }()
	complained := make(chan struct{})
	go func() {
		_, _ = io.Copy(&stderr, p.stderr)
		close(complained)
	}()
	source := &sourceReader{Reader: content}
	_, _ = io.Copy(p.stdin, source) // the other side reports errors better than a broken pipe
	_ = p.stdin.Close()
	<-complained
	<-p.ended
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case source.err != nil:
		_, _, _ = c.Ask(ctx, "rm -f -- "+shell.Quote(path)) // best effort: the part that was sent looks complete
		return fmt.Errorf("upload %s: %w", path, source.err)
	case p.err != nil || classifySudo(c.user, string(stderr.bytes()), p.status) != nil:
		return c.explainEnd(p, stderr.bytes(), errors.New("the upload did not end"))
	case p.status != 0:
		return &fs.PathError{Op: "upload", Path: path, Err: fileError(stderr.bytes())}
	}
	return nil
}

// sourceReader remembers an error of the reader, to distinguish it from one of the writer.
type sourceReader struct {
	io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// fileError returns the error that a message of a shell or a program of coreutils about a file means.
func fileError(output []byte) error {
	line := modules.LastLine(output)
	for text, err := range map[string]error{
		"File exists":               fs.ErrExist,
		"No such file or directory": fs.ErrNotExist,
		"Directory nonexistent":     fs.ErrNotExist, // dash
		"Permission denied":         fs.ErrPermission,
		"No space left on device":   syscall.ENOSPC,
		"Disk quota exceeded":       syscall.EDQUOT,
		"Read-only file system":     syscall.EROFS,
	} {
		if strings.Contains(line, text) {
			return err
		}
	}
	return errors.New(string(bytes.TrimSpace([]byte(line))))
}

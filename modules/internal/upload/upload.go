// Package upload brings content of the controller to a host, for a script that does something with it.
package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Dir is where the files are. Only root can enter it.
const Dir = "/var/lib/rcprov/upload"

// For calls use with the path of a file on h that has content, which only root can read. What use runs on the host removes the file
// at its end, so that a killed run leaves none; after an error, For does. The path is always the same for a name, so that what a
// killed upload left is replaced. It ends in ".deb" if name does: apt takes no other file for a package.
func For(ctx context.Context, h modules.Host, name string, content []byte, use func(file string) error) error {
	return with(ctx, h, name, use, func(file string) error { return h.Upload(ctx, file, bytes.NewReader(content)) })
}

// Source is [For] with the content of a large file.
func Source(ctx context.Context, h modules.Host, name string, content *modules.Source, use func(file string) error) error {
	return with(ctx, h, name, use, func(file string) error { return content.Send(ctx, h, file) })
}

// Stream is [For] with the content that write writes, which is never in memory as a whole.
func Stream(ctx context.Context, h modules.Host, name string, write func(to io.Writer) error, use func(file string) error) error {
	return with(ctx, h, name, use, func(file string) error { return modules.UploadWritten(ctx, h, file, write) })
}

func with(ctx context.Context, h modules.Host, name string, use, send func(file string) error) error {
	sum := sha256.Sum256([]byte(name))
	file := Dir + "/" + hex.EncodeToString(sum[:8])
	if strings.HasSuffix(name, ".deb") {
		file += ".deb"
	}
	_, err := h.Run(ctx, modules.Command{Script: "umask 077\nmkdir -p -- " + Dir + "\nrm -f -- " + file + "\n"})
	if err == nil {
		err = send(file)
	}
	if changed := (*modules.SourceChangedError)(nil); errors.As(err, &changed) {
		return modules.SourceHint(changed)
	}
	if err != nil {
		return modules.FileHint(fmt.Errorf("upload %s: %w", name, err), file)
	}
	if err = use(file); err != nil {
		// That the file is left would say less than err.
		_, _ = h.Run(ctx, modules.Command{Argv: []string{"rm", "-f", "--", file}})
	}
	return err
}

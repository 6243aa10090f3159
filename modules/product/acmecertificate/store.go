package acmecertificate

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/shell"
)

// legoDir is the directory that lego calls --path. What is in it is as in cmd/accounts_storage.go and certs_storage.go of
// lego 4.
const legoDir = "/var/lib/lego"

// stored is a file to be stored. All of a set are in one directory.
type stored struct {
	path    string
	content []byte
	mode    fs.FileMode
}

//go:embed put.sh
var putScript string

// putFiles stores a set of files, owned by root. Missing directories are made with dirMode: 0700 or 0755.
func putFiles(ctx context.Context, h modules.Host, dirMode string, files []stored) error {
	dir := path.Dir(files[0].path)
	var names []string
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		names = append(names, path.Base(f.path))
		if err := w.WriteHeader(&tar.Header{Name: path.Base(f.path), Mode: int64(f.mode), Size: int64(len(f.content))}); err != nil {
			return err
		}
		if _, err := w.Write(f.content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	const script = `
case $mode in 0700) umask 077 ;; esac
door_enter "$dir/rcprov" yes
door_want root root
export names
door_open no "$putter"
`
	_, err := h.Run(ctx, modules.Command{
		Script: hostfile.Script(script, shell.Vars{"dir": dir, "mode": dirMode, "names": shell.QuoteAll(names)}, shell.Vars{"putter": putScript}),
		Stdin:  archive.Bytes(),
	})
	at := files[0].path
	if failed := (*modules.CommandError)(nil); errors.As(err, &failed) {
		for _, f := range files {
			if strings.Contains(string(failed.Result.Stderr), "/"+path.Base(f.path)+"'") {
				at = f.path
			}
		}
	}
	if err = modules.DoorError(err, at); err == nil {
		return nil
	}
	if refused := (*modules.RefusedError)(nil); errors.As(err, &refused) {
		return err
	}
	return modules.FileHint(fmt.Errorf("write %s: %w", dir, err), at)
}

// hostTime returns the time on the host, by which certificates are judged.
func hostTime(ctx context.Context, h modules.Host) (time.Time, error) {
	result, err := h.Run(ctx, modules.Command{Argv: []string{"date", "+%s"}})
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(result.Stdout)), 10, 64)
	return time.Unix(seconds, 0), err
}

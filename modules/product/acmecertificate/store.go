package acmecertificate

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
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

// putScript puts a set of files, which come as tar, in place by renames right after one another, so that a run that is
// killed hardly ever leaves a key without its certificate: a CA counts how often it is asked for the same names.
const putScript = `
dir=$1 mode=$2
shift 2
# Missing parents get the same mode.
case $mode in 0700) umask 077 ;; *) umask 022 ;; esac
mkdir -p -- "$dir"
new=$dir/.rcprov
rm -rf -- "$new"
mkdir -m 0700 -- "$new"
trap 'rm -rf -- "$new"' EXIT
tar -x -p -m -C "$new" -f - --no-same-owner
sync -- "$new"/*
for name do mv -fT -- "$new/$name" "$dir/$name"; done
`

// putFiles stores a set of files, owned by root. Missing directories are made with dirMode: 0700 or 0755.
func putFiles(ctx context.Context, h modules.Host, dirMode string, files []stored) error {
	dir := path.Dir(files[0].path)
	argv := []string{"sh", "-euc", putScript, "put-files", dir, dirMode}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		argv = append(argv, path.Base(f.path))
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
	_, err := h.Run(ctx, modules.Command{Argv: argv, Stdin: archive.Bytes()})
	if err != nil {
		return modules.FileHint(fmt.Errorf("write %s: %w", dir, err), dir+"/x")
	}
	return nil
}

// getFile reads a file; nil when it is not there.
func getFile(ctx context.Context, h modules.Host, path string) ([]byte, error) {
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", `[ ! -e "$1" ] || cat -- "$1"`, "get-file", path}})
	if err != nil || len(result.Stdout) == 0 {
		return nil, err
	}
	return result.Stdout, nil
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

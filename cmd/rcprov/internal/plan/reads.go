package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// reads are what a plan took from the controller beside its own files and variables: files, directories, whether files are there, and
// the environment. A saved plan is bound to it. The zero value is ready for use.
type reads struct {
	mu  sync.Mutex
	all map[string]bool // as readKey makes them
}

// The kinds of what is read, as they stand in a saved plan.
const (
	readFileKind   = "file"
	readDirKind    = "directory"
	readExistsKind = "exists"
	readEnvKind    = "environment"
)

// readWords are the kinds in the words of messages.
var readWords = map[string]string{readFileKind: "file", readDirKind: "directory", readExistsKind: "presence of", readEnvKind: "environment variable"}

func (r *reads) note(kind, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[string]bool)
	}
	r.all[kind+" "+name] = true
}

// list returns what was read, with absolute paths.
func (r *reads) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for one := range r.all {
		kind, name, _ := strings.Cut(one, " ")
		if abs, err := filepath.Abs(name); err == nil && kind != readEnvKind {
			one = kind + " " + abs
		}
		all = append(all, one)
	}
	return all
}

// Reads returns digests of what the plan has read so far from the controller, as it is now: of each file, directory and environment variable
// by its kind and name. They are keyed, as that of Digest. What can't be read any more has an error as its digest.
func (p *Plan) Reads(key string) map[string]string {
	return p.digestReads(p.reads.list(), key)
}

// Changed returns what is not any more as when a plan was saved, by the digests of Reads: "file /srv/x", "environment variable HOME".
func (p *Plan) Changed(saved map[string]string, key string) []string {
	now := p.digestReads(slices.Collect(maps.Keys(saved)), key)
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(saved)) {
		if now[name] != saved[name] {
			kind, rest, _ := strings.Cut(name, " ")
			changed = append(changed, readWords[kind]+" "+rest)
		}
	}
	return changed
}

func (p *Plan) digestReads(all []string, key string) map[string]string {
	digests := make(map[string]string, len(all))
	for _, one := range all {
		kind, name, _ := strings.Cut(one, " ")
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = fmt.Fprintf(mac, "%q", one)
		if err := p.writeRead(mac, kind, name); err != nil {
			digests[one] = "can't be read"
			continue
		}
		digests[one] = hex.EncodeToString(mac.Sum(nil))
	}
	return digests
}

// writeRead writes what is there now.
func (p *Plan) writeRead(to io.Writer, kind, name string) error {
	switch kind {
	case readEnvKind:
		for _, entry := range p.opts.Environ {
			if strings.HasPrefix(entry, name+"=") {
				_, err := io.WriteString(to, entry)
				return err
			}
		}
		return nil
	case readExistsKind:
		info, err := os.Stat(name)
		_, err = fmt.Fprint(to, err == nil && info.Mode().IsRegular())
		return err
	case readDirKind:
		return filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(to, "%q%v", path, info.Mode())
			switch {
			case info.Mode().IsRegular():
				return copyFile(to, path)
			case d.Type() == fs.ModeSymlink:
				target, err := os.Readlink(path)
				_, _ = fmt.Fprintf(to, "%q", target)
				return err
			}
			return nil
		})
	}
	return copyFile(to, name)
}

func copyFile(to io.Writer, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	n, err := io.Copy(to, f)
	_, _ = fmt.Fprintf(to, "%d", n)
	return err
}

package plan

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty/function"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// directory is where the relative paths start that stand in the files of a plan, or of a library.
type directory struct {
	plan      *Plan
	path      string // relative to the working directory, or absolute
	what      string // "plan" or "library"
	functions map[string]function.Function
	templates *templates
}

func (p *Plan) directory(path, what string) *directory {
	d := &directory{plan: p, path: path, what: what}
	d.templates = &templates{plan: p, read: d.readRegular, parsed: map[string]*template{}}
	d.functions = functions(d)
	d.templates.functions = withoutTemplates(d.functions)
	return d
}

func (d *directory) readFile(path string) ([]byte, error) {
	d.plan.reads.note(readFileKind, d.absolute(path))
	content, err := d.plan.large.read(d.absolute(path))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%q can't be read: %s", path, cause(err)),
			"A relative path starts at the %s's directory, \"%s\".", d.what, d.path)
	}
	return content, nil
}

// largeFile is the size in bytes from which a file that steps name is kept after it was read.
const largeFile = 1 << 20

// largeFiles are the contents of large files, by path: each is read once a run, however many hosts it goes to, and all of these get
// the same. Nobody changes a content.
type largeFiles struct {
	mu      sync.Mutex
	all     map[string][]byte
	sources map[string]*modules.Source
}

// large returns a file that steps name as a source, if it is a large one.
func (d *directory) large(path string) *modules.Source {
	l := &d.plan.large
	name := d.absolute(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sources[name]; s != nil {
		return s
	}
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() <= observe.MaxContent {
		return nil
	}
	if l.sources == nil {
		l.sources = make(map[string]*modules.Source)
	}
	l.sources[name] = modules.NewSource(name, path, info.Size())
	d.plan.reads.note(readFileKind, name)
	return l.sources[name]
}

func (l *largeFiles) read(path string) ([]byte, error) {
	l.mu.Lock()
	content, ok := l.all[path]
	l.mu.Unlock()
	if ok {
		return content, nil
	}
	content, err := os.ReadFile(path)
	if err != nil || len(content) < largeFile {
		return content, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if first, ok := l.all[path]; ok { // somebody else was faster
		return first, nil
	}
	if l.all == nil {
		l.all = make(map[string][]byte)
	}
	l.all[path] = content
	return content, nil
}

// open opens a directory on the controller.
func (d *directory) open(path string) (fs.FS, error) {
	entries, err := os.ReadDir(d.absolute(path))
	if err != nil || len(entries) == 0 {
		why := "it is empty"
		if err != nil {
			why = cause(err)
		}
		return nil, modules.WithHint(fmt.Errorf("%q can't be read: %s", path, why), "A relative path starts at the %s's directory, \"%s\".", d.what, d.path)
	}
	d.plan.reads.note(readDirKind, d.absolute(path))
	return os.DirFS(d.absolute(path)), nil
}

// absolute returns a path on the controller as the working directory sees it. It may be relative to the directory, or start with
// "~/", as those of public keys often do.
func (d *directory) absolute(path string) string {
	if inHome, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, inHome)
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.path, path)
}

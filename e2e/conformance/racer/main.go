//go:build linux

// Command racer is a user of a lab host who wants more than she has. While root works below a directory that is hers, she
// swaps names there without pause: for links to what only root may read or write, for pipes and directories, and back. She
// knows the names that the plan mentions. All others, temporary ones for example, she learns by watching the directory.
//
// The conformance suite runs it for law 7, with her rights. It prints "ready" once everything is in place, races until
// SIGTERM, and prints what it has seen: one line, a JSON object of type report.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// report is what the racer has done and got.
type report struct {
	Swaps   int64    // exchanges of names that succeeded
	Strange []string // names in her directory that were not of her making
	Gains   []string // what she should not have got
}

// racer is her. Its methods may be called concurrently.
type racer struct {
	dir    string   // where the step works
	own    string   // where she prepares things: a directory on the same file system
	names  []string // of the step, relative to dir; directories end with a slash
	seen   []string // that root has used in earlier races, relative to dir
	bait   string   // root's directory, with what she is after
	marker []byte   // is in every file that she must not read
	attack attack

	// Root must get far enough to be worth an attack. How patient she is differs from race to race.
	patience int     // how much longer things are as they should be than not
	lazy     float64 // share of what root makes that she lets pass

	stopping atomic.Bool
	swaps    atomic.Int64
	numbers  atomic.Int64

	mu      sync.Mutex
	started time.Time
	strange map[string]bool
	gains   map[string]bool
	mine    map[identity]bool // what she made
}

func main() {
	r := &racer{started: time.Now(), strange: map[string]bool{}, gains: map[string]bool{}, mine: map[identity]bool{}}
	flag.StringVar(&r.dir, "dir", "", "directory to race in")
	flag.StringVar(&r.own, "own", "", "directory for decoys, on the same file system")
	flag.StringVar(&r.bait, "bait", "", "directory of root's with secret, shadow, public, dir, private and empty")
	names := flag.String("names", "", "names of the step relative to -dir, with commas between them; those of directories end with a slash")
	seen := flag.String("seen", "", "names that root has used in earlier races, relative to -dir, with commas between them")
	marker := flag.String("marker", "", "text in all files that she must not read")
	kind := flag.String("attack", "all", "one of "+strings.Join(attackNames(), ", "))
	seed := flag.Uint64("seed", 1, "varies what happens when")
	again := flag.Bool("again", false, "leave the directory as an earlier race left it")
	flag.Parse()
	r.names, r.marker = strings.Split(*names, ","), []byte(*marker)
	if *seen != "" {
		r.seen = strings.Split(*seen, ",")
	}
	var known bool
	if r.attack, known = attacks[*kind]; !known {
		fatal(fmt.Errorf("no attack %q", *kind))
	}

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	random := rand.New(rand.NewPCG(*seed, 0))
	r.patience = []int{1, 1, 4, 16}[random.IntN(4)]
	r.lazy = []float64{0, 0.5, 0.8, 0.95}[random.IntN(4)]
	if err := os.MkdirAll(r.own, 0o700); err != nil {
		fatal(err)
	}
	if !*again {
		r.lay(random)
	}
	w, err := newWatcher(r)
	if err != nil {
		fatal(err)
	}
	var racing sync.WaitGroup
	for i, paths := range [][]string{r.targets(), r.parents()} {
		if i == 0 && !r.attack.finals || i == 1 && !r.attack.parents || len(paths) == 0 {
			continue
		}
		random := rand.New(rand.NewPCG(*seed, uint64(i+1)))
		racing.Go(func() { r.swapAll(paths, random) })
	}
	random = rand.New(rand.NewPCG(*seed, 9))
	racing.Go(func() { w.watch(random) })
	if r.attack.meddle {
		random := rand.New(rand.NewPCG(*seed, 8))
		racing.Go(func() { r.meddle(random) })
	}
	fmt.Println("ready")
	<-ended
	r.stopping.Store(true)
	racing.Wait()
	r.search()
	out, err := json.Marshal(report{Swaps: r.swaps.Load(), Strange: sorted(r.strange), Gains: sorted(r.gains)})
	if err != nil {
		fatal(err)
	}
	fmt.Println(string(out))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "racer:", err)
	os.Exit(1)
}

// finals returns the paths that the plan names.
func (r *racer) finals() []string {
	var all []string
	for _, name := range r.names {
		all = append(all, filepath.Join(r.dir, name))
	}
	return all
}

// targets returns the paths to be swapped: finals, and what root has used before.
func (r *racer) targets() []string {
	all := slices.Concat(r.finals(), r.finals())
	for _, name := range r.seen {
		if path := filepath.Join(r.dir, name); !slices.Contains(r.parents(), path) {
			all = append(all, path)
		}
	}
	return all
}

// parents returns the directories between her own and those paths.
func (r *racer) parents() []string {
	set := map[string]bool{}
	for _, path := range r.finals() {
		for dir := filepath.Dir(path); dir != r.dir; dir = filepath.Dir(dir) {
			set[dir] = true
		}
	}
	return sorted(set)
}

// gain notes something that she should not have got.
func (r *racer) gain(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gains[fmt.Sprintf(format, args...)] = true
}

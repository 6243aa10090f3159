package cli

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// savedType is the type of the file that plan -out writes.
const savedType = "saved_plan"

// savedBegin is how such a file begins.
const savedBegin = "{\n \"version\": 1,\n \"type\": \"" + savedType + "\""

// savedPlan is what `plan -out` writes and `apply` takes: what would change, bound to what was seen. It has digests and the edits as they
// are shown, no values.
type savedPlan struct {
	Version int       `json:"version"`
	Type    string    `json:"type"`
	Rcprov  string    `json:"rcprov"` // the build that made it
	Made    time.Time `json:"made"`
	Plan    string    `json:"plan"` // absolute path
	Salt    string    `json:"salt"` // of all digests

	Source map[string]string `json:"source"`          // digests of the plan's files and variables, see plan.Plan.Digests
	Reads  map[string]string `json:"reads,omitempty"` // digests of what else is read on the controller, see plan.Plan.Reads

	Limit    []string      `json:"limit,omitempty"`
	Tags     []string      `json:"tags,omitempty"`
	SkipTags []string      `json:"skip_tags,omitempty"`
	Only     []engine.Only `json:"only,omitempty"`

	Seen  map[string]engine.Digests `json:"seen"` // by host
	Steps []savedStep               `json:"steps"`
	Sum   string                    `json:"sum"` // of all the rest
}

// savedStep is a step that would change something, or may.
type savedStep struct {
	Host   string          `json:"host"`
	Play   string          `json:"play"`
	Step   string          `json:"step"`
	Change json.RawMessage `json:"change,omitempty"`
	Text   string          `json:"text,omitempty"` // why it is unknown
}

// sum returns the checksum of s.
func (s savedPlan) sum() (string, error) {
	s.Sum = ""
	text, err := json.Marshal(s)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

func build() string {
	v := thisVersion()
	return v.Rcprov + " " + v.Revision
}

// recorder keeps the steps that a plan shows.
type recorder struct {
	engine.Reporter
	app   *app
	mu    sync.Mutex
	steps []savedStep
}

func (r *recorder) Report(e engine.Event) {
	r.Reporter.Report(e)
	if e.Type != engine.StepPlanned && e.Type != engine.StepUnknown {
		return
	}
	step := savedStep{Host: e.Host, Play: e.Play, Step: r.app.secrets.String(e.Step), Text: r.app.secrets.String(e.Text)}
	if e.Change != nil {
		if text, err := json.Marshal(e.Change.Edits); err == nil {
			if hidden := []byte(r.app.secrets.String(string(text))); json.Valid(hidden) {
				step.Change = hidden
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step)
}

// newSaved returns a plan to save, without what is seen.
func (r *run) newSaved(path string, p *plan.Plan) (*savedPlan, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	salt := rand.Text()
	return &savedPlan{
		Version: 1, Type: savedType, Rcprov: build(), Made: r.app.Now(), Plan: abs, Salt: salt, Source: p.Digests(salt),
		Tags: r.tags, SkipTags: r.skipTags,
	}, nil
}

// write writes s to the new or old file name, which only its owner can read.
func (s *savedPlan) write(name string) error {
	var err error
	if s.Sum, err = s.sum(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return writePrivate(name, append(text, '\n'))
}

// readSaved reads what `plan -out` wrote; nil if the file is something else.
func readSaved(name string) (*savedPlan, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil //nolint:nilerr // whoever reads it as a plan says so
	}
	text, err := os.ReadFile(name)
	if err != nil || !bytes.HasPrefix(text, []byte("{")) {
		return nil, nil //nolint:nilerr // as above
	}
	again := "Make it again: `rcprov plan PLAN --out %s`."
	var s savedPlan
	err = json.Unmarshal(text, &s)
	switch {
	case err == nil && s.Type != savedType:
		return nil, modules.WithHint(fmt.Errorf("%s is not a saved plan", name), again, name)
	case err == nil && s.Version == 1 && s.Rcprov != build():
		return nil, modules.WithHint(fmt.Errorf("%s was made by another rcprov (%s)", name, s.Rcprov), again, name)
	case err == nil && s.Version != 1:
		return nil, modules.WithHint(fmt.Errorf("%s was made by another rcprov", name), again, name)
	}
	sum, sumErr := s.sum()
	if err != nil || sumErr != nil || sum != s.Sum {
		return nil, modules.WithHint(fmt.Errorf("%s is damaged: it is cut off, or was edited", name), again, name)
	}
	return &s, nil
}

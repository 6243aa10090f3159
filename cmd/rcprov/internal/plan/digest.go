package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Digests returns digests of the plan's files, with those of its libraries, and of the values of all variables, each by what it is:
// "file /srv/plan.hcl", "variable domain". They are keyed, so that nobody guesses secrets from them. Variable files are not among them:
// what counts is the values.
func (p *Plan) Digests(key string) map[string]string {
	digests := map[string]string{}
	add := func(name string, parts ...any) {
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = fmt.Fprintf(mac, "%q", append([]any{name}, parts...))
		digests[name] = hex.EncodeToString(mac.Sum(nil))
	}
	for name, file := range p.Files {
		if file == nil || slices.Contains(p.opts.VarFiles, name) || name == stdinWords {
			continue
		}
		if abs, err := filepath.Abs(name); err == nil {
			name = abs
		}
		add("file "+name, file.Bytes)
	}
	for name, value := range p.vars {
		value, _ := value.UnmarkDeep()
		text, err := json.Marshal(ctyjson.SimpleJSONValue{Value: value})
		add("variable "+name, text, fmt.Sprint(err))
	}
	return digests
}

// Differing returns what has other digests in two results of [Plan.Digests], or is in one of them only, sorted.
func Differing(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool { return a[name] == b[name] })
}

package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Digest returns a digest of the plan's files, with those of its libraries, and of the values of all variables. It is keyed, so that
// nobody guesses secrets from it.
func (p *Plan) Digest(key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	for _, name := range sortedKeys(p.Files) {
		if file := p.Files[name]; file != nil {
			_, _ = fmt.Fprintf(mac, "%q", file.Bytes)
		}
	}
	for _, name := range sortedKeys(p.vars) {
		value, _ := p.vars[name].UnmarkDeep()
		text, err := json.Marshal(ctyjson.SimpleJSONValue{Value: value})
		_, _ = fmt.Fprintf(mac, "%q%q%v", name, text, err)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

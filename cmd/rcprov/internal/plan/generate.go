package plan

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxGenerated is how many random bytes, or letters, a secret may have: those of the largest key of a replica set, and more.
const maxGenerated = 4096

// Variable is a variable of a plan, for whoever looks for a value.
type Variable struct {
	Name        string
	Description string // empty: none
	Sensitive   bool
	Text        bool   // a value is a string, number or bool, and text stands for it: see [Options.Vars]
	Generate    string // how a value can be made: see [Generate]; empty: by a person
}

// Variables returns the plan's variables, in its order.
func (p *Plan) Variables() []Variable {
	list := make([]Variable, len(p.config.variables))
	for i, x := range p.config.variables {
		list[i] = Variable{Name: x.name, Description: x.description(), Sensitive: x.sensitive, Text: x.text, Generate: x.generate}
	}
	return list
}

// Generate makes a secret of a kind: "hex:N" has N random bytes, as 2N digits; "base64:N" the same, in standard base64 on one line;
// "letters:N" N random letters and digits.
func Generate(kind string) (string, error) {
	how, n, err := generator(kind)
	if err != nil {
		return "", err
	}
	return how(n), nil
}

var generators = map[string]func(n int) string{
	"hex": func(n int) string { return hex.EncodeToString(randomBytes(n)) },
	"base64": func(n int) string {
		return base64.StdEncoding.EncodeToString(randomBytes(n))
	},
	"letters": func(n int) string {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		text := make([]byte, 0, n)
		for len(text) < n {
			for _, b := range randomBytes(n) {
				if int(b) < 256/len(letters)*len(letters) && len(text) < n { // else the first letters would come more often
					text = append(text, letters[int(b)%len(letters)])
				}
			}
		}
		return string(text)
	},
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return b
}

func generator(kind string) (how func(n int) string, n int, err error) {
	name, number, _ := strings.Cut(kind, ":")
	how = generators[name]
	n, convErr := strconv.Atoi(number)
	if how == nil || convErr != nil || n < 1 || n > maxGenerated {
		return nil, 0, fmt.Errorf("must be \"hex:N\", \"base64:N\" or \"letters:N\", with N from 1 to %d, not %q", maxGenerated, kind)
	}
	return how, n, nil
}

// setGenerate reads how the value of a variable can be made.
func (v *variables) setGenerate(x *variable, attr *hclsyntax.Attribute, ctx *hcl.EvalContext) {
	value, diags := attr.Expr.Value(ctx)
	v.report(diags...)
	if diags.HasErrors() {
		return
	}
	wrong := func(problem, hint string) {
		v.report(mistake(attr.Expr.Range(), fmt.Sprintf("variable %q: generate %s", x.name, problem), hint))
	}
	switch {
	case value.Type() != cty.String || value.IsNull() || !value.IsKnown():
		wrong("must be a string", `For example "hex:24".`)
	case x.ty != cty.String && x.ty != cty.DynamicPseudoType:
		wrong("makes a string, and the type is "+noun(x.ty), "")
	default:
		x.generate = value.AsString()
		if _, _, err := generator(x.generate); err != nil {
			wrong(err.Error(), "")
		}
		if !x.sensitive {
			wrong("makes secrets, and the variable is not sensitive", "Add `sensitive = true`.")
		}
	}
}

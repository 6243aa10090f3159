package modules

import (
	"fmt"
	"reflect"
)

// A Secret is an argument that never appears in output: it prints as "(sensitive)" under every verb and in JSON.
// Convert it to string only where it goes to the host, by stdin or into a 0600 file, never into an argument list.
type Secret string

const hidden = "(sensitive)"

// Format implements [fmt.Formatter] for all verbs.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, hidden) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses for values and map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// TakesSecrets reports whether an argument, a field of an Args struct, may be sensitive: it holds [Secret], or has the tag
// `secret:"yes"`. A module with such an argument keeps its value out of argument lists, of files that others can read, and of
// what Diff returns but in edits marked Sensitive. Sensitive values for other arguments are mistakes in a plan; the tag
// `exposed:"..."` says who could read them there and where a secret belongs, in whole sentences. In a map of Secret, values with
// a name that has one of the ends of the tag `public:"_SERVER,_TTL"` are no secrets, unless they come from a sensitive variable.
func TakesSecrets(field reflect.StructField) bool {
	return field.Tag.Get("secret") == "yes" || holdsSecret(field.Type)
}

func holdsSecret(ty reflect.Type) bool {
	switch ty.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return holdsSecret(ty.Elem())
	}
	return ty == reflect.TypeFor[Secret]()
}

// A SecretKeeper is a step that puts secrets into files. The host remembers these, so that their text is not shown when a
// later plan no longer knows that they hold one.
type SecretKeeper interface {
	Step

	// SecretFiles returns the paths of these files, the subjects of their edits; none if the step's content is no secret.
	SecretFiles() []string
}

package modules

import "fmt"

// A Secret is an argument that never appears in output: it prints as "(sensitive)" under every verb and in JSON.
// Convert it to string only where it goes to the host, by stdin or into a 0600 file, never into an argument list.
type Secret string

const hidden = "(sensitive)"

// Format implements [fmt.Formatter] for all verbs.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, hidden) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses for values and map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

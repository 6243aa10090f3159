package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gurkankaymak/hocon"
)

// A configurationError is what is wrong with the configuration file.
type configurationError struct{ error }

// A configuration is a HOCON file.
type configuration struct{ root *hocon.Config }

func readConfiguration(file string) (configuration, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return configuration{}, configurationError{err}
	}
	root, err := hocon.ParseString(string(text))
	if err != nil {
		return configuration{}, configurationError{fmt.Errorf("%s: %w", file, err)}
	}
	return configuration{root}, nil
}

// text returns the value at a path, or otherwise.
func (c configuration) text(path, otherwise string) string {
	value := c.root.Get(path)
	if value == nil {
		return otherwise
	}
	return unquote(value.String())
}

// enabled is whether the value at a path is true.
func (c configuration) enabled(path string) bool { return c.text(path, "false") == "true" }

// below returns the keys of the object at a path, each with its value as a configuration of its own.
func (c configuration) below(path string) map[string]configuration {
	found := map[string]configuration{}
	for key, value := range c.root.GetObject(path) {
		if object, ok := value.(hocon.Object); ok {
			found[unquote(key)] = configuration{object.ToConfig()}
		}
	}
	return found
}

func unquote(text string) string { return strings.Trim(text, `"`) }

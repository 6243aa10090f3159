package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A configurationError is an error in the configuration file.
type configurationError struct{ error }

// A configuration is an object of a HOCON file.
type configuration map[string]any

// readConfiguration reads the object top of a file, which must have it, with ruby-hocon: both packages depend on it.
func readConfiguration(file, top string) (configuration, error) {
	if _, err := os.ReadFile(file); err != nil {
		return nil, configurationError{err}
	}
	text, err := exec.Command("hocon", "-j", "-f", file, "get", top).Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		problem, _, _ := bytes.Cut(exit.Stderr, []byte("\n")) // the rest is a stack trace
		return nil, configurationError{fmt.Errorf("%s: %s", file, problem)}
	}
	if err != nil {
		return nil, err
	}
	var c configuration
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, configurationError{fmt.Errorf("%s: %s: %w", file, top, err)}
	}
	return c, nil
}

// text returns the value at a path, or the default.
func (c configuration) text(path, otherwise string) string {
	if first, rest, ok := strings.Cut(path, "."); ok {
		return c.object(first).text(rest, otherwise)
	}
	if value, ok := c[path]; ok {
		return fmt.Sprint(value)
	}
	return otherwise
}

// object returns the object at a path, empty if there is none.
func (c configuration) object(path string) configuration {
	for key := range strings.SplitSeq(path, ".") {
		value, _ := c[key].(map[string]any)
		c = value
	}
	return c
}

// Package shell writes the POSIX shell that hosts run: quoted words, and scripts with their variables.
//
// A script longer than a few lines is a file NAME.sh beside the Go file that sends it, which embeds it. It begins with a
// comment that says what the script prints and which programs it needs beyond POSIX and coreutils, then declares the
// variables that [Script] sets, so that shellcheck knows them and a missing one ends the script with its name:
//
//	# Prints the size of each file, in bytes.
//	: "${files?}"
//	eval "set -- $files"
//	...
//
// Names are lowercase. A list is a variable too: [QuoteAll] makes its value, and `eval "set -- $files"` or
// `eval "for file in $files; ..."` takes it apart.
package shell

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Quote returns s as one word of a POSIX shell. It is the only place where rcprov quotes for a shell.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// QuoteAll returns words as the words of one shell command. A program whose name contains "=" would be taken for
// an assignment; quoting it whole keeps it a name.
func QuoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
		if i == 0 && strings.Contains(w, "=") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// Vars are the values of a script's variables by name. They are part of the script's text: a host's users may see them
// in its process list.
type Vars map[string]string

// Script returns text with its variables set in front of it, and without the comment at its head.
func Script(text string, vars Vars) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		b.WriteString(name + "=" + Quote(vars[name]) + "\n")
	}
	for strings.HasPrefix(text, "#") || strings.HasPrefix(text, "\n") {
		_, text, _ = strings.Cut(text, "\n")
	}
	b.WriteString(text)
	return b.String()
}

// YesNo returns "yes" or "no", which is how scripts take a bool.
func YesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// AtOnce returns a script that runs commands at the same time and prints what each prints whole, however long it is: what several
// processes write to one pipe may be mixed. It declares functions whose names begin with name.
func AtOnce(name string, commands []string) string {
	var b strings.Builder
	for i, command := range commands {
		if i == len(commands)-1 {
			fmt.Fprintf(&b, "%s_%d() { %s; }\n", name, i, command)
			continue
		}
		// The shell keeps in a variable what the commands behind this one print, until this one is done.
		fmt.Fprintf(&b, "%[1]s_%[2]d() { %[3]s & running=$!; rest=$(%[1]s_%[4]d); wait $running; printf '%%s\\n' \"$rest\"; }\n", name, i, command, i+1)
	}
	if len(commands) > 0 {
		b.WriteString(name + "_0\n")
	}
	return b.String()
}

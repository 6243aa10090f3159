package modules

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/shell"
)

// File is a file for [WriteFile] to write.
type File struct {
	Path     string
	Content  []byte
	Mode     fs.FileMode // permission bits, with fs.ModeSetuid, ModeSetgid and ModeSticky
	Owner    string      // user name or number; root if empty
	Group    string      // group name or number; root if empty
	Keep     bool        // an existing file keeps its mode, owner and group; Mode, Owner and Group are for a new one
	Validate []string    // a program that must exit with 0 before the file takes its place; "%s" is the new file
	Backup   string      // where the file that is replaced, if any, is copied to first; empty: nowhere
}

// uploadSize is the size in bytes from which a file goes over SFTP: a command's input is encoded and held in memory.
const uploadSize = 256 << 10

//go:embed writefile.sh
var writeScript string

//go:embed makeroom.sh
var roomScript string

// WriteFile writes f as a whole or not at all: a temporary file in the same directory with its final owner and mode,
// validated, synced, renamed. When the validate command refuses, the error is a [*ValidateError]; after this and any
// other error of a command the old file is as it was. Errors have advice from [FileHint].
func WriteFile(ctx context.Context, h Host, f File) error {
	tmp := path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+".rcprov")
	validate := make([]string, len(f.Validate))
	for i, word := range f.Validate {
		validate[i] = strings.ReplaceAll(word, "%s", tmp)
	}
	cmd := Command{Stdin: f.Content}
	uploaded := len(f.Content) > uploadSize
	if uploaded {
		if err := upload(ctx, h, tmp, f.Content); err != nil {
			return FileHint(fmt.Errorf("write %s: %w", f.Path, err), f.Path)
		}
		cmd.Stdin = nil
	}
	cmd.Script = shell.Script(writeScript, shell.Vars{
		"tmp": tmp, "path": f.Path, "mode": OctalMode(f.Mode), "owner": cmp.Or(f.Owner, "root") + ":" + cmp.Or(f.Group, "root"),
		"keep": shell.YesNo(f.Keep), "backup": f.Backup, "uploaded": shell.YesNo(uploaded), "validate": shell.QuoteAll(validate),
	})
	result, err := h.Run(ctx, cmd)
	if err == nil {
		return nil
	}
	if said, status, found := bytes.Cut(result.Stderr, []byte("rcprov-validate ")); found {
		refused := &ValidateError{Path: f.Path, Argv: f.Validate, Output: string(bytes.TrimSpace(said)), Status: string(bytes.TrimSpace(status))}
		return WithHint(refused, "%s is as it was. Correct the content, then run the same command again.", f.Path)
	}
	return FileHint(fmt.Errorf("write %s: %w", f.Path, err), f.Path)
}

// upload puts content into the new file tmp; after an error of the upload none is left, if the host still listens.
func upload(ctx context.Context, h Host, tmp string, content []byte) error {
	room := Command{Script: shell.Script(roomScript, shell.Vars{"path": tmp, "size": strconv.Itoa(len(content))})}
	if _, err := h.Run(ctx, room); err != nil {
		return err
	}
	err := h.Upload(ctx, tmp, bytes.NewReader(content))
	if err != nil {
		_, cleanup := h.Run(ctx, Command{Argv: []string{"rm", "-f", "--", tmp}})
		err = errors.Join(err, cleanup)
	}
	return err
}

// ValidateError says that a file's validate command did not accept the new content.
type ValidateError struct {
	Path   string
	Argv   []string // as in the plan, with "%s"
	Output string   // all that it printed
	Status string   // exit status
}

func (e *ValidateError) Error() string {
	return fmt.Sprintf("%s refused the new %s (exit status %s): %s",
		shell.QuoteAll(e.Argv), e.Path, e.Status, cmp.Or(e.Output, "it said nothing"))
}

// OctalMode returns mode as chmod(1) and plans write it: "0644", "1777".
func OctalMode(mode fs.FileMode) string {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// ReadFileArgs checks the arguments path, mode, owner and group of a module for files or directories, and returns the
// mode. The error joins an [ArgError] for each that is wrong.
func ReadFileArgs(path, mode, owner, group string) (fs.FileMode, error) {
	var errs []error
	check := func(arg string, err error) {
		if err != nil {
			errs = append(errs, Argf(arg, "%w", err))
		}
	}
	check("path", CheckPath(path))
	m, err := ParseMode(mode)
	check("mode", err)
	check("owner", CheckOwner(owner))
	check("group", CheckOwner(group))
	return m, errors.Join(errs...)
}

// ParseMode reads a mode as plans write it, in octal: "0644", "644", "1777".
func ParseMode(s string) (fs.FileMode, error) {
	var bits uint32
	if len(s) < 3 || len(s) > 4 {
		return 0, fmt.Errorf("must be an octal mode such as \"0644\", not %q", s)
	}
	for _, digit := range s {
		if digit < '0' || digit > '7' {
			return 0, fmt.Errorf("must be an octal mode such as \"0644\", not %q", s)
		}
		bits = bits<<3 | uint32(digit-'0')
	}
	mode := fs.FileMode(bits & 0o777)
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode, nil
}

// CheckPath tells what is wrong with a path on a host, to read on after the argument's name.
func CheckPath(p string) error {
	switch {
	case !path.IsAbs(p):
		return fmt.Errorf("must be an absolute path, not %q", p)
	case path.Clean(p) != p && path.Clean(p)+"/" != p:
		return fmt.Errorf("must be a clean path: %q, not %q", path.Clean(p), p)
	case len(p) > 1 && p[len(p)-1] == '/':
		return fmt.Errorf("must not end with a slash: %q", p)
	case bytes.ContainsAny([]byte(p), "\n\x00"):
		return fmt.Errorf("must not contain a newline: %q", p)
	}
	return nil
}

// CheckOwner tells what is wrong with the name or number of a user or group, to read on after the argument's name.
func CheckOwner(name string) error {
	if name == "" || name[0] == '-' || strings.ContainsAny(name, ": \t\n\x00/") {
		return fmt.Errorf("must be a name or a number, not %q", name)
	}
	return nil
}

// BackupPath returns where the previous content of the file p is kept: the last one, with its mode and owner.
func BackupPath(p string) string { return "/var/lib/rcprov/backup" + p }

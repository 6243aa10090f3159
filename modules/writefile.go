package modules

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/shell"
)

// File is a file for [WriteFile] to write.
type File struct {
	Path     string
	Content  []byte
	Source   *Source     // instead of Content, of a large file of the controller
	Mode     fs.FileMode // permission bits, with fs.ModeSetuid, ModeSetgid and ModeSticky
	Owner    string      // user name or number; root if empty
	Group    string      // group name or number; root if empty
	Keep     bool        // an existing file keeps its mode, owner and group; Mode, Owner and Group are for a new one
	Validate []string    // a program that must exit with 0 before the file takes its place; "%s" is the new file
	Old      []byte      // with Keep, what the content was made from, if anything
	Backup   string      // where the file that is replaced, if any, is copied to first; empty: nowhere
}

// uploadSize is the size in bytes from which a file goes over SFTP: a command's input is encoded and held in memory.
const uploadSize = 256 << 10

// WriteFile writes f as a whole or not at all: a temporary file in the same directory with its final owner and mode,
// validated, synced, renamed. See package hostfile on what it does in directories of others. When the validate command
// refuses, the error is a [*ValidateError]; after this and any other error of a command the old file is as it was. Errors
// have advice from [FileHint].
func WriteFile(ctx context.Context, h Host, f File) error {
	if f.Source == nil && len(f.Content) <= uploadSize {
		return f.script("", false).Run(ctx, h)
	}
	to, packed, err := send(ctx, h, f)
	if err != nil {
		return writeError(err, f.Path)
	}
	return f.script(to, packed).Run(ctx, h)
}

// Script is [WriteFile] as a [Script]. It is false where the content is too large for one command, and where a program of the plan's
// validates it, which may take long and do anything.
func (f File) Script() (Script, bool) {
	if f.Source != nil || len(f.Content) > uploadSize || len(f.Validate) > 0 {
		return Script{}, false
	}
	return f.script("", false), true
}

// script writes what was uploaded, compressed if packed is set, or the content if nothing was.
func (f File) script(upload string, packed bool) Script {
	vars := f.vars()
	vars["mode"], vars["backup"], vars["upload"], vars["validate"] = OctalMode(f.Mode), f.Backup, upload, hostfile.Inner(f.Validate)
	vars["old_sum"], vars["packed"] = "", shell.YesNo(packed)
	if f.Keep && f.Old != nil {
		sum := sha256.Sum256(f.Old)
		vars["old_sum"] = hex.EncodeToString(sum[:])
	}
	s := Script{
		Command: Command{Script: hostfile.Script(hostfile.Write, vars, shell.Vars{"writer": hostfile.Writer})},
		Explain: f.explain,
	}
	if upload == "" {
		s.Command.Stdin = f.Content
	}
	return s
}

// explain returns the error of writing f when that of its command is err.
func (f File) explain(err error) error {
	err = DoorError(err, f.Path)
	var failed *CommandError
	if errors.As(err, &failed) {
		if said, status, found := bytes.Cut(failed.Result.Stderr, []byte("rcprov-validate ")); found {
			refused := &ValidateError{Path: f.Path, Argv: f.Validate, Output: string(bytes.TrimSpace(said)), Status: string(bytes.TrimSpace(status))}
			if refused.Status == "missing" {
				return WithHint(fmt.Errorf("there is no program %s on the host, which is to validate the new %s", f.Validate[0], f.Path),
					"%s is as it was. Install the program in an earlier step, or correct `validate`; then run the same command again.", f.Path)
			}
			return WithHint(refused, "%s is as it was. Correct the content, then run the same command again.", f.Path)
		}
	}
	return writeError(err, f.Path)
}

// writeError adds what was tried to an error that doesn't say it.
func writeError(err error, path string) error {
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		return err
	}
	if changed := (*SourceChangedError)(nil); errors.As(err, &changed) {
		return err
	}
	return FileHint(fmt.Errorf("write %s: %w", path, err), path)
}

// vars are those that its scripts share.
func (f File) vars() shell.Vars {
	return shell.Vars{"path": f.Path, "owner": cmp.Or(f.Owner, "root"), "group": cmp.Or(f.Group, "root"), "keep": shell.YesNo(f.Keep)}
}

// uploadDir is where files are uploaded to that go to directories of others. Only root can enter it.
const uploadDir = "/var/lib/rcprov/upload/"

// send uploads the content of f to a place where nobody but root may write, and returns that, and whether it is compressed; after an
// error of the upload nothing is left, if the host still listens.
func send(ctx context.Context, h Host, f File) (to string, packed bool, err error) {
	if f.Source != nil {
		to, packed, err = f.Source.sendSoonest(ctx, h, func(packed bool) (string, error) { return f.room(ctx, h, f.Source.size, packed) })
	} else if to, err = f.room(ctx, h, int64(len(f.Content)), false); err == nil {
		err = h.Upload(ctx, to, bytes.NewReader(f.Content))
	}
	if err != nil && to != "" {
		_, cleanup := h.Run(ctx, Command{Argv: []string{"rm", "-f", "--", to}})
		err = errors.Join(err, cleanup)
	}
	return to, packed, err
}

// room returns where to upload size bytes to.
func (f File) room(ctx context.Context, h Host, size int64, packed bool) (string, error) {
	sum := sha256.Sum256([]byte(f.Path))
	vars := f.vars()
	vars["size"], vars["packed"], vars["store"] = strconv.FormatInt(size, 10), shell.YesNo(packed), uploadDir+hex.EncodeToString(sum[:8])
	result, err := h.Run(ctx, Command{Script: hostfile.Script(hostfile.Room, vars, nil)})
	if err != nil {
		return "", DoorError(err, f.Path)
	}
	return strings.TrimSuffix(string(result.Stdout), "\n"), nil
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

// ParseMode reads a mode as plans write it, in octal: "0644", "644", "1777", "01777".
func ParseMode(s string) (fs.FileMode, error) {
	var bits uint32
	wrong := len(s) < 3 || len(s) > 5
	for _, digit := range s {
		wrong = wrong || digit < '0' || digit > '7'
		bits = bits<<3 | uint32(digit-'0')
	}
	if wrong || bits > 0o7777 {
		return 0, fmt.Errorf("must be an octal mode such as \"0644\", not %q", s)
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

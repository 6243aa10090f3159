package modules

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
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

// writeScript puts a file in place as a whole or not at all. The temporary name is the same each time, so that what
// an interrupted run leaves behind is used up by the next one; it begins with a dot and ends unlike any configuration
// file, so that no program that reads a whole directory takes it for one.
const writeScript = `
tmp=$1 path=$2 mode=$3 owner=$4 keep=$5 backup=$6 input=$7
shift 7
umask 077
trap 'rm -f -- "$tmp"' EXIT
if [ "$input" = stdin ]; then
	rm -f -- "$tmp"
	# conv=excl: nobody may have put a link there meanwhile. Unlike the shell, dd says what is wrong with a path.
	dd of="$tmp" bs=64k conv=excl status=none
fi
if [ "$keep" = keep ] && [ -f "$path" ]; then
	# Also the access control list, of which only the mask shows in the mode: alone, it would become the group's rights.
	cp --attributes-only --preserve=all -- "$path" "$tmp"
	touch -- "$tmp" # all but the old file's time
else
	chown -h -- "$owner" "$tmp"
	chmod -- "$mode" "$tmp" # after chown, which clears the set-user-ID bit
fi
if [ $# -gt 0 ]; then
	"$@" </dev/null >&2 || { status=$?; echo "rcprov-validate $status" >&2; exit 1; }
fi
if [ -n "$backup" ] && [ -f "$path" ]; then
	mkdir -p -- "$(dirname -- "$backup")"
	cp -p -- "$path" "$backup"
fi
sync -- "$tmp"
mv -fT -- "$tmp" "$path"
trap - EXIT
`

// roomScript makes the place for an upload free, and tells early and in words (SFTP has only "failure") when there is no
// room for it. Where a file system can't tell, the upload will.
const roomScript = `
umask 077
rm -f -- "$1"
said=$(fallocate -l "$2" -- "$1" 2>&1) || case $said in
*"not supported"* | *"not found"*) ;;
*)
	printf '%s\n' "$said" >&2
	rm -f -- "$1"
	exit 1
	;;
esac
rm -f -- "$1"
`

// WriteFile writes f as a whole or not at all: a temporary file in the same directory with its final owner and mode,
// validated, synced, renamed. When the validate command refuses, the error is a [*ValidateError]; after this and any
// other error of a command the old file is as it was. Errors have advice from [FileHint].
func WriteFile(ctx context.Context, h Host, f File) error {
	tmp := path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+".rcprov")
	validate := make([]string, len(f.Validate))
	for i, word := range f.Validate {
		validate[i] = string(bytes.ReplaceAll([]byte(word), []byte("%s"), []byte(tmp)))
	}
	cmd := Command{Stdin: f.Content}
	input := "stdin"
	if len(f.Content) > uploadSize {
		if err := upload(ctx, h, tmp, f.Content); err != nil {
			return FileHint(fmt.Errorf("write %s: %w", f.Path, err), f.Path)
		}
		cmd.Stdin, input = nil, "uploaded"
	}
	keep := ""
	if f.Keep {
		keep = "keep"
	}
	cmd.Argv = append([]string{
		"sh", "-euc", writeScript, "write-file",
		tmp, f.Path, OctalMode(f.Mode), cmp.Or(f.Owner, "root") + ":" + cmp.Or(f.Group, "root"), keep, f.Backup, input,
	}, validate...)
	result, err := h.Run(ctx, cmd)
	if err == nil {
		return nil
	}
	if said, status, found := bytes.Cut(result.Stderr, []byte("rcprov-validate ")); found {
		refused := &ValidateError{Path: f.Path, Argv: f.Validate, Said: string(bytes.TrimSpace(said)), Status: string(bytes.TrimSpace(status))}
		return WithHint(refused, "%s is as it was. Correct the content, then run the same command again.", f.Path)
	}
	return FileHint(fmt.Errorf("write %s: %w", f.Path, err), f.Path)
}

// upload puts content into the new file tmp; after an error of the upload none is left, if the host still listens.
func upload(ctx context.Context, h Host, tmp string, content []byte) error {
	room := Command{Argv: []string{"sh", "-euc", roomScript, "write-file", tmp, strconv.Itoa(len(content))}}
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
	Said   string   // all that it printed
	Status string   // exit status
}

func (e *ValidateError) Error() string {
	return fmt.Sprintf("%s refused the new %s (exit status %s): %s",
		observe.QuoteAll(e.Argv), e.Path, e.Status, cmp.Or(e.Said, "it said nothing"))
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

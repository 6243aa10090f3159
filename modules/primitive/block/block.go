package block

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
)

// Module is the module block.
func Module() modules.Module { return modules.Primitive("block", source, New) }

// New checks args. The step is a [*portion.Step].
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &portion.Step{
		Path: args.Path, Create: args.Create, Owner: args.Owner, Group: args.Group,
		Validate: args.Validate, Backup: args.Backup, Sensitive: args.Sensitive || env.Sensitive("block"), Secret: env.Sensitive("block"),
	}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	d, wrong := newDesired(args, cmp.Or(args.Marker, "# {mark} rcprov "+env.Label))
	s.Field, s.Absent, s.Brief, s.Text = "block", d.absent, args.Block, d.text
	return s, errors.Join(append([]error{err}, append(wrong, s.Check()...)...)...)
}

// desired is the block that a text should have, or not.
type desired struct {
	begin, end string   // the markers
	lines      []string // without ends
	place      portion.Place
	absent     bool
}

func newDesired(args Args, marker string) (d desired, errs []error) {
	d.begin, d.end = strings.ReplaceAll(marker, "{mark}", "BEGIN"), strings.ReplaceAll(marker, "{mark}", "END")
	d.absent = args.State == "absent"
	d.place, errs = portion.ReadPlace(args.After, args.Before, d.absent)
	for line := range strings.Lines(args.Block) {
		line, _ = portion.CutEnd(line)
		d.lines = append(d.lines, line)
	}
	switch {
	case strings.ContainsAny(marker, "\r\n\x00"):
		errs = append(errs, modules.Argf("marker", "must be one line"))
	case d.begin == d.end:
		errs = append(errs, &modules.ArgError{
			Arg: "marker", Err: fmt.Errorf("must contain {mark}, not %q", marker), Hint: "It becomes BEGIN above the block and END below it.",
		})
	}
	switch {
	case args.Block == "" && !d.absent:
		errs = append(errs, &modules.ArgError{Arg: "block", Err: errors.New("is required"), Hint: "To remove the block, write `state = \"absent\"`."})
	case strings.ContainsRune(args.Block, 0):
		errs = append(errs, modules.Argf("block", "must be text, without a NUL byte"))
	case slices.Contains(d.lines, d.begin) || slices.Contains(d.lines, d.end):
		errs = append(errs, modules.Argf("block", "contains its own marker"))
	}
	return d, errs
}

// text returns the text with the desired block, which is old itself if it has converged. Of several blocks with these markers the
// first one stays.
func (d desired) text(old string) (text string, notes []string, err error) {
	lines := slices.Collect(strings.Lines(old))
	blocks, err := d.find(lines)
	if err != nil {
		return "", nil, err
	}
	if len(blocks) == 0 && !d.absent {
		all := slices.Concat([]string{d.begin}, d.lines, []string{d.end})
		lines, notes = d.place.Add(lines, "the block", all...)
		return strings.Join(lines, ""), notes, nil
	}
	end := portion.LineEnd(lines)
	for i, b := range slices.Backward(blocks) {
		if d.absent || i > 0 {
			lines = slices.Delete(lines, b.begin, b.end+1)
			continue
		}
		inside := lines[b.begin+1 : b.end]
		if !slices.EqualFunc(inside, d.lines, func(line, desired string) bool { body, _ := portion.CutEnd(line); return body == desired }) {
			ended := make([]string, len(d.lines))
			for i, line := range d.lines {
				ended[i] = line + end
			}
			lines = slices.Replace(lines, b.begin+1, b.end, ended...)
		}
	}
	return strings.Join(lines, ""), nil, nil
}

// span is where the markers of a block are among the lines of a text.
type span struct{ begin, end int }

// find returns all blocks between the markers.
func (d desired) find(lines []string) (blocks []span, err error) {
	begin := -1
	for i, line := range lines {
		body, _ := portion.CutEnd(line)
		switch {
		case body == d.begin && begin < 0:
			begin = i
		case body == d.end && begin >= 0:
			blocks = append(blocks, span{begin, i})
			begin = -1
		case body == d.begin || body == d.end:
			return nil, d.unpaired(body, i)
		}
	}
	if begin >= 0 {
		return nil, d.unpaired(d.begin, begin)
	}
	return blocks, nil
}

func (d desired) unpaired(marker string, line int) error {
	other := d.end
	if marker == d.end {
		other = d.begin
	}
	return modules.WithHint(fmt.Errorf("line %d is the marker %q, and the marker %q that belongs to it is missing", line+1, marker, other),
		"Put the missing marker where it belongs, or remove this one, on the host.")
}

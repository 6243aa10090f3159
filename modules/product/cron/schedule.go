package cron

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the five of a schedule, crontab(5).
type field struct {
	name     string
	from, to int
	words    []string // names of the values from from on
}

var fields = []field{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var nicknames = []string{"@reboot", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}

// checkSchedule returns what is wrong with a schedule, to read on after the argument's name.
func checkSchedule(schedule string) error {
	if strings.HasPrefix(schedule, "@") {
		if !slices.Contains(nicknames, schedule) {
			return fmt.Errorf("must be one of %s, not %q", strings.Join(nicknames, ", "), schedule)
		}
		return nil
	}
	parts := strings.Fields(schedule)
	if len(parts) != len(fields) {
		return fmt.Errorf("must have five fields, not %d: %q", len(parts), schedule)
	}
	for i, part := range parts {
		for item := range strings.SplitSeq(part, ",") {
			if err := fields[i].check(item); err != nil {
				return fmt.Errorf("has %q for the %s, which %w", part, fields[i].name, err)
			}
		}
	}
	return nil
}

// check returns what is wrong with one item of the field's list: "*", "5", "1-5", "*/2", "mon-fri".
func (f field) check(item string) error {
	item, step, stepped := strings.Cut(item, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > f.to) {
		return fmt.Errorf("has a step that is not from 1 to %d", f.to)
	}
	if item == "*" {
		return nil
	}
	from, to, ranged := strings.Cut(item, "-")
	low, err := f.value(from)
	if err != nil || !ranged {
		if err == nil && stepped { // cron of Debian takes it for an error or for one value, by its version
			return fmt.Errorf("has a step without a range, such as %d-%d/%s", low, f.to, step)
		}
		return err
	}
	high, err := f.value(to)
	if err == nil && low > high {
		return fmt.Errorf("goes from %s back to %s", from, to)
	}
	return err
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.words, strings.ToLower(text)); i >= 0 {
		return f.from + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.from || n > f.to || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("is not from %d to %d", f.from, f.to)
	}
	return n, nil
}

package modules

import "fmt"

// Counted writes a number of things for people: "1 file", "3 files".
func Counted[T int | int64 | uint64](n T, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

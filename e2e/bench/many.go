package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// manyPlan is a plan of small files whose numbers are in a file, in a directory that is there.
const manyPlan = `host "near" {}
play "many" {
  hosts = [host.near]
  file "f" {
    for_each = toset(split(" ", file("%s")))
    path     = "/srv/many/file-${each.key}.conf"
    content  = "content of ${each.key}\n"
  }
}
`

// makeMany makes the files on a host in the way that is quickest.
const makeMany = "mkdir -p /srv/many && cd /srv/many && i=0 && while [ $i -lt %d ]; do echo \"content of $i\" >file-$i.conf; i=$((i + 1)); done\n"

// benchMany compares a plan of many files that are as they should be with sha256sum -c of the same files through ssh, and says how the
// time grows with their number.
func benchMany(ctx context.Context, runs int) (err error) {
	d, _, closeDesk, err := newDesk(ctx, runs, false)
	defer func() { err = errors.Join(err, closeDesk()) }()
	if err != nil {
		return err
	}
	fmt.Printf("\nWall time in milliseconds, medians of %d pairs.\n\n", runs)
	fmt.Printf("%-52s %8s %8s %7s\n", "plan of files that need no change", "ssh", "rcprov", "ratio")
	var times []float64
	for _, n := range []int{1000, 10000} {
		theirs, ours, err := d.many(ctx, n)
		if err != nil {
			return err
		}
		if _, _, _, _, err := inTurn(1, forever, theirs, ours); err != nil { // warm-up
			return err
		}
		_, their, our, ratio, err := inTurn(runs, forever, theirs, ours)
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %8.0f %8.0f %7.2f\n", fmt.Sprintf("%d files, ssh sha256sum -c", n), their, our, ratio)
		times = append(times, our)
	}
	fmt.Printf("%-52s %8s %8s %7.1f\n", "growth from 1,000 to 10,000", "", "", times[1]/times[0])
	return nil
}

// many makes n files on the host near, and returns what times sha256sum of them and a plan of them.
func (d *desk) many(ctx context.Context, n int) (theirs, ours func() (milliseconds float64, err error), err error) {
	plan := fmt.Sprintf("many-%d.hcl", n)
	var sums strings.Builder
	numbers := make([]string, n)
	for i := range n {
		numbers[i] = strconv.Itoa(i)
		fmt.Fprintf(&sums, "%x  /srv/many/file-%d.conf\n", sha256.Sum256(fmt.Appendf(nil, "content of %d\n", i)), i)
	}
	for name, content := range map[string]string{
		plan: fmt.Sprintf(manyPlan, plan+".numbers"), plan + ".numbers": strings.Join(numbers, " "),
		plan + ".sums": sums.String(), plan + ".sh": fmt.Sprintf(makeMany, n),
	} {
		if _, err := d.laptop.WriteFile(name, content); err != nil {
			return nil, nil, err
		}
	}
	ssh := func(command, input string) (float64, error) {
		return runTime(d.laptop.Shell(ctx, fmt.Sprintf("ssh -F %s near '%s' <%s", d.laptop.SSHConfig(), command, input)))
	}
	if _, err := ssh("sudo -n sh -s", plan+".sh"); err != nil {
		return nil, nil, err
	}
	return func() (float64, error) { return ssh("sudo -n sha256sum -c --quiet", plan+".sums") },
		func() (float64, error) { return runTime(d.laptop.Command(ctx, "plan", plan)) }, nil // with exit status 2 it would change something
}

package scenario

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// TestReboot has a host that is rebooted in the middle of a run, and then one that doesn't come back.
func TestReboot(t *testing.T) {
	if labtest.Require(t).Name() != "nspawn" {
		labtest.Skip(t, "takes the init away from a container")
	}
	t.Parallel()
	h, laptop := launch(t, `
variable "timeout" { default = "2m" }
play "p" {
  hosts = [host.h1]
  reboot "now" { timeout = var.timeout }
  file "after" {
    path    = "/run/after"
    content = "up\n"
  }
}
`)
	must(t, h, "touch /run/reboot-required")
	r, err := laptop.Run(t.Context(), "apply", "plan.hcl", "--no-color")
	if err != nil {
		t.Fatal(err)
	}
	const wanted = `Play p on h1
> reboot.now ran on h1
    > reboot: /run/reboot-required exists
+ file.after created on h1
    + /run/after: 0644 root:root
        +up

Applied: 2 changed on 1 host
`
	if r.Exit != 0 || r.Stdout != wanted || r.Stderr != "" {
		t.Fatalf("%v\nwant:\n%s", r, wanted)
	}
	_, _ = h.Exec(t.Context(), ":") // the reboot has ended the lab's connection
	must(t, h, `[ "$(grep -c '"step":"reboot.now","what":"\(begun\|changed\)"' /var/lib/rcprov/journal.jsonl)" = 2 ]`)

	must(t, h, "touch /run/reboot-required; cd /usr/lib/systemd && mv systemd systemd.away && rm /sbin/init")
	if r, err = laptop.Run(t.Context(), "apply", "plan.hcl", "--no-color", "-var", "timeout=5s"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^! h1 failed: reboot\.now: the host did not come back from its reboot within 5s \([0-9]+ tries\): `,
		`On host h1 \(admin@[0-9.]+:22\); it is unknown what this step changed, 1 later step was not tried\.`,
		`Look at the console of h1, which its provider or hypervisor shows`,
		`longer .timeout.`,
	} {
		if !regexp.MustCompile(want).MatchString(r.Stdout + strings.ReplaceAll(r.Stderr, "\n", " ")) {
			t.Errorf("no %q in\n%v", want, r)
		}
	}
	if r.Exit != 1 || r.Duration.Seconds() > 60 {
		t.Errorf("%v", r)
	}
}

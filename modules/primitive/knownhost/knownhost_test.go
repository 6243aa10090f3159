package knownhost

import (
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/moduletest"
)

const (
	keyA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
	keyB = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto"
	ec   = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE="
)

func TestText(t *testing.T) {
	t.Parallel()
	hash := knownhosts.HashHostname("h") + " "
	for name, test := range map[string]struct {
		args      Args
		old, want string
		err       string
	}{
		"empty":                     {want: "h " + keyA + "\n"},
		"there":                     {old: "# x\nh " + keyA + " comment\n", want: "# x\nh " + keyA + " comment\n"},
		"there among others":        {old: "a,H,b " + keyA + "\n", want: "a,H,b " + keyA + "\n"},
		"there, hashed":             {old: hash + keyA + "\n", want: hash + keyA + "\n"},
		"another key":               {old: "h " + keyB + "\nx " + keyB + "\n", want: "x " + keyB + "\nh " + keyA + "\n"},
		"another key, hashed":       {old: hash + keyB + "\n", want: "h " + keyA + "\n"},
		"another key, of two names": {old: "h,x " + keyB + "\n", want: "x " + keyB + "\nh " + keyA + "\n"},
		"both keys":                 {old: "h " + keyB + "\nh " + keyA + "\n", want: "h " + keyA + "\n"},
		"a key of another type":     {old: "h " + ec + "\n", want: "h " + ec + "\nh " + keyA + "\n"},
		"port":                      {args: Args{Port: 2222}, old: "h " + keyB + "\n", want: "h " + keyB + "\n[h]:2222 " + keyA + "\n"},
		"port, there":               {args: Args{Port: 2222}, old: "[h]:2222 " + keyA + "\n", want: "[h]:2222 " + keyA + "\n"},
		"pattern":                   {old: "* " + keyB + "\n", want: "* " + keyB + "\nh " + keyA + "\n"},
		"authority":                 {old: "@cert-authority h " + keyB + "\n", want: "@cert-authority h " + keyB + "\nh " + keyA + "\n"},
		"another is revoked":        {old: "@revoked h " + keyB + "\n", want: "@revoked h " + keyB + "\nh " + keyA + "\n"},
		"revoked":                   {old: "@revoked h " + keyA + "\n", err: "the key is revoked for h"},
		"revoked by a pattern":      {old: "@revoked * " + keyA + "\n", err: "the key is revoked for h"},
		"absent":                    {args: Args{State: "absent"}, old: "h " + keyB + "\nh " + ec + "\nx,h " + keyA + "\n@revoked h " + keyB + "\n", want: "x " + keyA + "\n@revoked h " + keyB + "\n"},
		"absent, one key":           {args: Args{State: "absent", Key: keyA}, old: "h " + keyA + "\nh " + ec + "\n", want: "h " + ec + "\n"},
		"damaged":                   {old: "h ssh-ed25519 AAAA\nh\n", want: "h ssh-ed25519 AAAA\nh\nh " + keyA + "\n"},
		"the last line has no end":  {old: "x " + keyB, want: "x " + keyB + "\nh " + keyA + "\n"},
	} {
		args := test.args
		args.Name, args.Path, args.Mode, args.Owner, args.Group = "h", "/etc/ssh/ssh_known_hosts", "0644", "root", "root"
		if args.Port == 0 {
			args.Port = 22
		}
		if args.State == "" {
			args.Key = keyA
		}
		step, err := New(args, modules.Env{})
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := step.(*portion.Step).Text(test.old)
		if moduletest.ErrorText(err) != test.err || text != test.want {
			t.Errorf("%s: %q, %v, want %q, %s", name, text, err, test.want, test.err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Name: "h", Port: 22, Key: keyA, Path: "/etc/x", Mode: "0644", Owner: "root", Group: "root"}
	for want, change := range map[string]func(*Args){
		"":                                     func(*Args) {},
		"key: is required":                     func(a *Args) { a.Key = "" },
		"port: must be from 1 to 65535, not 0": func(a *Args) { a.Port = 0 },
		"name: must be one name or address, not \"[h]:22\"": func(a *Args) { a.Name = "[h]:22" },
		"key: has something before the type of the key":     func(a *Args) { a.Key = "h " + keyA },
	} {
		args := valid
		change(&args)
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

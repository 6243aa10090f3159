package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// firstPlanName is the file that three questions make.
const firstPlanName = "plan.hcl"

// firstPlan writes a plan from the answers to three questions.
func (a *app) firstPlan(ctx context.Context, person *prompt) error {
	if _, err := os.Lstat(firstPlanName); err == nil {
		return modules.WithHint(fmt.Errorf("%s is there already", firstPlanName), "Nothing was written. `rcprov init --list` lists the plans that rcprov brings.")
	}
	answers := make([]string, 3)
	for i, question := range []string{
		"Where is the host? An IP address, a name, or a Host of ~/.ssh/config: ",
		"Who logs in there, root or somebody who may use sudo? Empty for whom ssh takes: ",
		"Which packages shall it have? Names with spaces between, or empty: ",
	} {
		var err error
		if answers[i], err = person.Ask(ctx, question); err != nil {
			return err
		}
		if i == 0 && answers[i] == "" {
			return errors.New("a plan needs a host")
		}
	}
	text, _, diags := plan.Format(firstPlanName, []byte(firstPlanText(answers[0], answers[1], strings.Fields(answers[2]))))
	if diags.HasErrors() {
		return diags
	}
	f, err := os.OpenFile(firstPlanName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", firstPlanName)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "wrote %[1]s\n\nNext: `rcprov plan %[1]s` shows what would change, `rcprov apply %[1]s` changes it.\n", firstPlanName)
	return err
}

// firstPlanText is a plan for a host at address.
func firstPlanText(address, user string, packages []string) string {
	quote := func(text string) string { return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes()) }
	var b strings.Builder
	fmt.Fprintf(&b, "# What the host is to be like.\n#\n#   rcprov plan %[1]s     what would change\n#   rcprov apply %[1]s    change it; run again: nothing left to change\n\n", firstPlanName)
	fmt.Fprintf(&b, "host %s {\naddress = %s\n", quote(hostLabel(address)), quote(address))
	if user != "" {
		fmt.Fprintf(&b, "user = %s\n", quote(user))
	}
	b.WriteString("}\n\nplay \"base\" {\nhosts = group.all\n\n")
	if len(packages) > 0 {
		list := make([]string, len(packages))
		for i, name := range packages {
			list[i] = quote(name)
		}
		fmt.Fprintf(&b, "apt_package %s { packages = [%s] }\n\n", quote("base"), strings.Join(list, ", "))
	}
	b.WriteString("# `rcprov doc` lists the modules, `rcprov doc file` says what this one takes.\n" +
		"file \"motd\" {\npath = \"/etc/motd\"\ncontent = \"This is ${self.name}. It is managed by rcprov.\\n\"\n}\n}\n")
	return b.String()
}

// hostLabel is a name for the host at address: the first word of its name.
func hostLabel(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		address = address[i+1:]
	}
	address = strings.TrimPrefix(address, "ssh://")
	if _, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil {
		return "host1"
	}
	label := strings.FieldsFunc(address, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	if len(label) == 0 || label[0][0] >= '0' && label[0][0] <= '9' {
		return "host1"
	}
	return label[0]
}

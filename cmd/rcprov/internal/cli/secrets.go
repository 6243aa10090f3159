package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/sealed"
	"github.com/rcprov/rcprov/modules"
)

// lockFlags say for whom a file is encrypted.
type lockFlags struct {
	recipients, files []string
	passphrase        bool
}

func (l *lockFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVarP(&l.recipients, "recipient", "r", nil, "encrypt for this `KEY`: an age public key (age1...), or an SSH public key in quotes")
	flags.StringArrayVarP(&l.files, "recipients-file", "R", nil, "encrypt for the keys in `FILE`, a line for each: ~/.ssh/id_ed25519.pub")
	flags.BoolVarP(&l.passphrase, "passphrase", "p", false, "encrypt with a passphrase, which is asked for")
}

func (l *lockFlags) given() bool { return l.passphrase || len(l.recipients)+len(l.files) > 0 }

// lock returns for whom to encrypt.
func (a *app) lock(l lockFlags) (sealed.Lock, error) {
	if !l.passphrase {
		recipients, err := sealed.ReadRecipients(l.recipients, l.files)
		return sealed.Lock{Recipients: recipients}, err
	}
	if len(l.recipients)+len(l.files) > 0 {
		return sealed.Lock{}, errors.New("--passphrase conflicts with recipients: a file has either")
	}
	person := a.reader()
	if person == nil {
		return sealed.Lock{}, errors.New("--passphrase needs a terminal to ask at")
	}
	first, err := person.askPassphrase(context.Background(), "new passphrase: ")
	if err != nil {
		return sealed.Lock{}, err
	}
	second, err := person.askPassphrase(context.Background(), "the same again: ")
	switch {
	case err != nil:
		return sealed.Lock{}, err
	case first != second:
		return sealed.Lock{}, errors.New("the two passphrases differ")
	case first == "":
		return sealed.Lock{}, errors.New("the passphrase is empty")
	}
	return sealed.Lock{Passphrase: first}, nil
}

// ownKey returns the user's own public SSH key; empty: there is none.
func ownKey() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	for _, name := range []string{"id_ed25519.pub", "id_rsa.pub"} {
		if file := filepath.Join(home, ".ssh", name); isFile(file) {
			return file
		}
	}
	return ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func (a *app) secretsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "secrets",
		GroupID: groupPlans,
		Short:   "Make and change files with a plan's secrets, encrypted with age",
		Long: "Make and change variable files that are encrypted with age (https://age-encryption.org) for people with an age identity or\n" +
			"an SSH key, or with a passphrase. validate, plan and apply read them with -var-file.",
		Example: "  rcprov secrets init plans/prod.hcl -R ~/.ssh/id_ed25519.pub\n  rcprov secrets edit prod.vars.hcl.age\n" +
			"  rcprov plan plans/prod.hcl -var-file prod.vars.hcl.age",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(a.secretsInitCommand(), a.secretsEditCommand(), a.secretsRekeyCommand())
	for _, sub := range command.Commands() {
		explainArgs(sub)
	}
	return command
}

func (a *app) secretsInitCommand() *cobra.Command {
	var vars varFlags
	var locks lockFlags
	var file string
	command := &cobra.Command{
		Use:   "init PLAN",
		Short: "Make a file with a value for each sensitive variable that has none",
		Long: "Make an encrypted file with a value for each sensitive variable of a plan that has none: generated where the variable says how\n" +
			"(`generate`), typed otherwise; Enter leaves it out. A file that exists gets what it lacks. Without recipients, the file is\n" +
			"encrypted for your own SSH key, ~/.ssh/id_ed25519.pub or id_rsa.pub." + exitHelp,
		Example:           "  rcprov secrets init plans/prod.hcl -R ~/.ssh/id_ed25519.pub -r age1...\n  rcprov secrets init plans/prod.hcl --passphrase",
		Args:              planArg,
		ValidArgsFunction: completePlan,
		RunE:              func(_ *cobra.Command, args []string) error { return a.secretsInit(args[0], file, vars, locks) },
	}
	vars.add(command)
	locks.add(command)
	command.Flags().StringVarP(&file, "output", "o", "", "the `FILE` to make or complete (default PLAN's name with .vars.hcl.age)")
	return command
}

// secretsInit makes or completes a file with the secrets of a plan.
func (a *app) secretsInit(path, file string, vars varFlags, locks lockFlags) error {
	if file == "" {
		file = strings.TrimSuffix(filepath.Base(filepath.Clean(path)), ".hcl") + ".vars.hcl.age"
	}
	var text []byte
	var lock sealed.Lock
	var err error
	if isFile(file) {
		if text, lock, err = a.open(file, vars.identities); err != nil {
			return err
		}
		if err = lacks(file, lock, locks); err != nil {
			return err
		}
		vars.files = append(slices.Clone(vars.files), file)
	} else {
		if own := ownKey(); !locks.given() && own != "" {
			locks.files = []string{own}
		}
		if !locks.given() {
			return modules.WithHint(errors.New("for whom shall the file be encrypted?"),
				"Name recipients: --recipient age1... (`age-keygen -o ~/.config/rcprov/identity` makes an identity and prints its key), --recipients-file with SSH keys, or --passphrase.")
		}
		if lock, err = a.lock(locks); err != nil {
			return err
		}
	}
	p, err := a.load(path, vars, plan.UnsetAny)
	if err != nil {
		return err
	}
	lines, done, left, err := a.makeSecrets(p)
	if err != nil {
		return err
	}
	if len(done)+len(left) == 0 {
		_, err = fmt.Fprintf(a.Stdout, "Each sensitive variable of %s has a value.\n", path)
		return err
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	content, err := sealed.Seal(append(text, lines...), lock)
	if err == nil {
		err = writePrivate(file, content)
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s has new values of %s.\n", file, orNone(done))
	if len(left) > 0 {
		_, _ = fmt.Fprintf(a.Stdout, "Without a value: %s. `rcprov secrets edit %s` opens the file.\n", strings.Join(left, ", "), file)
	}
	_, _ = fmt.Fprintf(a.Stdout, "It is encrypted %s.\n", forWhom(lock))
	if lock.Passphrase == "" && a.opener(vars.identities).ShutOut(content) {
		_, _ = fmt.Fprintln(a.Stdout, "You can't read it: none of these keys was found here. --identity or RCPROV_IDENTITY names another one.")
	}
	_, _ = fmt.Fprintf(a.Stdout, "Use it: rcprov plan %s -var-file %s\n", path, file)
	return nil
}

// lacks returns an error if a file that exists isn't encrypted for those whom the command names, too.
func lacks(file string, has sealed.Lock, named lockFlags) error {
	if named.passphrase && has.Passphrase == "" || !named.passphrase && named.given() && has.Passphrase != "" {
		return modules.WithHint(fmt.Errorf("%s exists, and is encrypted %s", file, forWhom(has)), "`rcprov secrets rekey %s` changes that.", file)
	}
	if named.passphrase {
		return nil
	}
	recipients, err := sealed.ReadRecipients(named.recipients, named.files)
	if err != nil {
		return err
	}
	for _, r := range recipients {
		if !slices.ContainsFunc(has.Recipients, func(one string) bool { return sameKey(one, r) }) {
			return modules.WithHint(fmt.Errorf("%s exists, and has its recipients: it is encrypted %s", file, forWhom(has)),
				"`rcprov secrets rekey %s --add --recipient ...` adds others.", file)
		}
	}
	return nil
}

// sameKey reports whether two recipients are one key: an SSH key may have another comment.
func sameKey(a, b string) bool {
	key := func(r string) []string { words := strings.Fields(r); return words[:min(2, len(words))] }
	return slices.Equal(key(a), key(b))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no variable"
	}
	return strings.Join(names, ", ")
}

func forWhom(lock sealed.Lock) string {
	if lock.Passphrase != "" {
		return "with a passphrase"
	}
	short := make([]string, len(lock.Recipients))
	for i, r := range lock.Recipients {
		short[i] = r
		if words := strings.Fields(r); len(words) > 2 {
			short[i] = strings.Join(words[2:], " ") + " (" + words[0] + ")"
		}
	}
	return "for " + strings.Join(short, ", ")
}

// makeSecrets returns lines with values of the sensitive variables that have none, the names of those that got one, and of the others.
func (a *app) makeSecrets(p *plan.Plan) (lines []byte, done, left []string, err error) {
	person := a.reader()
	for _, v := range p.Variables() {
		if !v.Sensitive || !slices.Contains(p.Unset, v.Name) {
			continue
		}
		value := ""
		switch {
		case v.Generate != "":
			if value, err = plan.Generate(v.Generate); err != nil {
				return nil, nil, nil, err
			}
			a.secrets.Add(value)
		case person != nil && v.Text:
			question := v.Name + " (Enter leaves it out): "
			if v.Description != "" {
				question = v.Name + ", " + v.Description + " (Enter leaves it out): "
			}
			if value, err = person.AskSecret(context.Background(), question); err != nil {
				return nil, nil, nil, err
			}
		}
		if v.Description != "" {
			lines = append(lines, "\n# "+strings.Join(strings.Fields(v.Description), " ")+"\n"...)
		}
		if value == "" {
			lines = append(lines, "# "+v.Name+" = \n"...)
			left = append(left, v.Name)
			continue
		}
		lines = append(lines, v.Name+" = "...)
		lines = append(lines, hclwrite.TokensForValue(cty.StringVal(value)).Bytes()...)
		lines = append(lines, '\n')
		done = append(done, v.Name)
	}
	return lines, done, left, nil
}

func (a *app) secretsEditCommand() *cobra.Command {
	var who identities
	command := &cobra.Command{
		Use:   "edit FILE",
		Short: "Change an encrypted file in your editor",
		Long: "Decrypt a file, open it in the editor of $VISUAL or $EDITOR, and encrypt what comes out for the same recipients. The plain text\n" +
			"is meanwhile in a directory that only you can enter, in memory where the system has a place for that." + exitHelp,
		Example: "  rcprov secrets edit prod.vars.hcl.age",
		Args:    fileArg,
		RunE:    func(_ *cobra.Command, args []string) error { return a.secretsEdit(args[0], who) },
	}
	who.add(command.Flags())
	return command
}

func fileArg(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("name one encrypted file, not %d", len(args))
	}
	return nil
}

// open decrypts a file, and returns for whom it is encrypted.
func (a *app) open(file string, who identities) ([]byte, sealed.Lock, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, sealed.Lock{}, err
	}
	if !sealed.IsSealed(content) {
		return nil, sealed.Lock{}, modules.WithHint(fmt.Errorf("%s is not encrypted", file), "`rcprov secrets rekey %s --recipient ...` encrypts it.", file)
	}
	o := a.opener(who)
	text, err := o.Open(file, content)
	if err != nil {
		return nil, sealed.Lock{}, err
	}
	lock, err := o.Lock(file, text)
	return text, lock, err
}

func (a *app) secretsEdit(file string, who identities) error {
	text, lock, err := a.open(file, who)
	if err != nil {
		return err
	}
	changed, err := a.edit(text, strings.TrimSuffix(filepath.Base(file), ".age"))
	if err != nil {
		return err
	}
	if bytes.Equal(changed, text) {
		_, err = fmt.Fprintf(a.Stdout, "%s is as it was.\n", file)
		return err
	}
	if err := save(file, changed, lock); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s is changed, and encrypted %s.\n", file, forWhom(lock))
	return err
}

// edit returns what the user's editor makes of a text. What no plan can read, or has lost all values, is given back to a person, and an
// error otherwise.
func (a *app) edit(text []byte, name string) ([]byte, error) {
	memory := a.env("XDG_RUNTIME_DIR")
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "rcprov-secrets-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	editor := strings.Fields(a.env("VISUAL"))
	if len(editor) == 0 {
		editor = strings.Fields(a.env("EDITOR"))
	}
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	before, _ := plan.ParseValues(text, name)
	for {
		command := exec.Command(editor[0], append(editor[1:], path)...)
		command.Stdin, command.Stdout, command.Stderr = a.Stdin, a.Stdout, a.Stderr
		command.Env = a.Environ
		if err := command.Run(); err != nil {
			return nil, modules.WithHint(fmt.Errorf("the editor %s: %w; nothing was changed", editor[0], err), "$VISUAL or $EDITOR names another.")
		}
		changed, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		mistake := editMistake(changed, name, before)
		if mistake == nil {
			return changed, nil
		}
		person := a.reader()
		if person == nil {
			return nil, fmt.Errorf("%w; nothing was changed", mistake)
		}
		answer, err := person.Ask(context.Background(), mistake.Error()+". Edit again? (yes/no) ")
		if err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
			return nil, fmt.Errorf("%w; nothing was changed", mistake)
		}
	}
}

// editMistake returns what is wrong with an edited text: that no plan can read it, or that all values of before are gone.
func editMistake(text []byte, name string, before []string) error {
	names, diags := plan.ParseValues(text, name)
	switch {
	case diags.HasErrors():
		return firstMistake(name, diags)
	case len(before) > 0 && len(bytes.TrimSpace(text)) == 0:
		return fmt.Errorf("%s is empty", name)
	case len(before) > 0 && len(names) == 0:
		return fmt.Errorf("%s has no values left", name)
	}
	return nil
}

func firstMistake(name string, diags hcl.Diagnostics) error {
	if diags[0].Subject == nil {
		return fmt.Errorf("%s: %s", name, diags[0].Summary)
	}
	return fmt.Errorf("%s line %d: %s", name, diags[0].Subject.Start.Line, diags[0].Summary)
}

func (a *app) secretsRekeyCommand() *cobra.Command {
	var who identities
	var locks lockFlags
	var add, force bool
	command := &cobra.Command{
		Use:   "rekey FILE",
		Short: "Encrypt a file for other recipients",
		Long: "Encrypt a variable file for the recipients given, and nobody else; with --add, also for those who can read it now. A plain file is\n" +
			"replaced by an encrypted one. If none of your own identities could read it then, nothing is changed without --force.\n\nWho could read an earlier version can still read that: change the secrets themselves, too, when somebody leaves." + exitHelp,
		Example: "  rcprov secrets rekey prod.vars.hcl.age --add -r age1...\n  rcprov secrets rekey prod.vars.hcl.age -R team.keys",
		Args:    fileArg,
		RunE:    func(_ *cobra.Command, args []string) error { return a.secretsRekey(args[0], who, locks, add, force) },
	}
	who.add(command.Flags())
	locks.add(command)
	command.Flags().BoolVar(&add, "add", false, "keep the recipients that the file has")
	command.Flags().BoolVar(&force, "force", false, "even if you can't read the file then")
	return command
}

func (a *app) secretsRekey(file string, who identities, locks lockFlags, add, force bool) error {
	if !locks.given() {
		return errors.New("name the recipients: --recipient, --recipients-file or --passphrase")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var old sealed.Lock
	o := a.opener(who)
	if sealed.IsSealed(text) {
		if text, err = o.Open(file, text); err != nil {
			return err
		}
		if old, err = o.Lock(file, text); err != nil && add {
			return err
		}
	} else if _, diags := plan.ParseValues(text, file); diags.HasErrors() {
		return fmt.Errorf("%s is neither encrypted nor a variable file: %w", file, firstMistake(file, diags))
	}
	lock, err := a.lock(locks)
	if err != nil {
		return err
	}
	if add {
		if old.Passphrase != "" || lock.Passphrase != "" {
			return errors.New("--add conflicts with a passphrase: a file has either recipients or one passphrase")
		}
		for _, r := range slices.Backward(old.Recipients) {
			if !slices.Contains(lock.Recipients, r) {
				lock.Recipients = slices.Insert(lock.Recipients, 0, r)
			}
		}
	}
	content, err := sealed.Seal(text, lock)
	if err != nil {
		return err
	}
	if !force && lock.Passphrase == "" && o.ShutOut(content) {
		return modules.WithHint(fmt.Errorf("you couldn't read %s then: it would be encrypted %s, and none of these keys is yours; nothing was changed", file, forWhom(lock)),
			"Name your own key, too (-R ~/.ssh/id_ed25519.pub), or keep the recipients that it has with --add. --identity or RCPROV_IDENTITY names an identity of yours elsewhere. --force does it nevertheless.")
	}
	if err := writePrivate(file, content); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s is encrypted %s.\n", file, forWhom(lock))
	return err
}

// save encrypts a text into a file, whole or not at all, that only its owner reads.
func save(file string, text []byte, lock sealed.Lock) error {
	content, err := sealed.Seal(text, lock)
	if err != nil {
		return err
	}
	return writePrivate(file, content)
}

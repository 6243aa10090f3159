package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/modules"
)

// A word of another tool, and what to do here in its place.
type word struct {
	names []string
	hint  string
}

func wordElsewhere(words []word, name string) (hint string, ok bool) {
	for _, w := range words {
		if slices.Contains(w.names, name) {
			return w.hint, true
		}
	}
	return "", false
}

// What several words lead to.
const (
	noPlaybook = "Plans are written in HCL. `rcprov init` writes a first one, and `rcprov doc language` is the manual."
	noState    = "There is no state file: rcprov looks at the hosts each time. `rcprov plan PLAN` shows what differs, " +
		"`rcprov history PLAN HOST` who changed what."
	noVault = "Secrets are values of sensitive variables: RCPROV_VAR_name in the environment, or a file for -var-file, encrypted by `rcprov secrets`."
)

// commandsElsewhere are commands that people know from Ansible, Terraform and others.
var commandsElsewhere = []word{
	{
		[]string{"playbook", "ansible-playbook", "deploy", "up", "push", "converge", "provision", "install", "sync"},
		"`rcprov apply PLAN` does what a plan says; the plan has the hosts, too.",
	},
	{[]string{"check", "diff", "preview", "dry-run", "noop", "what-if", "status", "drift"}, "`rcprov plan PLAN` shows what apply would change, and changes nothing."},
	{
		[]string{"ansible", "adhoc", "ad-hoc", "exec", "shell", "ssh", "command", "cmd", "ping", "ansible-console"},
		"`rcprov run PLAN HOSTS -- COMMAND` runs a command on hosts of a plan, such as `rcprov run PLAN all -- uptime`.",
	},
	{[]string{"ansible-doc", "man", "modules", "module", "list", "ls", "info", "usage", "docs"}, "`rcprov doc` lists the modules, and `rcprov doc MODULE` is the manual of one."},
	{
		[]string{"ansible-vault", "vault", "encrypt", "decrypt", "sops", "secret"},
		"`rcprov secrets` makes and changes encrypted files of variables, for -var-file.",
	},
	{
		[]string{"ansible-galaxy", "galaxy", "role", "roles", "collection", "get", "modules-get"},
		"A role is a library here: a directory that a plan uses with `include`. `rcprov init --list` lists plans, which come with their libraries.",
	},
	{
		[]string{"ansible-inventory", "inventory", "hosts", "list-hosts", "list-tasks", "graph"},
		"`rcprov validate PLAN --json` lists the hosts and plays of a plan; steps run in the order of the file.",
	},
	{[]string{"ansible-lint", "lint", "syntax", "syntax-check", "test"}, "`rcprov validate PLAN` finds mistakes without connecting to a host, `rcprov fmt` formats."},
	{[]string{"setup", "gather", "gather-facts", "gather_facts"}, "`rcprov facts PLAN HOST` shows what a plan can know of a host."},
	{[]string{"terraform", "tofu", "opentofu"}, "The commands are rcprov's own: `rcprov plan`, `rcprov apply`, `rcprov validate`, `rcprov fmt`."},
	{
		[]string{"destroy", "down", "uninstall", "remove", "delete", "prune", "rm"},
		"rcprov removes what a step with `state = \"absent\"` names. A step that is taken out of a plan leaves the host as it is.",
	},
	{[]string{"state", "refresh", "taint", "untaint", "import", "show", "force-unlock", "unlock"}, noState},
	{[]string{"output", "outputs", "console"}, "`rcprov apply PLAN` and `rcprov plan PLAN` print the outputs of a plan at the end; `--json` has them, too."},
	{[]string{"workspace", "env"}, "One plan serves several environments, each with a `-var-file` of its own."},
	{[]string{"providers", "provider"}, "Nothing is downloaded: all modules are in rcprov. `rcprov doc` lists them."},
	{[]string{"login", "logout", "connect"}, "rcprov logs in as `ssh` does, each time; user and keys stand in the host block or in ~/.ssh/config."},
	{[]string{"rollback", "undo", "revert"}, "Apply the earlier version of the plan: rcprov makes what differs."},
	{[]string{"upgrade", "update"}, "A step `apt_upgrade` brings a host's packages to their newest versions: `rcprov doc apt_upgrade`."},
	{[]string{"new", "create", "copy"}, "`rcprov init` writes a plan to start from."},
	{[]string{"journal"}, "`rcprov logs PLAN HOST UNIT` follows the journal of a unit, and `rcprov history PLAN HOST` shows who changed what."},
}

// flagsElsewhere are flags that other tools have, most of them Ansible and Terraform.
var flagsElsewhere = []word{
	{[]string{"check", "C", "diff", "D", "dry-run", "noop"}, "`rcprov plan PLAN` shows what apply would change, with the differences, and changes nothing."},
	{[]string{"version", "V"}, "It is a command: `rcprov version`."},
	{[]string{"syntax-check", "validate"}, "It is a command: `rcprov validate PLAN`."},
	{[]string{"inventory", "inventory-file", "i"}, "The plan itself has the hosts, in blocks `host`, which may come from a file (for_each); `--limit` chooses some of them."},
	{[]string{"l", "host", "hosts"}, "Of plan and apply, `--limit HOSTS` chooses hosts and groups."},
	{[]string{"list-hosts", "list-tasks", "list-tags"}, "`rcprov validate PLAN --json` lists the hosts and plays of a plan."},
	{[]string{"t"}, "Of plan and apply, `--tags TAGS` chooses the steps that have one of these tags."},
	{[]string{"forks", "f", "parallelism"}, "Of plan and apply, `--parallel N` is how many hosts are worked on at a time."},
	{[]string{"start-at-task", "step", "force-handlers"}, "Run the same command again: what is done already is only looked at, and restarts that are due are made."},
	{[]string{"e", "extra-vars"}, "Values of variables are given with `-var name=value` or `-var-file`."},
	{[]string{"private-key", "key-file", "user", "u", "connection", "c", "p", "port"}, "It is an argument of the host block, or stands in ~/.ssh/config: user, port, identity_file, connection."},
	{[]string{"k", "ask-pass"}, "rcprov asks for a password at a terminal when it needs one; `password` of a host block takes it from a variable."},
	{
		[]string{"become", "b", "K", "ask-become-pass", "become-user", "become-method", "sudo", "s", "become-password-file"},
		"rcprov becomes root by itself, and asks for sudo's password if there is one; `become` of a host block changes that.",
	},
	{[]string{"ask-vault-pass", "ask-vault-password", "vault-id", "vault-password-file", "J"}, noVault},
	{
		[]string{"m", "module-name", "a", "args"},
		"`rcprov run PLAN HOSTS -- COMMAND` runs a command on hosts; what a module does, a step of a plan does.",
	},
	{[]string{"timeout", "T"}, "`--connect-timeout` is for connecting; a step may have a `timeout`."},
	{[]string{"background", "B", "poll", "P", "flush-cache", "one-line", "o", "module-path", "M"}, "It isn't needed here: leave it out."},
	{
		[]string{"auto-approve", "yes", "y", "input", "interactive"},
		"apply asks nothing before it changes hosts. `rcprov plan PLAN` shows the changes first; with `-out FILE`, `rcprov apply FILE` makes exactly these.",
	},
	{[]string{"target", "exclude", "replace"}, "Of plan and apply, `--only PLAY/STEP` runs some steps, and `--limit HOSTS` is for some hosts."},
	{[]string{"destroy"}, "rcprov removes what a step with `state = \"absent\"` names. A step that is taken out of a plan leaves the host as it is."},
	{
		[]string{"state", "state-out", "backup", "refresh", "refresh-only", "backend", "backend-config", "migrate-state", "reconfigure"},
		noState,
	},
	{[]string{"lock", "lock-timeout"}, "Each run locks its hosts, and the lock ends with the run."},
	{[]string{"detailed-exitcode"}, "plan always exits with 2 if something would change, and with 0 if not."},
	{[]string{"upgrade"}, "Nothing is downloaded: all modules are in rcprov."},
	{[]string{"chdir"}, "Name the plan by its path, a file or a directory."},
	{[]string{"recursive", "write"}, "`rcprov fmt DIR` formats all plans below a directory; `--check` writes nothing."},
}

// knownCommand checks the arguments of the root command: any argument is a command that doesn't exist.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "`rcprov --help` lists all commands."
	if ours, ok := wordElsewhere(commandsElsewhere, args[0]); ok {
		hint = ours
	} else if isPlaybook(args[0]) {
		hint = noPlaybook
	} else if near := nearest(args[0], commandNames(root)); near != "" {
		hint = fmt.Sprintf("Did you mean `rcprov %s`? %s", near, hint)
	} else if filepath.Ext(args[0]) == ".hcl" {
		hint = fmt.Sprintf("`rcprov plan %s` shows what would change, `rcprov apply %s` does it. %s", args[0], args[0], hint)
	}
	return modules.WithHint(fmt.Errorf("there is no command %q", args[0]), "%s", hint)
}

func commandNames(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	return names
}

// knownTopic has `rcprov help WORD` refuse a word that is no command, as `rcprov WORD` does.
func knownTopic(root *cobra.Command) {
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	show := help.Run
	help.Run = nil
	help.RunE = func(cmd *cobra.Command, args []string) error {
		if found, _, err := root.Find(args); len(args) > 0 && (err != nil || found == root) {
			return knownCommand(root, args)
		}
		show(cmd, args)
		return nil
	}
}

// isPlaybook reports whether a file is one of Ansible's, by its name.
func isPlaybook(name string) bool {
	return slices.Contains([]string{".yml", ".yaml"}, strings.ToLower(filepath.Ext(name)))
}

package jitsi

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Account is the step for the XMPP account of focus or bridge. prosody stores the keys that SCRAM (RFC 5802, section 3)
// derives from the password, by which rcprov recognises it.
type Account struct {
	User   string
	Domain string // of Jitsi; the account's is auth.DOMAIN
	Secret modules.Secret
}

var _ modules.Step = (*Account)(nil)

func (s *Account) jid() string { return s.User + "@auth." + s.Domain }

// The users of the two accounts.
const (
	focusUser  = "focus"
	bridgeUser = "jvb"
)

// accountFile is where prosody keeps the account of a user.
func accountFile(user, domain string) string {
	return prosodyData("auth."+domain) + "/accounts/" + user + ".dat"
}

func (s *Account) question() observe.FileQuestion {
	return confQuestion(accountFile(s.User, s.Domain))
}

// Observe implements [modules.Step].
func (s *Account) Observe(q *observe.Query) { observe.File.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Account) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.question().Path, err)
	}
	if is.Type == observe.Absent {
		return modules.NewChange(accountWork{JID: s.jid(), Create: true}), nil
	}
	same, err := hasPassword(string(is.Content), string(s.Secret))
	if err != nil {
		return modules.Change{}, fmt.Errorf("%s: %w", s.question().Path, err)
	}
	if same {
		return modules.Change{}, nil
	}
	return modules.NewChange(accountWork{JID: s.jid()}), nil
}

// notice is what prosodyctl and prosody 0.12 say of a library of Lua that they can do without, at the end of what else they say.
var notice = regexp.MustCompile(`(?ms)^\*{10,}\nProsody was unable to find .*?^\*{10,}$`)

// said returns the last line of the first of outputs that says something, of prosodyctl or of a script that calls it.
func said(outputs ...[]byte) string {
	for _, output := range outputs {
		if line := modules.LastLine(notice.ReplaceAll(output, nil)); line != "" {
			return line
		}
	}
	return "it says nothing"
}

const checkConfigHint = "`prosodyctl check config` on the host shows whether prosody can read its configuration."

//go:embed account.sh
var accountScript string

// accountWork is an account that is created, or gets the plan's password.
type accountWork struct {
	JID    string
	Create bool
}

// Edits implements [modules.Work].
func (w accountWork) Edits() []modules.Edit {
	e := modules.Edit{Action: modules.Create, Subject: "account " + w.JID}
	if !w.Create {
		e.Action, e.Field, e.Sensitive = modules.Update, "password", true
	}
	return []modules.Edit{e}
}

// accountField is a line of an account's file: a Lua table, written by prosody's util.serialization.
var accountField = regexp.MustCompile(`(?m)^\s*\["([a-z_]+)"\] = "?([^"\n]*?)"?;$`)

// mostIterations limits what a file can make the controller compute; prosody's default is 10,000.
const mostIterations = 10_000_000

// hasPassword reports whether an account's file has this password; false if it has none.
func hasPassword(account, password string) (bool, error) {
	fields := map[string]string{}
	for _, match := range accountField.FindAllStringSubmatch(account, -1) {
		fields[match[1]] = match[2]
	}
	if plain, ok := fields["password"]; ok {
		return plain == password, nil
	}
	if fields["stored_key"] == "" {
		return false, nil
	}
	var newHash func() hash.Hash
	switch len(fields["stored_key"]) {
	case 2 * sha1.Size:
		newHash = sha1.New
	case 2 * sha256.Size:
		newHash = sha256.New
	default:
		return false, errors.New("has a stored_key of neither SHA-1 nor SHA-256")
	}
	iterations, err := strconv.Atoi(fields["iteration_count"])
	if err != nil || iterations < 1 || iterations > mostIterations {
		return false, fmt.Errorf("has the iteration_count %q", fields["iteration_count"])
	}
	salted, err := pbkdf2.Key(newHash, password, []byte(fields["salt"]), iterations, newHash().Size())
	if err != nil {
		return false, err
	}
	mac := hmac.New(newHash, salted)
	mac.Write([]byte("Client Key"))
	key := newHash()
	key.Write(mac.Sum(nil))
	return hex.EncodeToString(key.Sum(nil)) == fields["stored_key"], nil
}

// Apply implements [modules.Step]. prosodyctl asks for the password twice, on standard input: everybody on the host can read
// command lines.
func (s *Account) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	what := "passwd"
	if w, _ := c.Work.(accountWork); w.Create {
		what = "adduser"
	}
	modules.Progress(ctx, "prosodyctl %s %s", what, s.jid())
	result, err := h.Run(ctx, modules.Command{
		Argv:  []string{"sh", "-euc", shell.Script(accountScript, shell.Vars{"what": what, "jid": s.jid(), "unit": prosodyUnit})},
		Stdin: []byte(strings.Repeat(string(s.Secret)+"\n", 2)),
	})
	var failed *modules.CommandError
	if errors.As(err, &failed) {
		return modules.WithHint(fmt.Errorf("prosodyctl %s %s: %s", what, s.jid(), said(result.Stdout, result.Stderr)), checkConfigHint)
	}
	return err
}

package aptrepository

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// When apt can't verify an index, it goes on with the previous one and warns: `apt-get update` ends with 0. What it has fetched it
// keeps, so that nothing must be fetched to know its verdict.

//go:embed signers.sh
var signersScript string

// signers answers which keys signed the newest index that apt has fetched, by the index's name among apt's lists. None: there is no
// such index, or its signatures can't be read.
var signers = &observe.Kind[string, []uint64]{
	Name: "signers of indexes",
	Script: func(names []string) string {
		return shell.Script(signersScript, shell.Vars{"names": shell.QuoteAll(names)})
	},
	Parse: func(names []string, reply observe.Reply) map[string]observe.Answer[[]uint64] {
		answers := make(map[string]observe.Answer[[]uint64])
		for _, name := range names {
			answers[name] = observe.Answer[[]uint64]{}
			if reply.Status != 0 {
				answers[name] = observe.Answer[[]uint64]{Err: fmt.Errorf("apt's lists: %s", strings.TrimSpace(string(reply.Stderr)))}
			}
		}
		name, text := "", ""
		end := func() {
			if _, asked := answers[name]; asked && text != "" {
				answers[name] = observe.Answer[[]uint64]{Value: issuers(text)}
			}
			text = ""
		}
		for _, line := range reply.Lines() {
			if next, found := strings.CutPrefix(line, "index "); found {
				end()
				name = next
			} else if part, found := strings.CutPrefix(line, " "); found {
				text += part + "\n"
			}
		}
		end()
		return answers
	},
}

// issuers returns the IDs of the keys that made armored signatures, without those that can't be read.
func issuers(text string) []uint64 {
	var ids []uint64
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(block.Body, 1<<20))
	if err != nil {
		return nil
	}
	for packets := packet.NewReader(bytes.NewReader(content)); ; {
		p, err := packets.Next()
		var unknown interface{ Temporary() bool }
		switch signature, ok := p.(*packet.Signature); {
		case errors.As(err, &unknown):
			continue
		case err != nil:
			return ids
		case ok && signature.IssuerKeyId != nil && !slices.Contains(ids, *signature.IssuerKeyId):
			ids = append(ids, *signature.IssuerKeyId)
		}
	}
}

// indexes are the names that the indexes of s have among apt's lists.
func (s Source) indexes() []string {
	var all []string
	for _, uri := range s.URIs {
		for _, suite := range s.Suites {
			dir := strings.TrimSuffix(uri, "/") + "/dists/" + suite + "/"
			if strings.HasSuffix(suite, "/") {
				dir = strings.TrimSuffix(uri, "/") + "/" + suite
			}
			for _, file := range []string{"InRelease", "Release.gpg"} {
				all = append(all, listName(dir+file))
			}
		}
	}
	return all
}

// listName is apt's name for what it fetches from a URI (URItoFileName in apt-pkg/contrib/strutl.cc, 2.6).
func listName(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	if authority, found := strings.CutPrefix(rest, "//"); found {
		host, path, _ := strings.Cut(authority, "/")
		rest = host[strings.LastIndex(host, "@")+1:] + "/" + path
	}
	var b strings.Builder
	for _, c := range []byte(rest) {
		switch {
		case c == '/':
			b.WriteByte('_')
		case c <= 0x20 || c >= 0x7f || strings.IndexByte("\\|{}[]<>\"^~_=!@#$%&*", c) >= 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// strangers are the keys that signed an index, none of which the ring has; none if there is no such index.
func (s *Step) strangers(snapshot *observe.Snapshot, ring keyring) ([]uint64, error) {
	for _, name := range s.Source.indexes() {
		ids, err := signers.Get(snapshot, name)
		if err != nil {
			return nil, err
		}
		if len(ids) > 0 && !ring.knows(ids) {
			return ids, nil
		}
	}
	return nil, nil
}

func keyIDs(ids []uint64) string {
	var all []string
	for _, id := range ids {
		all = append(all, fmt.Sprintf("%016X", id))
	}
	return strings.Join(all, ", ")
}

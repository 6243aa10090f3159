package aptrepository

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/observe"
)

// TestListName has names that apt 2.6 gave.
func TestListName(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"http://10.64.0.1:8123/repo/./InRelease":                               "10.64.0.1:8123_repo_._InRelease",
		"file:/srv/repo/./InRelease":                                           "_srv_repo_._InRelease",
		"file:///srv/repo/./InRelease":                                         "_srv_repo_._InRelease",
		"http://security.debian.org/dists/bookworm-security/InRelease":         "security.debian.org_dists_bookworm-security_InRelease",
		"https://me:secret@repo.example.com/a_b/dists/x/mongodb-8.0/InRelease": "repo.example.com_a%5fb_dists_x_mongodb-8.0_InRelease",
	} {
		if got := listName(uri); got != want {
			t.Errorf("%s: %s; want %s", uri, got, want)
		}
	}
	got := Source{URIs: []string{"https://a.example/apt/"}, Suites: []string{"noble", "flat/"}}.indexes()
	want := []string{"a.example_apt_dists_noble_InRelease", "a.example_apt_dists_noble_Release.gpg", "a.example_apt_flat_InRelease", "a.example_apt_flat_Release.gpg"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// clearsigned returns an InRelease file.
func clearsigned(t testing.TB, keys ...*openpgp.Entity) string {
	t.Helper()
	var private []*packet.PrivateKey
	for _, key := range keys {
		private = append(private, key.PrivateKey)
	}
	var b bytes.Buffer
	w, err := clearsign.EncodeMulti(&b, private, &packet.Config{Time: func() time.Time { return made }})
	if err == nil {
		_, err = w.Write([]byte("Suite: x\n"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func TestParseSigners(t *testing.T) {
	t.Parallel()
	one, two := newKey(t, 0), newKey(t, 0)
	printed := func(name string, keys ...*openpgp.Entity) string {
		_, signature, _ := strings.Cut(clearsigned(t, keys...), "-----BEGIN PGP SIGNATURE-----")
		return "index " + name + "\n" + strings.ReplaceAll(strings.TrimSuffix("\n-----BEGIN PGP SIGNATURE-----"+signature, "\n"), "\n", "\n ")[1:] + "\n"
	}
	reply := observe.Reply{Stdout: []byte(printed("one", one) + printed("both", one, two) + "index broken\n -----BEGIN PGP SIGNATURE-----\n x\n" + "index empty\n")}
	names := []string{"one", "both", "broken", "empty", "absent"}
	want := map[string][]uint64{"one": {one.PrimaryKey.KeyId}, "both": {one.PrimaryKey.KeyId, two.PrimaryKey.KeyId}}
	got := signers.Parse(names, reply)
	for _, name := range names {
		if diff := cmp.Diff(want[name], got[name].Value); diff != "" || got[name].Err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, got[name].Err, diff)
		}
	}
	if got := signers.Parse(names, observe.Reply{Status: 1, Stderr: []byte("no such user\n")}); got["one"].Err == nil {
		t.Error("a script that fails says that there is nothing")
	}
}

func FuzzIssuers(f *testing.F) {
	f.Add(clearsigned(f, newKey(f, 0)))
	f.Fuzz(func(_ *testing.T, text string) {
		_ = issuers(text) // must not panic
	})
}

func TestParseSources(t *testing.T) {
	t.Parallel()
	a, b := aboutSources{File: "/etc/apt/sources.list.d/rcprov-a.sources"}, aboutSources{File: "/etc/apt/sources.list.d/rcprov-b.sources"}
	got := sources.Parse([]aboutSources{a, b}, observe.Reply{Stdout: []byte("repository " + a.File + "\nalso /etc/apt/sources.list\nE: Conflicting values\n" +
		"E: The list of sources could not be read.\nrepository " + b.File + "\n")})
	want := map[aboutSources]observe.Answer[sourcesInfo]{
		a: {Value: sourcesInfo{Also: []string{"/etc/apt/sources.list"}, Errors: []string{"Conflicting values", "The list of sources could not be read."}}},
		b: {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

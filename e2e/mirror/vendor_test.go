package mirror

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReach asks two servers, one of which doesn't exist.
func TestReach(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler()) // any answer is one
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	if err := reach(t.Context(), []string{server.URL}); err != nil {
		t.Error(err)
	}
	err := reach(t.Context(), []string{server.URL, gone.URL})
	if err == nil {
		t.Fatal("no error")
	}
	address := strings.TrimPrefix(gone.URL, "http://")
	want := `with MIRROR=vendor everything comes from the vendors' own servers, and from here 1 of 2 don't answer:
  ` + gone.URL + `: dial tcp ` + address + `: connect: connection refused
Run this where there is internet access, or without MIRROR: the lab's mirror then stands in for them`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOptionsFromEnv(t *testing.T) {
	for word, want := range map[string]bool{"": false, "lab": false, "vendor": true} {
		t.Setenv("MIRROR", word)
		if o, err := OptionsFromEnv(); err != nil || o.Vendor != want {
			t.Errorf("MIRROR=%s: %+v, %v", word, o, err)
		}
	}
	t.Setenv("MIRROR", "vendors")
	if _, err := OptionsFromEnv(); err == nil || err.Error() != `MIRROR can be "lab" or "vendor", not "vendors"` {
		t.Error(err)
	}
}

// TestVariables checks that the variables leave the vendors' servers to the plan's defaults.
func TestVariables(t *testing.T) {
	acme := &ACME{Directory: "https://acme.lab", DNS: "127.0.0.1:53"}
	m := &Mirror{Vendor: true, MongoDB: vendors.MongoDB, Node: vendors.Node, RocketChat: vendors.RocketChat, ACME: acme}
	want := map[string]string{
		"node_version": "22.22.3", "mongodb_version": "8.0",
		"acme_directory": "https://acme.lab", "acme_ca_file": "", "site_ca_file": "", "acme_nameservers": `["127.0.0.1:53"]`,
	}
	if diff := cmp.Diff(want, m.Variables()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	lab := &Mirror{MongoDB: MongoDB{URI: "http://lab/apt", KeyURL: "http://lab/key", Fingerprint: "AB"}, ACME: acme}
	if got, want := lab.Variables()["mongodb_repository"], `{"fingerprints":["AB"],"key_url":"http://lab/key","uri":"http://lab/apt"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

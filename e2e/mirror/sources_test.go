package mirror

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSplit: what goes into the file for plans/lib/sources has the names of its outputs.
func TestSplit(t *testing.T) {
	t.Parallel()
	plan, sources, err := Split(map[string]string{
		"domain": "x", "acme_ca_file": "/ca.pem", "acme_nameservers": `["127.0.0.1:53"]`, "check_mongodb_version": "false", "site_ca_file": "",
		"node_releases": source("mirror", "http://lab/dist", "http://lab/key", "AB"),
	})
	want := `{"acme":{"ca_file":"/ca.pem","nameservers":["127.0.0.1:53"]},"check_mongodb_version":false,` +
		`"node":{"fingerprints":["AB"],"key_url":"http://lab/key","mirror":"http://lab/dist"},"site_ca_file":""}`
	if err != nil || string(sources) != want || fmt.Sprint(plan) != "map[domain:x]" {
		t.Errorf("%v, %v\n%s, want\n%s", plan, err, sources, want)
	}

	library, err := os.ReadFile("../../plans/lib/sources/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for variable, name := range sourceNames {
		if !strings.Contains(string(library), "\noutput \""+name[0]+"\" {") {
			t.Errorf("plans/lib/sources has no output %q for %s", name[0], variable)
		}
	}
}

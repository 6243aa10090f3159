package fetch

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	// As apt 2.6 and 3.0 print them.
	for line, want := range map[string]string{
		"Get:1 http://example.com/x [30.0 MB]":                     "http://example.com/x [30.0 MB]",
		"dlstatus:1:0.0000:Retrieving file 1 of 1":                 "",
		"dlstatus:1:5.5924:Retrieving file 1 of 1":                 "downloading (6 %)",
		"dlstatus:1:55.9241:Retrieving file 1 of 1 (2s remaining)": "downloading (56 %, 2s remaining)",
		"dlstatus:1:0.0000:Retrieving file 1 of 1 (8s remaining)":  "",
		"dlstatus:nonsense":                                        "",
		"unpacking":                                                "unpacking",
	} {
		if got := Progress(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, stderr, want string }{
		{"checksum", "rcprov-problem checksum 11\n", "https://example.com/x has the SHA-256 11, not 00"},
		{"no space", "rcprov-problem space 104857600 1048576\n", "no space for https://example.com/x below /opt: it needs 100 MiB, and 1 MiB can be used"},
		{"nothing left", "rcprov-problem space 0 -5\n", "no space for https://example.com/x below /opt: 0 MiB can be used"},
		// What apt 2.6 and 3.0 print on standard error.
		{
			"404", "E: Failed to fetch https://example.com/x  404  Not Found [IP: 192.0.2.1 443]\nE: Download Failed\nrcprov-problem download\n",
			"the host can't download https://example.com/x: 404 Not Found",
		},
		{
			"refused", "E: Failed to fetch https://example.com/x  Could not connect to 192.0.2.1:443 (192.0.2.1). - connect (111: Connection refused)\nrcprov-problem download\n",
			"the host can't download https://example.com/x: Could not connect to 192.0.2.1:443 (192.0.2.1). - connect (111: Connection refused)",
		},
		{
			"stopped by the limit", "E: Method http has died unexpectedly!\nE: Sub-process http received signal 25.\nrcprov-problem download\n",
			"no space for https://example.com/x below /opt: the download was stopped before it filled the disk",
		},
		{"no apt-helper", "sh: 1: exec: /usr/lib/apt/apt-helper: not found\nrcprov-problem download\n", "the host can't download https://example.com/x: apt-helper failed"},
		{"other", "mv: no\n", "mv: no (exit status 1)"},
	}
	for _, test := range tests {
		err := modules.NewCommandError(modules.Command{Script: "x"}, modules.Result{Stderr: []byte(test.stderr), Status: 1})
		if got := Explain(err, "https://example.com/x", "00", "/opt").Error(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestJobName(t *testing.T) {
	t.Parallel()
	if got, want := JobName("archive", "/opt/node/22.22.3"), "archive-opt-node-22-22-3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

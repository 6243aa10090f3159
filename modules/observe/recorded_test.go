package observe

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// recorded returns the replies of real hosts in testdata/NAME-*.txtar, by file name.
func recorded(t testing.TB, name string) map[string]Reply {
	t.Helper()
	files, err := filepath.Glob("testdata/" + name + "-*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded replies for %s: %v", name, err)
	}
	replies := make(map[string]Reply)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r Reply
		for _, section := range archive.Files {
			switch section.Name {
			case "stdout":
				r.Stdout = section.Data
			case "stderr":
				r.Stderr = section.Data
			case "status":
				if r.Status, err = strconv.Atoi(strings.TrimSpace(string(section.Data))); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
			}
		}
		replies[filepath.Base(file)] = r
	}
	return replies
}

// told makes answers comparable: errors by their text.
type told[A any] struct {
	Value A
	Err   string
}

func tell[S comparable, A any](answers map[S]Answer[A], subject S) told[A] {
	a, ok := answers[subject]
	switch {
	case !ok:
		return told[A]{Err: "no answer"}
	case a.Err != nil:
		return told[A]{Err: a.Err.Error()}
	}
	return told[A]{Value: a.Value}
}

const helloSum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

// recordedFiles are the questions whose replies testdata/file-*.txtar holds.
var recordedFiles = []FileQuestion{
	{Path: "/tmp/r/same", Content: true, UnlessSHA256: helloSum},
	{Path: "/tmp/r/differs", Content: true, UnlessSHA256: "00"},
	{Path: `/tmp/r/it's a\b`, Content: true},
	{Path: "/tmp/r/link", Content: true},
	{Path: "/tmp/r/loop"},
	{Path: "/tmp/r/dir", Content: true},
	{Path: "/tmp/r/fifo", Content: true},
	{Path: "/tmp/r/none", Content: true},
	{Path: "/tmp/r/same/none"},
	{Path: "/tmp/r/no'ne"},
	{Path: "/tmp/r/loop/x"},
	{Path: "/proc/self/mem", Content: true},
}

func TestFileRecorded(t *testing.T) {
	t.Parallel()
	root := FileInfo{Type: Regular, Mode: 0o644, Owner: "root", Group: "root", ModTime: time.Unix(1700000000, 0)}
	with := func(change func(*FileInfo)) told[FileInfo] {
		info := root
		change(&info)
		return told[FileInfo]{Value: info}
	}
	absent := told[FileInfo]{}
	want := []told[FileInfo]{
		with(func(f *FileInfo) { f.Size, f.SHA256 = 6, helloSum }),
		with(func(f *FileInfo) {
			f.Size, f.SHA256 = 4, "abc6fd595fc079d3114d4b71a4d84b1d1d0f79df1e70f8813212f2a65d8916df"
			f.Content, f.Mode = []byte("bye\n"), 0o755
			f.UID, f.GID, f.Owner, f.Group = 1234, 5678, "UNKNOWN", "UNKNOWN"
		}),
		with(func(f *FileInfo) {
			f.Size, f.SHA256 = 2, "4adc33bd9fe74303c344be46e5916d65182fb218e248fe80452ab3f025b06c64"
			f.Content = []byte("q\n")
		}),
		with(func(f *FileInfo) { f.Type, f.Size, f.Mode, f.Target = Symlink, 4, 0o777, "same" }),
		with(func(f *FileInfo) { f.Type, f.Size, f.Mode, f.Target = Symlink, 4, 0o777, "loop" }),
		with(func(f *FileInfo) { f.Type, f.Size, f.Mode = Directory, 40, 0o777|os.ModeSticky }),
		with(func(f *FileInfo) { f.Type = OtherType }),
		absent, absent, absent,
	}
	for name, reply := range recorded(t, "file") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := parseFiles(recordedFiles, reply)
			for i, want := range want {
				got := tell(answers, recordedFiles[i])
				got.Value.ChTime = time.Time{} // nobody can set it
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", recordedFiles[i].Path, diff)
				}
			}
			for i, why := range map[int]string{10: "Too many levels of symbolic links", 11: "Input/output error"} {
				if got := tell(answers, recordedFiles[i]); !strings.Contains(got.Err, why) || strings.Contains(got.Err, "\n") {
					t.Errorf("%s: error %q, want %q", recordedFiles[i].Path, got.Err, why)
				}
			}
		})
	}
}

func TestFileReplies(t *testing.T) {
	t.Parallel()
	stat := func(size, mode, path string) string {
		return "stat " + strings.Join([]string{mode, "1000:1001", size, "1", "2", path}, "\t") + "\nname 1000:1001\tdomain admin\tdomain users\n"
	}
	a := FileQuestion{Path: "/a", Content: true}
	tests := []struct {
		name  string
		reply Reply
		want  told[FileInfo]
	}{
		{name: "no answer", want: told[FileInfo]{Err: "the host gave no answer (exit status 0)"}},
		{
			name:  "stat is not there",
			reply: Reply{Stderr: []byte("sh: 3: stat: not found\n"), Status: 127},
			want:  told[FileInfo]{Err: "sh: 3: stat: not found"},
		},
		{
			name:  "killed half way",
			reply: Reply{Stderr: []byte("Killed\n"), Status: 137},
			want:  told[FileInfo]{Err: "Killed"},
		},
		{
			name:  "I/O error",
			reply: Reply{Stderr: []byte("stat: cannot statx '/a': Input/output error\n")},
			want:  told[FileInfo]{Err: "cannot statx '/a': Input/output error"},
		},
		{
			name:  "file changed between sum and content",
			reply: Reply{Stdout: []byte(stat("6", "81a4", "/a") + "sum " + helloSum + "  /a\ncontent /a\ncontents " + base64.StdEncoding.EncodeToString([]byte("==> /a <==\nx")) + "\n")},
			want:  told[FileInfo]{Err: "it changed while it was looked at"},
		},
		{
			name:  "file vanished before its sum",
			reply: Reply{Stdout: []byte(stat("6", "81a4", "/a"))},
			want:  told[FileInfo]{Err: "it changed while it was looked at"},
		},
		{
			name:  "link vanished before it was read",
			reply: Reply{Stdout: []byte(stat("6", "a1ff", "/a") + "link /a\ntargets \n")},
			want:  told[FileInfo]{Err: "it changed while it was looked at"},
		},
		{
			name:  "its owner's name is unknown",
			reply: Reply{Stdout: []byte("stat " + strings.Join([]string{"4dc0", "1000:1001", "4", "1", "2", "/a"}, "\t") + "\n")},
			want:  told[FileInfo]{Err: "it changed while it was looked at"},
		},
		{
			name:  "names with spaces",
			reply: Reply{Stdout: []byte(stat("4", "4dc0", "/a"))},
			want: told[FileInfo]{Value: FileInfo{
				Type: Directory, Mode: 0o700 | os.ModeSetuid | os.ModeSetgid, UID: 1000, GID: 1001, Size: 4, Owner: "domain admin", Group: "domain users",
				ModTime: time.Unix(1, 0), ChTime: time.Unix(2, 0),
			}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, tell(parseFiles([]FileQuestion{a}, test.reply), a)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPackageRecorded(t *testing.T) {
	t.Parallel()
	want := map[string]told[PackageInfo]{
		"hello":           {Value: PackageInfo{Installed: true, Version: "1:2.10-3~x+y", Arch: "all"}},
		"held":            {Value: PackageInfo{Installed: true, Version: "1.0", Held: true, Arch: "all"}},
		"purged":          {Value: PackageInfo{Arch: "all", ConfigFiles: true}},
		"half":            {Value: PackageInfo{Version: "2.0", Broken: true, Arch: "all"}},
		"unpacked":        {Value: PackageInfo{Version: "3.0", Broken: true, Arch: "all"}},
		"libfoo":          {Value: PackageInfo{Installed: true, Version: "1.5", Arch: "amd64"}},
		"libfoo:i386":     {Value: PackageInfo{Installed: true, Version: "1.5", Arch: "i386"}},
		"libfoo:amd64":    {Value: PackageInfo{Installed: true, Version: "1.5", Arch: "amd64"}},
		"no-such-package": {},
		"cron-daemon":     {}, // virtual
	}
	var names []string
	for name := range want {
		names = append(names, name)
	}
	for file, reply := range recorded(t, "package") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			answers := Package.Parse(names, reply)
			for name, want := range want {
				if diff := cmp.Diff(want, tell(answers, name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestPackageReplies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply Reply
		want  told[PackageInfo]
	}{
		{
			name:  "no dpkg",
			reply: Reply{Stderr: []byte("sh: 1: dpkg-query: not found\n"), Status: 127},
			want:  told[PackageInfo]{Err: "sh: 1: dpkg-query: not found"},
		},
		{
			name:  "broken database",
			reply: Reply{Stderr: []byte("dpkg-query: error: parsing file '/var/lib/dpkg/status' near line 1\n"), Status: 2},
			want:  told[PackageInfo]{Err: "dpkg-query: error: parsing file '/var/lib/dpkg/status' near line 1"},
		},
		{
			name:  "known by a dependency only",
			reply: Reply{Stdout: []byte("x\tx\tun \t\t\n"), Status: 0},
		},
		{
			name:  "triggers awaited",
			reply: Reply{Stdout: []byte("x\tx\tiW \tall\t1\n")},
			want:  told[PackageInfo]{Value: PackageInfo{Installed: true, Version: "1", Broken: true, Arch: "all"}},
		},
		{
			name:  "reinstallation required",
			reply: Reply{Stdout: []byte("x\tx\tiHR\tall\t1\n")},
			want:  told[PackageInfo]{Value: PackageInfo{Version: "1", Broken: true, Arch: "all"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, tell(Package.Parse([]string{"x"}, test.reply), "x")); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFactsRecorded(t *testing.T) {
	t.Parallel()
	common := Facts{
		Hostname: "chat", FQDN: "chat.example.com", Arch: "amd64", Kernel: "6.12.48+deb13-amd64", CPUs: 2,
		CPUFlags: []string{"fpu", "sse4_2", "aes", "avx", "avx2"}, MemoryBytes: 24684096 << 10,
		Addresses: []string{"203.0.113.10", "2001:db8::10"}, Virtual: "systemd-nspawn",
		OS: OS{ID: "debian", Version: "13", Codename: "trixie", Name: "Debian GNU/Linux 13 (trixie)"},
	}
	for file, reply := range recorded(t, "facts") {
		want := common
		if strings.HasPrefix(file, "facts-debian-12") {
			want.OS = OS{ID: "debian", Version: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)"}
		}
		got, err := parseFacts(reply)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestFactsReplies(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, stdout, stderr, err string }{
		{
			name: "no os-release", stderr: "sh: 2: .: cannot open /etc/os-release: No such file\n",
			err: "this is neither Debian nor Ubuntu (no os-release or no dpkg): sh: 2: .: cannot open /etc/os-release: No such file",
		},
		{
			name: "no dpkg", stdout: "id alpine\narch \n", stderr: "sh: 9: dpkg: not found\n",
			err: "this is neither Debian nor Ubuntu (no os-release or no dpkg): sh: 9: dpkg: not found",
		},
		{name: "no number", stdout: "id debian\narch amd64\ncpus many\n", err: `the host answered "cpus many"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseFacts(Reply{Stdout: []byte(test.stdout), Stderr: []byte(test.stderr)})
			if err == nil || err.Error() != test.err {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func FuzzParseFiles(f *testing.F) {
	for _, reply := range recorded(f, "file") {
		f.Add(reply.Stdout, reply.Stderr, reply.Status)
	}
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, status int) {
		for q, a := range parseFiles(recordedFiles, Reply{stdout, stderr, status}) {
			if a.Err == nil && a.Value.Type == Symlink && a.Value.Target == "" {
				t.Errorf("%s is a link to nothing", q.Path)
			}
			if a.Err == nil && q.Content && a.Value.Type == Regular && a.Value.SHA256 == "" {
				t.Errorf("%s has no sum", q.Path)
			}
			if a.Value.Content != nil && (!q.Content || a.Value.SHA256 == q.UnlessSHA256) {
				t.Errorf("%s has content that nobody wanted", q.Path)
			}
		}
	})
}

func FuzzParsePackages(f *testing.F) {
	for _, reply := range recorded(f, "package") {
		f.Add(reply.Stdout, reply.Stderr, reply.Status)
	}
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, status int) {
		for name, a := range Package.Parse([]string{"hello", "libfoo:i386"}, Reply{stdout, stderr, status}) {
			if a.Err == nil && !a.Value.Installed && !a.Value.Broken && a.Value.Version != "" {
				t.Errorf("%s is not installed and has version %q", name, a.Value.Version)
			}
		}
	})
}

func FuzzParseFacts(f *testing.F) {
	for _, reply := range recorded(f, "facts") {
		f.Add(reply.Stdout, reply.Stderr, reply.Status)
	}
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, status int) {
		facts, err := parseFacts(Reply{stdout, stderr, status})
		if err == nil && (facts.OS.ID == "" || facts.Arch == "") {
			t.Errorf("no error, but %+v", facts)
		}
	})
}

package observe

import "testing"

// TestMissing reads what find of Debian 12 and 13 says of paths that it can't look at.
func TestMissing(t *testing.T) {
	t.Parallel()
	const gone, broken = "find: '/etc/a': No such file or directory\n", "find: '/etc/ab': Input/output error\n"
	const quoted = "find: '/etc/it\\'s': No such file or directory\n"
	for _, test := range []struct{ path, stderr, want string }{
		{path: "/etc/a", stderr: gone},
		{path: "/etc/a", stderr: broken + gone},
		{path: "/etc/ab", stderr: gone + broken, want: "find: '/etc/ab': Input/output error"},
		{path: "/etc/it's", stderr: gone + quoted},
		{path: "/etc/it's", stderr: quoted + broken, want: "find: '/etc/it\\'s': No such file or directory\nfind: '/etc/ab': Input/output error"},
	} {
		err := missing(test.path, Reply{Stderr: []byte(test.stderr)})
		if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
			t.Errorf("%s of %q: error %v, want %q", test.path, test.stderr, err, test.want)
		}
	}
}

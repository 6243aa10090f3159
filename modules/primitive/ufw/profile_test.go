package ufw

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/observe"
)

// TestFutureProfiles has earlier steps that write and remove files of profiles.
func TestFutureProfiles(t *testing.T) {
	t.Parallel()
	const file = profileDir + "/"
	text := func(name, ports string) observe.Content {
		return observe.KnownContent([]byte("[" + name + "]\ntitle=x\nports=" + ports + "\n"))
	}
	for _, test := range []struct {
		name    string
		foresee func(*observe.Forecast)
		want    string // NAME PORT of all profiles
	}{
		{"nothing", func(*observe.Forecast) {}, "Lab 7000"},
		{"made", func(f *observe.Forecast) { f.Write(file+"ours", text("Ours", "8080/tcp"), nil) }, "Lab 7000, Ours 8080"},
		{"changed", func(f *observe.Forecast) { f.Write(file+"lab", text("Lab", "7001/tcp"), nil) }, "Lab 7001"},
		{"removed", func(f *observe.Forecast) { f.Remove(file + "lab") }, ""},
		{"another file has it later", func(f *observe.Forecast) { f.Write(file+"zz", text("Lab", "7002/tcp"), nil) }, "Lab 7002"},
		{"a file that ufw does not read", func(f *observe.Forecast) { f.Write(file+"ours.dpkg-old", text("Ours", "8080/tcp"), nil) }, "Lab 7000"},
	} {
		s := observe.NewSnapshot()
		q := question{Applications: true}
		files := profileFiles{file + "lab": {"Lab": {{Proto: "tcp", Port: "7000"}}}}
		firewall.Put(s, q, state{Installed: true, Files: files, Profiles: files.merge()}, nil)
		test.foresee(s.Forecast())
		is, err := firewall.Get(s, q)
		var got []string
		for _, name := range slices.Sorted(maps.Keys(is.Profiles)) {
			got = append(got, name+" "+is.Profiles[name][0].Port)
		}
		if all := strings.Join(got, ", "); all != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", test.name, all, err, test.want)
		}
	}
}

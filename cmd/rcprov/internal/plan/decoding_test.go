package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/rcprov/rcprov/modules"
)

// call returns what a function makes of a text, as JSON, or its error with the hint in brackets.
func call(t *testing.T, name, text string) string {
	t.Helper()
	v, err := pureFunctions[name].Call([]cty.Value{cty.StringVal(text)})
	if err != nil {
		var advice *modules.HintError
		if errors.As(err, &advice) {
			return err.Error() + " (" + advice.Hint + ")"
		}
		return err.Error()
	}
	out, err := json.Marshal(ctyjson.SimpleJSONValue{Value: v})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestDecoding has what spreadsheets, editors and people write.
func TestDecoding(t *testing.T) {
	t.Parallel()
	var bomb []string // each line is nine times the one before
	for name := byte('b'); name < 'l'; name++ {
		bomb = append(bomb, fmt.Sprintf("%c: &%c [%s]\n", name, name, strings.Join(slices.Repeat([]string{"*" + string(name-1)}, 9), ", ")))
	}
	for _, row := range []struct{ function, text, want string }{
		{"csvdecode", "name,port\nweb1,80\n", `[{"name":"web1","port":"80"}]`},
		{"csvdecode", "\ufeffname,port\r\nweb1,80\r\n", `[{"name":"web1","port":"80"}]`},
		{"csvdecode", "\ufeffname;port\r\nweb1;\"8;0\"\r\n", `[{"name":"web1","port":"8;0"}]`},
		{"csvdecode", "name\tport\nweb1\t\n", `[{"name":"web1","port":""}]`},
		{"csvdecode", "name,\"a;b\"\nweb1,1;2\n", `[{"a;b":"1;2","name":"web1"}]`},
		{"csvdecode", "name\n", `[]`},
		{"csvdecode", "", `the text is empty: its first line names the columns`},
		{"csvdecode", "name,name\n", `the first line names the column "name" twice`},
		{"csvdecode", "name;port;\nweb1;80;\n", `column 3 of 3 has no name in the first line`},
		{"csvdecode", "name,port\nweb1,80\nweb2\n", `line 3 has 1 value, and the first line names 2 columns (A value with ',' in it goes in double quotes.)`},
		{"csvdecode", "name,port\n\"web1\"x,80\n", `line 2: the value in double quotes that begins on line 2 has no end, or text behind its end`},
		{"csvdecode", "name,port\nweb\"1,80\n", `line 2, column 4: a double quote inside a value: put the value in double quotes, and write each one in it twice`},

		{"jsondecode", "\ufeff{\"a\": [1]}", `{"a":[1]}`},
		{"jsondecode", "{\n  \"a\": 1,\n}", `line 3, column 1: '}' stands where a name in double quotes should begin`},
		{"jsondecode", "{\n  \"a\": 1\n  \"b\": 2\n}", `line 3, column 3: '"' stands where a comma or } should follow the value`},
		{"jsondecode", "{\"a\": yes}", `line 1, column 7: 'y' stands where a value should begin`},
		{"jsondecode", "{\"a\": [1,\n 2", `line 2, column 2: the text ends in the middle of a value`},
		{"jsondecode", "{} x", `line 1, column 4: 'x' stands after the end of the document`},
		{"jsondecode", "\n", `the text is empty`},

		{"yamldecode", "\ufeffa: 1\n", `{"a":1}`},
		{"yamldecode", "a: &a [x, x]\n" + strings.Join(bomb, ""), `its aliases (*NAME) unfold to far more than the text has`},
		{"yamldecode", strings.Repeat("[", 20_000), `it nests deeper than 10,000 levels`},
		{"yamldecode", "a: &a [x, x]\nb: *a\n", `{"a":["x","x"],"b":["x","x"]}`},
		{"yamldecode", "a: 1\nb: [1, 2\nc: 3\n", `line 3: a comma or ] is missing before this`},
		{"yamldecode", "a: 1\n  b: 2\n", `line 2: a name with a colon can't stand here (The indentation differs from that of its neighbours, or a text with ": " in it lacks quotes.)`},
		{"yamldecode", "a: {b: 1\nc: 3\n", `line 2: a comma or } is missing before this`},
		{"yamldecode", "a: [1, *]\n", `line 1: did not find expected alphabetic or numeric character`},
		{"yamldecode", "a: \"b\nc: 3\n", `line 3: a text in quotes has no end`},
		{"yamldecode", "[web]\nweb1\n", `line 2: the document ends above this line, and something follows`},
		{"yamldecode", "\tx: 1\n", `line 1: no value may begin with this character (Indent with spaces, not with tabs, and put a text that begins with @, ` + "`" + ` or % in quotes.)`},
		{"yamldecode", "a: 1\nb:\n  c: @d\n", `line 3: no value may begin with this character (Indent with spaces, not with tabs, and put a text that begins with @, ` + "`" + ` or % in quotes.)`},
		{"yamldecode", "a: 1\nb:\n  - x\n  y: 3\n", `line 4: a list ends here: its elements begin with "- ", all equally indented`},
		{"yamldecode", "a: 1\nb: {{ x }}\n", `line 2: a mapping stands where a name is expected (A text that begins with { goes in quotes: "{{ x }}".)`},
		{"yamldecode", "a: 1\nb: !vault |\n  x\n", `line 2: there is no tag "!vault" (What it marks can be read by the tool alone that the file was written for.)`},
		{"yamldecode", "a: 1\nb: *c\n", `line 2: reference to undefined anchor "c"`},
		{"yamldecode", "a: 1\n---\nb: 1\n", `line 2: a second document begins, and only one is read`},
		{"yamldecode", "", `the text is empty`},
	} {
		if diff := cmp.Diff(row.want, call(t, row.function, row.text)); diff != "" {
			t.Errorf("%s(%q) (-want +got):\n%s", row.function, row.text, diff)
		}
	}
}

// TestAnsibleDecode has what inventories of Ansible's contain.
func TestAnsibleDecode(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"all.hosts, all.vars, a host without vars": {
			"all:\n  hosts:\n    a:\n    b: {x: 2}\n  vars: {x: 1, z: }\n",
			`{"groups":{},"hosts":{"a":{"vars":{"x":1,"z":null}},"b":{"vars":{"x":2,"z":null}}}}`,
		},
		"inner groups count first": {
			"all:\n  vars: {x: all}\n  children:\n    outer:\n      vars: {x: outer, z: outer}\n      children:\n        inner:\n          vars: {x: inner}\n          hosts:\n            a:\n",
			`{"groups":{"inner":["a"],"outer":["a"]},"hosts":{"a":{"vars":{"x":"inner","z":"outer"}}}}`,
		},
		"of one depth, the later name or the higher priority": {
			"b: {hosts: {h: }, vars: {x: b, z: b, ansible_group_priority: 2}}\na: {hosts: {h: }, vars: {x: a}}\nc: {hosts: h, vars: {x: c, z: c}}\n",
			`{"groups":{"a":["h"],"b":["h"],"c":["h"]},"hosts":{"h":{"vars":{"x":"b","z":"b"}}}}`,
		},
		"groups without hosts": {
			"all:\n  children:\n    a:\n    b: {hosts: , children: , vars: }\n",
			`{"groups":{"a":[],"b":[]},"hosts":{}}`,
		},
		"ranges": {
			"web:\n  hosts:\n    w[08:10].x: {p: 1}\n    d[a:e:2]:\n",
			`{"groups":{"web":["da","dc","de","w08.x","w09.x","w10.x"]},"hosts":{"da":{"vars":{}},"dc":{"vars":{}},"de":{"vars":{}},"w08.x":{"vars":{"p":1}},"w09.x":{"vars":{"p":1}},"w10.x":{"vars":{"p":1}}}}`,
		},
		"ansible-inventory --list": {
			`{"_meta": {"hostvars": {"a": {"x": 1}}}, "all": {"children": ["ungrouped", "web"]}, "web": {"hosts": ["a"]}}`,
			`{"groups":{"ungrouped":[],"web":["a"]},"hosts":{"a":{"vars":{"x":1}}}}`,
		},
		"INI":              {"[web]\nweb1 ansible_host=203.0.113.1\n", "(An inventory in the INI format becomes YAML with `ansible-inventory -i FILE --list --yaml`.)"},
		"INI without vars": {"web1\nweb2\n", "an inventory is a mapping with groups, not \"web1 web2\""},
		"children forgotten": {
			"all:\n  web:\n    hosts:\n", `group "all" has "web", which is none of hosts, children and vars (Groups inside of a group stand below its ` + "`children`" + `.)`,
		},
		"its own child":                {"a: {children: {b: {children: {a: }}}}\n", `the group "a" is one of its own children: a > b > a`},
		"its own child, by name":       {"a: {children: [b]}\nb: {children: [a]}\n", `is one of its own children`},
		"a host's vars are no mapping": {"a: {hosts: {h: x}}\n", `host "h" must be a mapping with its vars, not "x"`},
		"a host in two places":         {"a: {hosts: {h: {x: 1}}}\nb: {hosts: {h: {x: 2}}}\n", `host "h" stands in several places, which differ in its var "x"`},
		"no range":                     {"a: {hosts: {\"h[1-3]\": }}\n", `group "a": "h[1-3]" is no range of hosts: write web[01:20] or db[a:f]`},
		"a range of too many":          {"a: {hosts: {\"h[0:99999][0:99999]\": }}\n", `is no range of hosts`},
	} {
		if got := call(t, "ansibledecode", row.text); !strings.Contains(got, row.want) {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

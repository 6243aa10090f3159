package mirror

import (
	"encoding/json"
	"maps"
)

// SourcesEnv is the variable of the environment that names the file of plans/lib/sources.
const SourcesEnv = "RCPROV_SOURCES"

// sourceNames has the name, in that file, of each variable that stands there: an output of plans/lib/sources, perhaps with one of its
// attributes.
var sourceNames = map[string][]string{
	"mongodb_repository":    {"mongodb"},
	"node_releases":         {"node"},
	"rocketchat_releases":   {"rocketchat"},
	"jitsi_repository":      {"jitsi"},
	"npm_registry":          {"npm_registry"},
	"pypi":                  {"pypi"},
	"build_packages":        {"build_packages"},
	"check_mongodb_version": {"check_mongodb_version"},
	"acme_ca_file":          {"acme", "ca_file"},
	"acme_nameservers":      {"acme", "nameservers"},
	"site_ca_file":          {"site_ca_file"},
}

// Split splits what [Mirror.Variables] and [Mirror.JitsiVariables] return into the variables of plans and the content of the file for
// [SourcesEnv].
func Split(vars map[string]string) (plan map[string]string, sources []byte, err error) {
	plan = maps.Clone(vars)
	all := map[string]any{}
	for variable, name := range sourceNames {
		text, ok := vars[variable]
		if !ok {
			continue
		}
		delete(plan, variable)
		var value any = text
		if json.Valid([]byte(text)) {
			value = json.RawMessage(text)
		}
		at := all
		if len(name) == 2 {
			if at[name[0]] == nil {
				at[name[0]] = map[string]any{}
			}
			at = at[name[0]].(map[string]any)
		}
		at[name[len(name)-1]] = value
	}
	sources, err = json.Marshal(all)
	return plan, sources, err
}

// source is the value of a variable that says where something comes from.
func source(what, uri, keyURL, fingerprint string) string {
	text, _ := json.Marshal(map[string]any{what: uri, "key_url": keyURL, "fingerprints": []string{fingerprint}}) // strings can be written
	return string(text)
}

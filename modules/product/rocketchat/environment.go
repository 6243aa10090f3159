package rocketchat

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// envName is what systemd accepts as the name of a variable (systemd.exec(5), EnvironmentFile=).
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// environment returns the text of the environment file.
func environment(args Args) (string, error) {
	vars := map[string]string{
		"NODE_ENV": "production", "DEPLOY_METHOD": "tar", "HOME": args.DataDirectory,
		"ROOT_URL": args.RootURL, "BIND_IP": args.BindIP, "MONGO_URL": string(args.MongoURL),
	}
	if args.MailURL != "" {
		vars["MAIL_URL"] = string(args.MailURL)
	}
	if args.InstanceIP != "" {
		vars["INSTANCE_IP"] = args.InstanceIP
	}
	if a := args.Admin; a != nil {
		vars["ADMIN_USERNAME"], vars["ADMIN_NAME"], vars["ADMIN_EMAIL"] = a.Username, a.Name, a.Email
		vars["ADMIN_PASS"], vars["ADMIN_EMAIL_VERIFIED"] = string(a.Password), "true"
		if a.Name == "" {
			vars["ADMIN_NAME"] = a.Username
		}
	}
	// Rocket.Chat uses ROOT_URL for its address only at the first start (RocketChat/Rocket.Chat#21434).
	settings := map[string]string{"Site_Url": args.RootURL}
	switch args.Uploads {
	case "gridfs":
		settings["FileUpload_Storage_Type"] = "GridFS"
	case "filesystem":
		settings["FileUpload_Storage_Type"] = "FileSystem"
		settings["FileUpload_FileSystemPath"] = uploads(args)
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(args.Settings)) {
		if _, taken := settings[id]; taken {
			arg := "uploads"
			if id == "Site_Url" {
				arg = "root_url"
			}
			errs = append(errs, modules.Argf("settings", "has %q, which must be given by the argument %s", id, arg))
		}
		settings[id] = args.Settings[id]
	}
	for id, value := range settings {
		vars["OVERWRITE_SETTING_"+id] = value
	}
	for _, name := range slices.Sorted(maps.Keys(args.Env)) {
		if _, taken := vars[name]; taken || name == "PORT" || name == "TCP_PORT" && args.InstanceIP != "" {
			errs = append(errs, modules.Argf("env", "has %q, which must be given by its own argument", name))
		}
		vars[name] = args.Env[name]
	}
	var text strings.Builder
	text.WriteString("# Written by rcprov; changes made here are undone.\n")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		arg := "env"
		switch {
		case strings.HasPrefix(name, "OVERWRITE_SETTING_"):
			arg = "settings"
		case name == "MONGO_URL", name == "MAIL_URL", name == "ROOT_URL", name == "BIND_IP", name == "INSTANCE_IP":
			arg = strings.ToLower(name)
		case strings.HasPrefix(name, "ADMIN_"):
			arg = "admin"
		}
		if !envName.MatchString(name) {
			errs = append(errs, modules.Argf(arg, "has %q, which systemd does not accept as the name of a variable: only letters, digits and \"_\" are allowed", name))
		}
		if strings.ContainsAny(vars[name], "\n\r\x00") {
			errs = append(errs, modules.Argf(arg, "the value of %s must be one line", name))
		}
		fmt.Fprintf(&text, "%s=\"%s\"\n", name, quoted.Replace(vars[name]))
	}
	return text.String(), errors.Join(errs...)
}

// quoted escapes the special characters between double quotes in a file of EnvironmentFile=.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)

// uploads is the directory for uploads.
func uploads(args Args) string { return path.Join(args.DataDirectory, "uploads") }

// Package locale is the module locale: the locales that a host has, and the default one.
package locale

import _ "embed"

//go:embed args.go
var source string

// Args describe the locales of a host: those that are generated, and the default of its logins and services.
//
//	locale "german" {
//	  lang     = "de_DE.UTF-8"
//	  settings = { LC_MESSAGES = "C.UTF-8" }
//	}
//
//	locale "for-the-database" { generate = ["en_US.UTF-8", "de_CH.UTF-8"] }
//
// The default is in /etc/default/locale, or in /etc/locale.conf where that is a link to it (Debian 13). Logins and services that
// run keep the locale that they started with.
//
// `C.UTF-8` and `C` are part of every host. All others are generated from what the package locales brings: install it in an earlier
// step. They get a line in /etc/locale.gen, so that updates of that package generate them again; other lines of it stay. What lang
// and settings name is generated, too.
type Args struct {
	// The default, `LANG`: `de_DE.UTF-8`. If left out, it stays as it is.
	Lang string `hcl:"lang,optional"`

	// Further variables of locale(7), `LC_TIME` and the like, and `LANGUAGE`. Others stay as they are.
	Settings map[string]string `hcl:"settings,optional"`

	// Locales that programs may ask for: `en_US.UTF-8`, or both words of /etc/locale.gen: `de_DE@euro ISO-8859-15`.
	Generate []string `hcl:"generate,optional"`
}

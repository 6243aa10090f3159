// Package all lists the modules that the binary contains.
package all

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/acmecertificate"
	"github.com/rcprov/rcprov/modules/aptpackage"
	"github.com/rcprov/rcprov/modules/aptrepository"
	"github.com/rcprov/rcprov/modules/archive"
	"github.com/rcprov/rcprov/modules/authorizedkey"
	"github.com/rcprov/rcprov/modules/check"
	"github.com/rcprov/rcprov/modules/command"
	"github.com/rcprov/rcprov/modules/debconf"
	"github.com/rcprov/rcprov/modules/directory"
	"github.com/rcprov/rcprov/modules/download"
	"github.com/rcprov/rcprov/modules/file"
	"github.com/rcprov/rcprov/modules/group"
	"github.com/rcprov/rcprov/modules/hostsentry"
	"github.com/rcprov/rcprov/modules/httpcheck"
	"github.com/rcprov/rcprov/modules/jitsi"
	"github.com/rcprov/rcprov/modules/line"
	"github.com/rcprov/rcprov/modules/link"
	"github.com/rcprov/rcprov/modules/mongod"
	"github.com/rcprov/rcprov/modules/mongoreplicaset"
	"github.com/rcprov/rcprov/modules/nginx"
	"github.com/rcprov/rcprov/modules/nginxsite"
	"github.com/rcprov/rcprov/modules/node"
	"github.com/rcprov/rcprov/modules/rocketchat"
	"github.com/rcprov/rcprov/modules/sshd"
	"github.com/rcprov/rcprov/modules/sysctl"
	"github.com/rcprov/rcprov/modules/systemdunit"
	"github.com/rcprov/rcprov/modules/ufw"
	"github.com/rcprov/rcprov/modules/user"
)

// Modules returns all modules. A new one gets its line here.
func Modules() []modules.Module {
	return []modules.Module{
		acmecertificate.Module(),
		aptpackage.Module(),
		aptrepository.Module(),
		archive.Module(),
		authorizedkey.Module(),
		check.Module(),
		command.Module(),
		debconf.Module(),
		directory.Module(),
		download.Module(),
		file.Module(),
		group.Module(),
		hostsentry.Module(),
		httpcheck.Module(),
		jitsi.Module(),
		line.Module(),
		link.Module(),
		mongod.Module(),
		mongoreplicaset.Module(),
		nginx.Module(),
		nginxsite.Module(),
		node.Module(),
		rocketchat.Module(),
		sshd.Module(),
		sysctl.Module(),
		systemdunit.Module(),
		ufw.Module(),
		user.Module(),
	}
}

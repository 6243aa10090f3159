// Package all lists the modules that the binary contains.
package all

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/aptpackage"
	"github.com/rcprov/rcprov/modules/primitive/aptrepository"
	"github.com/rcprov/rcprov/modules/primitive/aptupgrade"
	"github.com/rcprov/rcprov/modules/primitive/archive"
	"github.com/rcprov/rcprov/modules/primitive/authorizedkey"
	"github.com/rcprov/rcprov/modules/primitive/block"
	"github.com/rcprov/rcprov/modules/primitive/check"
	"github.com/rcprov/rcprov/modules/primitive/command"
	"github.com/rcprov/rcprov/modules/primitive/debconf"
	"github.com/rcprov/rcprov/modules/primitive/directory"
	"github.com/rcprov/rcprov/modules/primitive/download"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/git"
	"github.com/rcprov/rcprov/modules/primitive/group"
	"github.com/rcprov/rcprov/modules/primitive/hostname"
	"github.com/rcprov/rcprov/modules/primitive/hostsentry"
	"github.com/rcprov/rcprov/modules/primitive/httpcheck"
	"github.com/rcprov/rcprov/modules/primitive/knownhost"
	"github.com/rcprov/rcprov/modules/primitive/line"
	"github.com/rcprov/rcprov/modules/primitive/link"
	"github.com/rcprov/rcprov/modules/primitive/mount"
	"github.com/rcprov/rcprov/modules/primitive/sysctl"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/primitive/tcpcheck"
	"github.com/rcprov/rcprov/modules/primitive/timezone"
	"github.com/rcprov/rcprov/modules/primitive/tree"
	"github.com/rcprov/rcprov/modules/primitive/ufw"
	"github.com/rcprov/rcprov/modules/primitive/user"
	"github.com/rcprov/rcprov/modules/product/acmecertificate"
	"github.com/rcprov/rcprov/modules/product/cron"
	"github.com/rcprov/rcprov/modules/product/jitsi"
	"github.com/rcprov/rcprov/modules/product/mongod"
	"github.com/rcprov/rcprov/modules/product/mongoreplicaset"
	"github.com/rcprov/rcprov/modules/product/nginx"
	"github.com/rcprov/rcprov/modules/product/nginxsite"
	"github.com/rcprov/rcprov/modules/product/node"
	"github.com/rcprov/rcprov/modules/product/rocketchat"
	"github.com/rcprov/rcprov/modules/product/sshd"
)

// Modules returns all modules. A new one gets its line here.
func Modules() []modules.Module {
	return []modules.Module{
		acmecertificate.Module(),
		aptpackage.Module(),
		aptrepository.Module(),
		aptupgrade.Module(),
		archive.Module(),
		authorizedkey.Module(),
		block.Module(),
		check.Module(),
		command.Module(),
		cron.Module(),
		debconf.Module(),
		directory.Module(),
		download.Module(),
		file.Module(),
		git.Module(),
		group.Module(),
		hostname.Module(),
		hostsentry.Module(),
		httpcheck.Module(),
		jitsi.Module(),
		knownhost.Module(),
		line.Module(),
		link.Module(),
		mongod.Module(),
		mongoreplicaset.Module(),
		mount.Module(),
		nginx.Module(),
		nginxsite.Module(),
		node.Module(),
		rocketchat.Module(),
		sshd.Module(),
		sysctl.Module(),
		systemdunit.Module(),
		tcpcheck.Module(),
		timezone.Module(),
		tree.Module(),
		ufw.Module(),
		user.Module(),
	}
}

# Node.js from the vendor's binaries.

variable "version" { default = "22.22.3" }

include "sources" { source = "../sources" }

node "lts" {
  version      = var.version
  mirror       = include.sources.node.mirror
  key_url      = include.sources.node.key_url
  fingerprints = include.sources.node.fingerprints
}

output "version" { value = node.lts.version }

output "bin" { value = node.lts.bin }

# What Rocket.Chat needs of the distribution: fonts, and a compiler for native modules of npm packages without a prebuilt
# binary.
output "packages" { value = concat(["fontconfig"], include.sources.build_packages) }

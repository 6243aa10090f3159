# Where everything is downloaded from: the vendors' own servers, checked by the vendors' own keys.
#
# With a mirror, RCPROV_SOURCES in the environment names a JSON file, by its absolute path: an object of those outputs that
# are elsewhere, such as `{"npm_registry": "https://npm.example.com"}`.

locals {
  named = env("RCPROV_SOURCES", "")
  given = jsondecode(local.named == "" ? "{}" : file(local.named))
}

# Empty: MongoDB's own, for the series.
output "mongodb" {
  value = merge({ uri = "", key_url = "", fingerprints = [] }, try(local.given.mongodb, {}))
}

output "node" {
  value = merge({ mirror = "", key_url = "", fingerprints = [] }, try(local.given.node, {}))
}

output "rocketchat" {
  value = merge({ uri = null, key_url = null, fingerprints = null }, try(local.given.rocketchat, {}))
}

output "jitsi" {
  value = merge({
    uri          = "https://download.jitsi.org"
    key_url      = "https://download.jitsi.org/jitsi-key.gpg.key"
    fingerprints = ["FFD6 5DA0 DA2B EBDE B73D  44C8 B4D2 D216 F1FD 7806"]
  }, try(local.given.jitsi, {}))
}

# Empty: npm's own.
output "npm_registry" { value = try(local.given.npm_registry, "") }

# An index of Python packages; empty: pip's own.
output "pypi" { value = try(local.given.pypi, "") }

# A compiler, for native modules of npm packages without a prebuilt binary.
output "build_packages" { value = try(local.given.build_packages, ["g++", "make", "python3"]) }

# False only to try Rocket.Chat with a release of MongoDB that it doesn't support.
output "check_mongodb_version" { value = try(local.given.check_mongodb_version, true) }

# A file with the authority of a CA of your own, and the name servers that it asks.
output "acme" {
  value = merge({ ca_file = "", nameservers = [] }, try(local.given.acme, {}))
}

# A file with the root of the sites' certificates, when the CA is not a public one.
output "site_ca_file" { value = try(local.given.site_ca_file, "") }

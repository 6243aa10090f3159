# A certificate of one name from an ACME CA, by HTTP-01 through nginx.

variable "domain" { type = string }

variable "webroot" {
  type        = string
  description = "that of the nginx step"
}

# `directory` is production, staging (to try things out: the limits of production are soon reached), or the URL of any
# ACME directory. A certificate is valid for three months, and renewed by an apply when a third of that remains; with
# `renew_timer` by the host itself, with the distribution's lego, for anyone who doesn't run an apply each month.
variable "acme" {
  type = object({ email = string, directory = optional(string, "production"), renew_timer = optional(bool, false) })
}

include "sources" { source = "../sources" }

acme_certificate "site" {
  names       = [var.domain]
  email       = var.acme.email
  webroot     = var.webroot
  directory   = var.acme.directory
  ca_file     = include.sources.acme.ca_file
  nameservers = include.sources.acme.nameservers
  renew_timer = var.acme.renew_timer
}

output "certificate" { value = acme_certificate.site.certificate }

output "key" { value = acme_certificate.site.key }

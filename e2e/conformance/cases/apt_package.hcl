# Small packages without dependencies of Debian itself, fetched from its mirrors.

case "installed" {
  reads = ["/var/lib/apt/extended_states"]
  plan  = <<-EOT
    apt_package "greeting" {
      packages = ["hello"]
    }
    apt_package "train" {
      packages = ["sl"]
    }
  EOT
  check = "hello | grep -q 'Hello, world!' && dpkg-query -W -f='$${db:Status-Abbrev}' sl | grep -q '^ii' && test -z \"$(dpkg --audit)\" && [ \"$(apt-mark showmanual hello sl | wc -l)\" = 2 ]"
  drift "installed only for others, by its mark" {
    run     = "apt-mark auto hello"
    changes = ["apt_package.greeting"]
  }
  drift "removed" {
    run     = "DEBIAN_FRONTEND=noninteractive apt-get -y -q remove hello"
    changes = ["apt_package.greeting"]
  }
  drift "both purged" { run = "DEBIAN_FRONTEND=noninteractive apt-get -y -q purge hello sl" }
  # dpkg unpacks and stops, as when it is killed before it configures.
  drift "half installed" {
    run = "cd /var/tmp && apt-get -q download sl && dpkg --unpack sl_*.deb && rm sl_*.deb"
  }
}

case "held" {
  plan  = <<-EOT
    apt_package "train" {
      packages = ["sl=5*"]
      held     = true
    }
  EOT
  check = "apt-mark showhold | grep -qx sl && dpkg-query -W -f='$${Status} $${Version}' sl | grep -q '^hold ok installed 5'"
  drift "hold taken" { run = "apt-mark unhold sl" }
  drift "removed" { run = "apt-mark unhold sl && DEBIAN_FRONTEND=noninteractive apt-get -y -q remove sl" }
  drift "removed, the hold left" { run = "apt-mark unhold sl && DEBIAN_FRONTEND=noninteractive apt-get -y -q remove sl && apt-mark hold sl && rm -f /var/lib/dpkg/available" } # dpkg makes it for names that it does not know
}

case "absent" {
  setup = "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -y -q install hello"
  plan  = <<-EOT
    apt_package "no-greeting" {
      packages = ["hello"]
      state    = "absent"
    }
  EOT
  check = "! command -v hello"
  drift "installed" { run = "DEBIAN_FRONTEND=noninteractive apt-get -y -q install hello" }
}

case "purged" {
  # A package with a configuration file, which a mere removal leaves.
  setup = <<-EOT
    mkdir -p /var/tmp/p/DEBIAN /var/tmp/p/etc
    printf 'Package: conf-only\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' >/var/tmp/p/DEBIAN/control
    echo /etc/conf-only >/var/tmp/p/DEBIAN/conffiles
    echo x >/var/tmp/p/etc/conf-only
    dpkg-deb -b /var/tmp/p /var/tmp/conf-only.deb
    dpkg -i /var/tmp/conf-only.deb
    printf '#!/bin/sh\nexit 1\n' >/var/tmp/p/DEBIAN/postinst
    chmod 755 /var/tmp/p/DEBIAN/postinst
    dpkg-deb -b /var/tmp/p /var/tmp/broken.deb
    apt-get -q update
  EOT
  plan  = <<-EOT
    apt_package "conf-only" {
      packages = ["conf-only"]
      state    = "absent"
      purge    = true
    }
  EOT
  check = "! test -e /etc/conf-only"
  drift "installed" { run = "dpkg -i /var/tmp/conf-only.deb" }
  drift "half configured" { run = "! dpkg -i /var/tmp/broken.deb" }
  drift "configuration left" { run = "dpkg -i /var/tmp/conf-only.deb && dpkg -r conf-only" }
}

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

case "a file, the latest, of one repository" {
  laptop = <<-EOT
    mkdir -p tool/DEBIAN
    printf 'Package: tool\nVersion: 1.0-1\nArchitecture: all\nDepends: dep\nMaintainer: x <x@example.com>\nDescription: x\n' >tool/DEBIAN/control
    dpkg-deb -b tool tool.deb
  EOT
  setup  = <<-EOT
    set -e
    mkdir -p /srv/ours /srv/other /srv/old
    mv /etc/apt/sources.list* /root
    mkdir /etc/apt/sources.list.d
    deb() { # deb NAME VERSION DIRECTORY
      mkdir -p /tmp/deb/DEBIAN
      printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' "$1" "$2" >/tmp/deb/DEBIAN/control
      dpkg-deb -Zgzip -b /tmp/deb "$3/$1-$2.deb" >/dev/null
      rm -r /tmp/deb
    }
    deb one 1 /srv/old; deb one 2 /srv/ours
    deb two 2 /srv/ours; deb two 3 /srv/other; deb two 9 /srv/old
    deb dep 1 /srv/other
    deb tool 0.9 /srv/old; deb agent 1:4 /srv; mv /srv/agent-*.deb /srv/agent.deb
    for repo in ours other; do
      cd /srv/$repo
      for f in *.deb; do
        dpkg-deb -f $f
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' $f $(stat -c %s $f) $(sha256sum <$f | cut -d ' ' -f 1)
      done >Packages
      printf 'Origin: Lab %s\nLabel: lab\nDate: %s\nSHA256:\n %s %s Packages\n' $repo "$(date -Ru)" $(sha256sum <Packages | cut -d ' ' -f 1) $(stat -c %s Packages) >Release
      echo "deb [trusted=yes] file:/srv/$repo ./" >/etc/apt/sources.list.d/$repo.list
    done
    apt-get update -q
    dpkg -i /srv/old/one-1.deb /srv/other/two-3.deb
  EOT
  plan   = <<-EOT
    apt_package "newest" {
      packages = ["one=latest"]
    }
    apt_package "ours" {
      packages        = ["two"]
      origin          = "Lab ours"
      allow_downgrade = true
    }
    apt_package "tool" {
      source = "tool.deb"
    }
    apt_package "agent" {
      packages = ["agent"]
      file     = "/srv/agent.deb"
    }
  EOT
  check  = <<-EOT
    [ "$(dpkg-query -W -f='$${Package}=$${Version} ' one two tool dep agent)" = "agent=1:4 dep=1 one=2 tool=1.0-1 two=2 " ] &&
    [ -z "$(ls /var/lib/rcprov/upload)" ]
  EOT
  drift "an older one" {
    run     = "dpkg -i /srv/old/one-1.deb"
    changes = ["apt_package.newest"]
  }
  drift "from another repository" {
    run     = "dpkg -i /srv/other/two-3.deb"
    changes = ["apt_package.ours"]
  }
  drift "from nowhere" {
    run     = "dpkg -i /srv/old/two-9.deb"
    changes = ["apt_package.ours"]
  }
  drift "another version of the file" {
    run     = "dpkg -i /srv/old/tool-0.9.deb"
    changes = ["apt_package.tool"]
  }
  drift "files removed" { run = "dpkg -r tool agent dep" }
}

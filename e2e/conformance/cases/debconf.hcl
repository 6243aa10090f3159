# debconf: answers are there before the package that asks, and debconf's own tools see them.

case "answers before the package" {
  reads = ["/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat"]
  plan  = <<-EOT
    debconf "preset" {
      package = "rcprov-lab"
      answer "rcprov-lab/name" {
        type  = "string"
        value = "mail.example.com  with  spaces"
      }
      answer "rcprov-lab/choice" {
        type  = "select"
        value = "I want: my own, 'quoted' \"$HOME\" ü"
      }
      answer "rcprov-lab/set" {
        type  = "multiselect"
        value = "one, two, three"
      }
      answer "rcprov-lab/yes" {
        type  = "boolean"
        value = "true"
      }
      answer "rcprov-lab/empty" {
        type  = "string"
        value = ""
      }
      answer "rcprov-lab/password" {
        type  = "password"
        value = "s3cret  $x"
      }
    }
  EOT
  check = <<-EOT
    set -e
    get() { echo "get rcprov-lab/$1" | debconf-communicate rcprov-lab; }
    [ "$(get name)" = "0 mail.example.com  with  spaces" ]
    [ "$(get choice)" = "0 I want: my own, 'quoted' \"\$HOME\" ü" ]
    case $(get set) in *one*) ;; *) exit 1 ;; esac
    [ "$(get yes)" = "0 true" ]
    [ "$(get empty)" = "0 " ] || [ "$(get empty)" = 0 ]
    [ "$(get password)" = '0 s3cret  $x' ]
    debconf-show rcprov-lab | grep -q '^\* rcprov-lab/password: (password omitted)'
    ! grep -q s3cret /var/cache/debconf/config.dat
    ! grep -rq s3cret /var/lib/rcprov
  EOT
  drift "another answer" { run = "echo 'rcprov-lab rcprov-lab/name string x' | debconf-set-selections" }
  drift "another password" { run = "echo 'rcprov-lab rcprov-lab/password password x' | debconf-set-selections" }
  drift "one of the choices missing" { run = "echo 'rcprov-lab rcprov-lab/set multiselect one, three' | debconf-set-selections" }
  drift "a question lost, its template not" { run = "sed -i '/^Name: rcprov-lab.name$/,/^$/d' /var/cache/debconf/config.dat" }
  drift "all forgotten" { run = "echo PURGE | debconf-communicate rcprov-lab" }
}

# A package asks the question, stores what its script was told, and is configured after the answer was given; the choices
# stand in another order on the host, which is no difference.
case "a package that asks" {
  setup = <<-EOT
    dir=$(mktemp -d)
    mkdir -p "$dir/DEBIAN"
    printf 'Package: rcprov-asks\nVersion: 1\nArchitecture: all\nMaintainer: lab <lab@lab.test>\nDepends: debconf\nDescription: asks\n' >"$dir/DEBIAN/control"
    printf 'Template: rcprov-asks/choice\nType: select\nChoices: first, my own\nDefault: first\nDescription: which\n\nTemplate: rcprov-asks/set\nType: multiselect\nChoices: a, b, c\nDescription: which ones\n' >"$dir/DEBIAN/templates"
    printf '#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_get rcprov-asks/choice\necho "$RET" >/etc/rcprov-asks\n' >"$dir/DEBIAN/postinst"
    chmod 755 "$dir/DEBIAN/postinst"
    mkdir -p /srv
    dpkg-deb -b "$dir" /srv/asks.deb >/dev/null
    rm -r "$dir"
    echo 'rcprov-asks rcprov-asks/set multiselect c, a' | debconf-set-selections
  EOT
  plan  = <<-EOT
    debconf "asks" {
      package = "rcprov-asks"
      answer "rcprov-asks/choice" {
        type  = "select"
        value = "my own"
      }
      answer "rcprov-asks/set" {
        type  = "multiselect"
        value = "a, c"
      }
    }
    command "install" {
      argv   = ["dpkg", "-i", "/srv/asks.deb"]
      unless = ["grep", "-qx", "my own", "/etc/rcprov-asks"]
      env    = { DEBIAN_FRONTEND = "noninteractive" }
    }
  EOT
  check = <<-EOT
    grep -qx 'my own' /etc/rcprov-asks && echo 'get rcprov-asks/set' | debconf-communicate rcprov-asks | grep -qx '0 c, a'
  EOT
  drift "another answer" {
    run     = "echo 'rcprov-asks rcprov-asks/choice select first' | debconf-set-selections"
    changes = ["debconf.asks"]
  }
}

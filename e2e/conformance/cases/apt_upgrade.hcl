case "from a repository of the host" {
  setup = <<-EOT
    mkdir -p /srv/repo /srv/old
    mv /etc/apt/sources.list* /root
    mkdir /etc/apt/sources.list.d
    deb() { # deb NAME VERSION DIRECTORY [FIELD]
      mkdir -p /tmp/deb/DEBIAN
      printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n%s' "$1" "$2" "$${4:-}" >/tmp/deb/DEBIAN/control
      dpkg-deb -b /tmp/deb "$3/$1.deb" >/dev/null
      rm -r /tmp/deb
    }
    for name in one two kept; do deb $name 1 /srv/old; done
    for name in one two; do deb $name 2 /srv/repo; done
    deb kept 2 /srv/repo "Depends: missing
    "
    dpkg -i /srv/old/*.deb
    cd /srv/repo
    for f in *.deb; do
      dpkg-deb -f $f
      printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' $f $(stat -c %s $f) $(sha256sum <$f | cut -d ' ' -f 1)
    done >Packages
    echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/local.list
    apt-get update -q
  EOT
  plan  = <<-EOT
    apt_upgrade "all" {}
    apt_upgrade "security" { security = true }
  EOT
  check = "[ \"$(dpkg-query -W -f='$${Package}$${Version} ' one two kept)\" = \"kept1 one2 two2 \" ]"
  drift "older" {
    run     = "dpkg -i /srv/old/one.deb"
    changes = ["apt_upgrade.all"]
  }
  drift "older, and lists that are too old" {
    run = "dpkg -i /srv/old/two.deb && touch -d '3 days ago' /var/lib/apt/lists"
  }
}

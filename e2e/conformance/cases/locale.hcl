case "German, with American sorting" {
  reads = ["/etc/locale.gen", "/etc/default/locale"]
  setup = "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install locales >/dev/null"
  plan  = <<-EOT
    locale "german" {
      lang     = "de_DE.UTF-8"
      settings = { LC_COLLATE = "C.UTF-8", LANGUAGE = "de:en" }
    }
  EOT
  check = <<-EOT
    [ "$(LC_ALL=de_DE.UTF-8 locale decimal_point)" = , ] && grep -qx 'de_DE.UTF-8 UTF-8' /etc/locale.gen &&
    . /etc/default/locale && [ "$LANG $LC_COLLATE $LANGUAGE" = "de_DE.UTF-8 C.UTF-8 de:en" ]
  EOT
  drift "another default, and not generated" { run = "sed -i --follow-symlinks 's/^LANG=.*/LANG=C.UTF-8/' /etc/default/locale; sed -i 's/^de_DE/# de_DE/' /etc/locale.gen; rm /usr/lib/locale/locale-archive" }
}

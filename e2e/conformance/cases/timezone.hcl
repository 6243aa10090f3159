case "zone" {
  reads = ["/etc/timezone"]
  plan  = <<-EOT
    timezone "berlin" { name = "Europe/Berlin" }
  EOT
  check = "[ \"$(TZ= date -d 2026-07-01T00:00Z +%H -u)\" = 00 ] && [ \"$(date -d 2026-07-01T00:00Z +%H%Z)\" = 02CEST ] && { [ ! -e /etc/timezone ] || [ \"$(cat /etc/timezone)\" = Europe/Berlin ]; }"
  drift "another one" { run = "ln -sf ../usr/share/zoneinfo/Etc/UTC /etc/localtime" }
  drift "a copy" { run = "rm /etc/localtime; cp /usr/share/zoneinfo/Europe/Berlin /etc/localtime" }
  drift "none" { run = "rm /etc/localtime" }
  drift "another in the text" { run = "if [ -e /etc/timezone ]; then echo Etc/UTC >/etc/timezone; else rm /etc/localtime; fi" }
}

# The lab's images have no cron, which reads the file within a minute.
case "schedule, user and environment" {
  reads = ["/etc/cron.d/backup"]
  setup = "mkdir -p /etc/cron.d; useradd -r backupper; echo old >/etc/cron.d/old"
  plan  = <<-EOT
    cron "backup" {
      schedule = "*/15 8-18 * * mon-fri"
      user     = "backupper"
      job      = "date +%F >/srv/today"
      env      = { MAILTO = "ops@example.com" }
    }
    cron "old" { state = "absent" }
  EOT
  check = <<-EOT
    [ "$(tail -n 2 /etc/cron.d/backup)" = "$(printf 'MAILTO="ops@example.com"\n*/15 8-18 * * mon-fri backupper date +\\%%F >/srv/today')" ] &&
    [ "$(stat -c '%a %U' /etc/cron.d/backup)" = "644 root" ] && [ ! -e /etc/cron.d/old ]
  EOT
  drift "another schedule" {
    run     = "sed -i 's/^\\*.15/5/' /etc/cron.d/backup"
    changes = ["cron.backup"]
  }
  drift "removed, and one back" {
    run     = "mv /etc/cron.d/backup /etc/cron.d/old"
    changes = ["cron.backup", "cron.old"]
  }
}

# A container can mount tmpfs and bind mounts. Devices by name or UUID, and what a server exports, need a machine of their own:
# unit tests have what is seen of these.
case "tmpfs and bind" {
  reads = ["/etc/fstab"]
  setup = <<-EOT
    mkdir -p /srv/from /srv/old
    echo hello >/srv/from/f
    printf '# mine\ntmpfs /srv/old tmpfs defaults 0 0\n' >/etc/fstab
    mount /srv/old
  EOT
  plan  = <<-EOT
    mount "scratch" {
      path   = "/srv/scratch"
      src    = "tmpfs"
      fstype = "tmpfs"
      opts   = ["size=1m", "noexec"]
    }
    mount "to" {
      path = "/srv/to"
      src  = "/srv/from"
      opts = ["bind", "ro"]
    }
    mount "old" {
      path  = "/srv/old"
      state = "absent"
    }
  EOT
  check = <<-EOT
    [ "$(findmnt -no FSTYPE,SOURCE /srv/scratch | tr -s ' ')" = 'tmpfs tmpfs' ] && findmnt -no OPTIONS /srv/scratch | grep noexec | grep -q size=1024k &&
    [ "$(cat /srv/to/f)" = hello ] && ! touch /srv/to/f && ! mountpoint -q /srv/old && [ "$(grep -c . /etc/fstab)" = 3 ] && grep -q '^# mine' /etc/fstab &&
    umount /srv/scratch /srv/to && mount -a && [ "$(cat /srv/to/f)" = hello ]
  EOT
  drift "unmounted" {
    run     = "umount /srv/scratch"
    changes = ["mount.scratch"]
  }
  drift "other options, and unmounted" {
    run     = "mount -o remount,size=2m,exec /srv/scratch; umount /srv/to"
    changes = ["mount.scratch", "mount.to"]
  }
  drift "another in its place" {
    run     = "umount /srv/to; mount -t tmpfs x /srv/to"
    changes = ["mount.to"]
  }
  drift "lines" {
    run     = "sed -i 's/,noexec//; s/bind/defaults/' /etc/fstab"
    changes = ["mount.scratch", "mount.to"]
  }
  drift "back" {
    run     = "echo 'tmpfs /srv/old tmpfs defaults' >>/etc/fstab; mount /srv/old"
    changes = ["mount.old"]
  }
}

# A container has its machine's kernel, so that nothing here is about kernels: unit tests have what is seen of these.
case "for a file" {
  setup = "touch /run/reboot-required"
  plan  = <<-EOT
    file "read-at-boot" {
      path    = "/etc/read-at-boot"
      content = "a\n"
    }
    reboot "now" { reboot_on = [file.read-at-boot] }
    file "after" {
      path    = "/run/after"
      content = "up\n"
    }
  EOT
  check = "[ ! -e /run/reboot-required ] && [ -e /run/after ] && [ \"$(stat -c %Z /etc/read-at-boot)\" -le \"$(stat -c %Z /run/systemd/system)\" ]"
  drift "another content, and a package that asks" {
    run     = "echo b >/etc/read-at-boot; touch /run/reboot-required"
    changes = ["file.read-at-boot", "reboot.now", "file.after"]
  }
}

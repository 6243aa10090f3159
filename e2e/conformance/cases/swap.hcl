case "a swap file" {
  machine = true
  reads   = ["/etc/fstab"]
  setup   = "sed -i '$a# mine' /etc/fstab"
  plan    = <<-EOT
    swap "small" {
      size     = "64M"
      priority = 5
    }
  EOT
  check   = <<-EOT
    swapon --show=NAME,SIZE,PRIO --noheadings | tr -s ' ' | grep -qx '/swapfile 64M 5' && [ "$(stat -c '%a %u %s' /swapfile)" = "600 0 67108864" ] &&
    grep -q '^/swapfile none swap pri=5' /etc/fstab && swapoff /swapfile && swapon -a && swapon --show=NAME --noheadings | grep -qx /swapfile
  EOT
  drift "off" { run = "swapoff /swapfile" }
  drift "another size" { run = "swapoff /swapfile; fallocate -l 32M /swapfile; truncate -s 32M /swapfile; mkswap /swapfile; swapon /swapfile" }
  drift "readable, another priority, and no line" { run = "chmod 644 /swapfile; swapoff /swapfile; swapon -p 1 /swapfile; sed -i '/swap/d' /etc/fstab" }
  drift "gone" { run = "swapoff /swapfile; rm /swapfile" }
}

case "key of a new user" {
  plan = <<-EOT
    user "alice" {
      name = "alice"
    }
    authorized_key "alice" {
      user = "alice"
      key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF alice@laptop"
    }
  EOT
  check = <<-EOT
    cd /home/alice/.ssh && grep -qx 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF alice@laptop' authorized_keys &&
    [ "$(stat -c %a:%U:%G . authorized_keys | tr '\n' ' ')" = "700:alice:alice 600:alice:alice " ] && [ "$(ls -A)" = authorized_keys ]
  EOT
  drift "file removed" { run = "rm /home/alice/.ssh/authorized_keys" }
  drift "emptied" { run = ": >/home/alice/.ssh/authorized_keys" }
  drift "directory removed" { run = "rm -r /home/alice/.ssh" }
  drift "comment" { run = "sed -i s/laptop/desk/ /home/alice/.ssh/authorized_keys" }
  drift "options" { run = "sed -i 's/^/command=\"false a,b\",no-pty /' /home/alice/.ssh/authorized_keys" }
  drift "twice" { run = "cd /home/alice/.ssh && cat authorized_keys >>a && cat a >>authorized_keys && rm a" }
  drift "writable by the group" { run = "chmod 664 /home/alice/.ssh/authorized_keys" }
  drift "of another user" { run = "chown daemon /home/alice/.ssh/authorized_keys; chmod 644 /home/alice/.ssh/authorized_keys" }
  drift "directory writable" { run = "chmod 720 /home/alice/.ssh" }
}

case "options, other keys stay" {
  setup = "useradd -m bob && mkdir /home/bob/.ssh && printf '# mine\necdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE= bob@desk\n' >/home/bob/.ssh/authorized_keys && chown -R bob:bob /home/bob/.ssh"
  plan  = <<-EOT
    authorized_key "backup" {
      user    = "bob"
      key     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
      comment = "backup"
      options = ["restrict", "command=\"/usr/local/bin/backup --all, really\""]
    }
  EOT
  check = <<-EOT
    printf '# mine\necdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE= bob@desk\nrestrict,command="/usr/local/bin/backup --all, really" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF backup\n' | cmp - /home/bob/.ssh/authorized_keys
  EOT
  drift "without options" { run = "sed -i 's/^restrict.*\" //' /home/bob/.ssh/authorized_keys" }
  drift "without the key" { run = "sed -i '/^restrict/d' /home/bob/.ssh/authorized_keys" }
}

case "no other keys" {
  setup = "useradd -m bob && mkdir /home/bob/.ssh && printf '# mine\necdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE= bob@desk\nrubbish\n' >/home/bob/.ssh/authorized_keys && chown -R bob:bob /home/bob/.ssh"
  plan  = <<-EOT
    authorized_key "only" {
      user      = "bob"
      key       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF only"
      exclusive = true
    }
  EOT
  check = "printf '# mine\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF only\n' | cmp - /home/bob/.ssh/authorized_keys"
  drift "another key" { run = "echo 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE=' >>/home/bob/.ssh/authorized_keys" }
}

case "removed" {
  setup = "useradd -m bob && mkdir /home/bob/.ssh && printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF a\necdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE= b\n' >/home/bob/.ssh/authorized_keys && chown -R bob:bob /home/bob/.ssh"
  plan  = <<-EOT
    authorized_key "gone" {
      user  = "bob"
      key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
      state = "absent"
    }
    authorized_key "of-nobody" {
      user  = "nosuchuser"
      key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
      state = "absent"
    }
  EOT
  check = "printf 'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE= b\n' | cmp - /home/bob/.ssh/authorized_keys"
  drift "back again" { run = "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF' >>/home/bob/.ssh/authorized_keys" }
}

case "file of root outside of the home" {
  setup = "mkdir /etc/ssh/keys"
  plan  = <<-EOT
    user "app" {
      name        = "app"
      system      = true
      home        = "/var/lib/app"
      create_home = false
    }
    authorized_key "app" {
      user = "app"
      path = "/etc/ssh/keys/app"
      key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
    }
  EOT
  check = "[ \"$(stat -c %a:%U /etc/ssh/keys/app)\" = 644:root ] && grep -qx 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF' /etc/ssh/keys/app"
  drift "removed" { run = "rm /etc/ssh/keys/app" }
}

case "directory is a link that the user made" {
  setup = "useradd -m eve && ln -s /root/.ssh /home/eve/.ssh && cp -p /root/.ssh/authorized_keys /root/before && useradd -m bob && su bob -c 'mkdir -p ~/dot/ssh && ln -s ~/dot/ssh ~/.ssh'"
  plan  = <<-EOT
    authorized_key "bob" {
      user = "bob"
      key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
    }
  EOT
  check = "[ -L /home/bob/.ssh ] && grep -qx 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF' /home/bob/dot/ssh/authorized_keys && cmp /root/before /root/.ssh/authorized_keys"
  drift "removed" { run = "rm /home/bob/dot/ssh/authorized_keys" }
}

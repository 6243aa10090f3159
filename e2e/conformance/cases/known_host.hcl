case "of all, and of a user with hashed names" {
  reads = ["/etc/ssh/ssh_known_hosts"]
  setup = <<-EOT
    useradd -m deploy
    mkdir -m 700 /home/deploy/.ssh
    other='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto'
    printf '%s\n' "|1|AQEBAQEBAQEBAQEBAQEBAQEBAQE=|Pj4ufUzkjz7woDvSP5gM/trz/fk= $other" "|1|AgICAgICAgICAgICAgICAgICAgI=|DexA9swlkPU0v+V1qqo+Wtb4Bro= $other" "|1|AwMDAwMDAwMDAwMDAwMDAwMDAwM=|qAdoD4rJJK10UyjD/3NV862LkhY= $other" >/home/deploy/.ssh/known_hosts # git.example.com, [backup]:2222, db
    chown -R deploy:deploy /home/deploy/.ssh
  EOT
  plan  = <<-EOT
    known_host "all" {
      name = "git.example.com"
      key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
    }
    known_host "port" {
      name  = "backup"
      port  = 2222
      key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
      path  = "/home/deploy/.ssh/known_hosts"
      owner = "deploy"
      group = "deploy"
    }
    known_host "gone" {
      name  = "db"
      path  = "/home/deploy/.ssh/known_hosts"
      owner = "deploy"
      group = "deploy"
      state = "absent"
    }
  EOT
  check = <<-EOT
    f=/home/deploy/.ssh/known_hosts
    ssh-keygen -F git.example.com -f /etc/ssh/ssh_known_hosts | grep -q D0zF && [ "$(ssh-keygen -F '[backup]:2222' -f $f | grep -c ssh-ed25519)" = 1 ] &&
    ssh-keygen -F '[backup]:2222' -f $f | grep -q D0zF && ! ssh-keygen -F db -f $f && ssh-keygen -F git.example.com -f $f | grep -q X1Xto &&
    [ "$(stat -c %U $f)" = deploy ]
  EOT
  drift "removed" {
    run     = "rm /etc/ssh/ssh_known_hosts"
    changes = ["known_host.all"]
  }
  drift "another key" {
    run     = "sed -i 's/^\\(.*\\) ssh-ed25519 .*D0zF/\\1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto/' /home/deploy/.ssh/known_hosts; chown deploy:deploy /home/deploy/.ssh/known_hosts"
    changes = ["known_host.port"]
  }
}

# The remote is another sshd of the host, for the user hub. One key, which nobody has a use for, is its host key and the deploy key.

case "a branch over SSH, with submodules" {
  alive = ["srv/app/.git/index", "srv/app/.git/modules/sub/index"] # has the inodes of files
  setup = <<-EOT
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends git openssh-client >/dev/null 2>&1
    useradd -m -s /bin/sh -p '*' hub
    useradd -m alice
    (umask 077 && cat >/etc/ssh/hub) <<'END'
    -----BEGIN OPENSSH PRIVATE KEY-----
    b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
    QyNTUxOQAAACB2ysulpYJQDbnPEw7ddkWESwoTNgzIphRW18CdFG6mugAAAJDhYPth4WD7
    YQAAAAtzc2gtZWQyNTUxOQAAACB2ysulpYJQDbnPEw7ddkWESwoTNgzIphRW18CdFG6mug
    AAAEBYcGlBbQTOza7Pgdu5/sVDJeQOuQgF8VUm0Cimh96RkHbKy6WlglANuc8TDt12RYRL
    ChM2DMimFFbXwJ0Ubqa6AAAAC3JjcHJvdi10ZXN0AQI=
    -----END OPENSSH PRIVATE KEY-----
    END
    install -d -o hub /home/hub/.ssh
    ssh-keygen -y -f /etc/ssh/hub >/home/hub/.ssh/authorized_keys
    systemd-run --quiet --unit=hub --property=RuntimeDirectory=sshd --property=RuntimeDirectoryPreserve=yes /usr/sbin/sshd -D -f /dev/null -p 2222 -h /etc/ssh/hub
    cat >/home/hub/make.sh <<'END'
    set -e
    cd ~
    git config --global init.defaultBranch main
    git config --global protocol.file.allow always
    git config --global user.email hub@example.com
    git config --global user.name hub
    export GIT_COMMITTER_DATE=2026-01-01T00:00:00Z GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
    git init -q --bare sub.git
    git clone -q sub.git sub
    cd sub
    echo lib >lib
    git add .
    git commit -q -m sub
    git push -q
    cd ..
    git init -q --bare app.git
    git clone -q app.git app
    cd app
    echo 1 >f
    echo g >g
    git submodule -q add ../sub.git sub
    git add .
    git commit -q -m one
    git tag -a -m v1 v1
    echo 2 >f
    git commit -q -a -m two
    git push -q origin main v1
    END
    su hub -c 'sh ~/make.sh' 2>/dev/null
    until ssh-keyscan -p 2222 127.0.0.1 2>/dev/null | grep -q .; do sleep 0.1; done
  EOT
  plan  = <<-EOT
    git "app" {
      repo      = "ssh://hub@127.0.0.1:2222/home/hub/app.git"
      path      = "/srv/app"
      version   = "main"
      owner     = "alice"
      group     = "alice"
      force     = true
      host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHbKy6WlglANuc8TDt12RYRLChM2DMimFFbXwJ0Ubqa6"]
      key       = <<-END
        -----BEGIN OPENSSH PRIVATE KEY-----
        b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
        QyNTUxOQAAACB2ysulpYJQDbnPEw7ddkWESwoTNgzIphRW18CdFG6mugAAAJDhYPth4WD7
        YQAAAAtzc2gtZWQyNTUxOQAAACB2ysulpYJQDbnPEw7ddkWESwoTNgzIphRW18CdFG6mug
        AAAEBYcGlBbQTOza7Pgdu5/sVDJeQOuQgF8VUm0Cimh96RkHbKy6WlglANuc8TDt12RYRL
        ChM2DMimFFbXwJ0Ubqa6AAAAC3JjcHJvdi10ZXN0AQI=
        -----END OPENSSH PRIVATE KEY-----
      END
    }
  EOT
  check = <<-EOT
    cd /srv/app && [ "$(cat f g sub/lib)" = "$(printf '2\ng\nlib')" ] && [ "$(stat -c %U . .git f sub .git/config | sort -u)" = alice ] &&
    [ "$(su alice -c 'git rev-parse HEAD')" = "$(su hub -c 'git -C ~/app.git rev-parse main')" ] && [ -z "$(su alice -c 'git status --porcelain')" ]
  EOT
  drift "an older version, local edits, a deleted file, a submodule that is gone" {
    run = "cd /srv/app && su alice -c 'umask 022; git -c core.logAllRefUpdates=false checkout -q HEAD~1 && echo hers >f && rm g && git submodule -q deinit -f sub'"
  }
  drift "root's" { run = "chown -R root:root /srv/app" }
  drift "somebody else's, with a hook and a filter" {
    run = "cd /srv/app && printf '#!/bin/sh\ntouch /srv/ran\n' >.git/hooks/post-checkout && chmod +x .git/hooks/post-checkout && chown -R games:games . && rm -f /srv/ran"
  }
}

# Law 7: what each module that names a path does in a directory that is alice's, or that she may write. race.go says what is
# in a block.

race "file" "new, hers" {
  names = ["p/f"]
  plan  = <<-EOT
    file "f" {
      path    = "/home/alice/race/p/f"
      content = "new\n"
      mode    = "0640"
      owner   = "alice"
      group   = "alice"
    }
  EOT
}

race "file" "large, hers" {
  names = ["p/f"]
  plan  = <<-EOT
    file "f" {
      path    = "/home/alice/race/p/f"
      content = join("", [for i in range(300) : format("%0999d\n", i)])
      mode    = "0644"
      owner   = "alice"
      group   = "alice"
    }
  EOT
}

race "file" "mode and owner alone" {
  names = ["p/f"]
  plan  = <<-EOT
    file "f" {
      path    = "/home/alice/race/p/f"
      mode    = "0604"
      owner   = "alice"
      group   = "alice"
    }
  EOT
}

race "file" "with a backup" {
  names = ["p/f"]
  plan  = <<-EOT
    file "f" {
      path     = "/home/alice/race/p/f"
      content  = "new\n"
      owner    = "alice"
      group    = "alice"
      backup   = true
      validate = ["grep", "-q", "new", "%s"]
    }
  EOT
}

race "file" "absent" {
  names = ["p/f"]
  plan  = <<-EOT
    file "f" {
      path   = "/home/alice/race/p/f"
      state  = "absent"
      backup = true
    }
  EOT
}

race "file" "root's" {
  refused = "/home/alice.* belongs to alice: what is below it can't be root's"
  names   = ["p/f"]
  plan    = <<-EOT
    file "f" {
      path    = "/home/alice/race/p/f"
      content = "new\n"
    }
  EOT
}

race "file" "where everybody may write" {
  directory = "/srv/race"
  rights    = "-o root -g root -m 1777"
  names     = ["f"]
  plan      = <<-EOT
    file "f" {
      path    = "/srv/race/f"
      content = "new\n"
    }
  EOT
}

race "line" "hers" {
  names = ["p/f"]
  plan  = <<-EOT
    line "l" {
      path   = "/home/alice/race/p/f"
      line   = "new"
      create = true
      mode   = "0600"
      owner  = "alice"
      group  = "alice"
    }
  EOT
}

race "block" "hers" {
  names = ["p/f"]
  plan  = <<-EOT
    block "b" {
      path   = "/home/alice/race/p/f"
      block  = "new"
      create = true
      mode   = "0600"
      owner  = "alice"
      group  = "alice"
    }
  EOT
}

race "known_host" "hers" {
  names = ["p/f"]
  plan  = <<-EOT
    known_host "k" {
      name  = "git.example.com"
      key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
      path  = "/home/alice/race/p/f"
      owner = "alice"
      group = "alice"
    }
  EOT
}

race "mount" "hers" {
  refused = "/home/alice.* belongs to alice: what is below it can't be root's"
  names   = ["p/d/", "p/e/"]
  plan    = <<-EOT
    mount "m" {
      path = "/home/alice/race/p/d"
      src  = "/home/alice/race/p/e"
      opts = ["bind"]
    }
  EOT
}

race "directory" "hers" {
  names = ["p/d/"]
  plan  = <<-EOT
    directory "d" {
      path  = "/home/alice/race/p/d"
      mode  = "0705"
      owner = "alice"
      group = "alice"
    }
  EOT
}

race "directory" "with parents" {
  names = ["p/q/d/"]
  plan  = <<-EOT
    directory "d" {
      path  = "/home/alice/race/p/q/d"
      mode  = "0705"
      owner = "alice"
      group = "alice"
    }
  EOT
}

race "link" "hers" {
  names = ["p/l"]
  plan  = <<-EOT
    link "l" {
      path   = "/home/alice/race/p/l"
      target = "/home/alice"
    }
  EOT
}

race "link" "forced" {
  names = ["p/l"]
  plan  = <<-EOT
    link "l" {
      path   = "/home/alice/race/p/l"
      target = "/home/alice"
      force  = true
    }
  EOT
}

race "directory" "absent" {
  names  = ["p/d/"]
  inside = ["d/inner/f", "inner/f"]
  reset  = "cd /home/alice/race && setpriv --reuid alice --regid alice --clear-groups sh -c 'mkdir -p p/d/inner && touch p/d/inner/f p/d/g'"
  plan   = <<-EOT
    directory "d" {
      path  = "/home/alice/race/p/d"
      state = "absent"
      force = true
    }
  EOT
}

race "line" "in a directory that her group may write" {
  directory = "/srv/race"
  rights    = "-o root -g alice -m 2775"
  names     = ["f"]
  plan      = <<-EOT
    line "l" {
      path   = "/srv/race/f"
      line   = "new"
      create = true
      owner  = "alice"
      group  = "alice"
      backup = true
    }
  EOT
}

race "authorized_key" "in her home" {
  names = [".ssh/authorized_keys"]
  setup = "usermod -d /home/alice/race alice"
  plan  = <<-EOT
    authorized_key "alice" {
      user = "alice"
      key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF alice@laptop"
    }
  EOT
}

race "authorized_key" "no other keys, at a path of the plan" {
  names = ["p/keys"]
  plan  = <<-EOT
    authorized_key "alice" {
      user      = "alice"
      key       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF alice@laptop"
      path      = "/home/alice/race/p/keys"
      exclusive = true
    }
  EOT
}

race "archive" "hers" {
  names  = ["p/tool/"]
  inside = ["tool/pkg-1/bin/tool", "pkg-1/bin/tool", "pkg-1/bin/alias", "bin/tool", "bin/alias", "tree/pkg-1/bin/tool"]
  setup  = <<-EOT
    mkdir -p /srv/fixture
    base64 -d >/srv/fixture/pkg <<'END'
    H4sIAAAAAAACA+3T0QqCMBSA4V37FIuuwzk39zymlaKkOH3/lhBEUNGFkvB/N2ewXe3n9M3lkMRi
    USpw1t5n4qx6ng8iMVYb55QJZ5VorbSQVqxg8mM+SCmKtptKXzbv3n2736h+7n+sr/Ff9XeW/iv3
    z9s698v1d+6H/ibLUiH12HUt/Vfqv9xnh74h7Yf91/alf5plSkjF/i9uv5vj+yo6FVUnz/Xgx0gA
    AAAAAAAAAAAAAIAtuQGvYJWZACgAAA==
    END
  EOT
  plan   = <<-EOT
    archive "tool" {
      file   = "/srv/fixture/pkg"
      sha256 = "b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67"
      path   = "/home/alice/race/p/tool"
      owner  = "alice"
      group  = "alice"
    }
  EOT
}

race "archive" "of a file that she may swap" {
  names   = ["p/pkg"]
  touches = ["opt/tool/"]
  setup   = <<-EOT
    mkdir -p /srv/fixture
    base64 -d >/srv/fixture/pkg <<'END'
    H4sIAAAAAAACA+3T0QqCMBSA4V37FIuuwzk39zymlaKkOH3/lhBEUNGFkvB/N2ewXe3n9M3lkMRi
    USpw1t5n4qx6ng8iMVYb55QJZ5VorbSQVqxg8mM+SCmKtptKXzbv3n2736h+7n+sr/Ff9XeW/iv3
    z9s698v1d+6H/ibLUiH12HUt/Vfqv9xnh74h7Yf91/alf5plSkjF/i9uv5vj+yo6FVUnz/Xgx0gA
    AAAAAAAAAAAAAIAtuQGvYJWZACgAAA==
    END
  EOT
  reset   = "rm -rf /opt/tool; cd /home/alice/race && setpriv --reuid alice --regid alice --clear-groups sh -c 'mkdir p && cp /srv/fixture/pkg p/pkg'"
  plan    = <<-EOT
    archive "tool" {
      file   = "/home/alice/race/p/pkg"
      sha256 = "b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67"
      path   = "/opt/tool"
    }
  EOT
}

race "archive" "absent" {
  names  = ["p/tool/"]
  inside = ["tool/bin/tool", "bin/tool"]
  reset  = <<-EOT
    cd /home/alice/race
    setpriv --reuid alice --regid alice --clear-groups sh -c 'mkdir -p p/tool/bin && touch p/tool/bin/tool && cat >p/tool/.rcprov-archive' <<'END'
    {"sha256":"b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67"}
    END
  EOT
  plan   = <<-EOT
    archive "tool" {
      path  = "/home/alice/race/p/tool"
      state = "absent"
    }
  EOT
}

race "git" "hers" {
  names  = ["p/app/"]
  inside = ["app/f", "f", ".git/config", "tree/f"]
  setup  = <<-EOT
    command -v git >/dev/null || { apt-get update -qq; apt-get install -qq -y --no-install-recommends git >/dev/null 2>&1; }
    git config --system --replace-all safe.directory '*'
    [ -d /srv/fixture/app ] || {
      git init -q /srv/fixture/app
      cd /srv/fixture/app
      echo 1 >f
      git add f
      git -c user.name=hub -c user.email=hub@example.com commit -q -m one
    }
  EOT
  plan   = <<-EOT
    git "app" {
      repo  = "/srv/fixture/app"
      path  = "/home/alice/race/p/app"
      owner = "alice"
      group = "alice"
      force = true
    }
  EOT
}

race "tree" "hers" {
  names  = ["p/t/"]
  inside = ["t/plan.hcl", "plan.hcl", "t/.tree.rcprov", "tree/plan.hcl"]
  plan   = <<-EOT
    tree "t" {
      source  = "."
      path    = "/home/alice/race/p/t"
      owner   = "alice"
      group   = "alice"
      exclude = [".*"]
      delete  = true
    }
  EOT
}

race "download" "hers" {
  names = ["p/tool"]
  setup = <<-EOT
    mkdir -p /srv/fixture
    cat >/srv/fixture/serve.pl <<'END'
    use IO::Socket::INET;
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8123", Listen => 5, ReuseAddr => 1) or die;
    my $content = "#!/bin/sh\necho fetched\n";
    while (my $client = $listener->accept) {
      while (<$client>) { last if /^\r?$/ }
      print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($content) . "\r\nConnection: close\r\n\r\n$content";
      close $client;
    }
    END
    systemctl stop fixture 2>/dev/null || :
    systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
    until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
  EOT
  plan  = <<-EOT
    download "tool" {
      url    = "http://127.0.0.1:8123/tool"
      sha256 = "df3f283be34a7614226644e1a725254933d9e4874dfb69ee634b72248bc6a029"
      path   = "/home/alice/race/p/tool"
      mode   = "0750"
      owner  = "alice"
      group  = "alice"
    }
  EOT
}

race "user" "home below hers" {
  refused = "belongs to alice: what is below it can't be "
  names   = ["p/bob/"]
  inside  = ["bob/.profile"]
  reset   = "userdel bob 2>/dev/null || :"
  touches = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid", "var/mail/bob"]
  plan    = <<-EOT
    user "bob" {
      name = "bob"
      home = "/home/alice/race/p/bob"
    }
  EOT
}

race "user" "home removed" {
  refused = "Permission denied"
  names   = ["p/bob/"]
  inside  = ["bob/.profile", "bob/x/y", "x/y"]
  reset   = <<-EOT
    userdel bob 2>/dev/null || :
    useradd -M -d /home/alice/race/p/bob bob
    install -d -o alice -g alice /home/alice/race/p
    install -d -o bob -g bob /home/alice/race/p/bob /home/alice/race/p/bob/x
    chown bob /srv/law/dir/bob
  EOT
  touches = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid", "var/mail/bob"]
  plan    = <<-EOT
    user "bob" {
      name        = "bob"
      state       = "absent"
      remove_home = true
    }
  EOT
}

race "user" "home where everybody may write" {
  directory = "/srv/race"
  rights    = "-o root -g root -m 1777"
  names     = ["bob/"]
  inside    = ["bob/.profile"]
  reset     = "userdel bob 2>/dev/null || :"
  touches   = ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid", "var/mail/bob"]
  plan      = <<-EOT
    user "bob" {
      name = "bob"
      home = "/srv/race/bob"
    }
  EOT
}

race "systemd_unit" "restart_on names files of hers" {
  names   = ["p/f"]
  touches = ["etc/systemd/system/lawful.service"]
  plan    = <<-EOT
    systemd_unit "lawful" {
      name       = "lawful.service"
      content    = "[Service]\nExecStart=/bin/sleep infinity\n"
      running    = true
      restart_on = ["/home/alice/race/p/f"]
    }
  EOT
}

race "command" "dir, creates and removes are hers" {
  names = ["p/d/", "p/f"]
  reset = "setpriv --reuid alice --regid alice --clear-groups mkdir -p /home/alice/race/p/d"
  plan  = <<-EOT
    command "c" {
      argv    = ["touch", "/home/alice/race/p/f"]
      dir     = "/home/alice/race/p/d"
      creates = "/home/alice/race/p/f"
      user    = "alice"
    }
    command "r" {
      argv    = ["rm", "-f", "/home/alice/race/p/f"]
      removes = "/home/alice/race/p/f"
      user    = "alice"
    }
  EOT
}

race "check" "dir is hers" {
  names = ["p/d/"]
  reset = "setpriv --reuid alice --regid alice --clear-groups mkdir -p /home/alice/race/p/d"
  plan  = <<-EOT
    check "c" {
      argv     = ["true"]
      dir      = "/home/alice/race/p/d"
      user     = "alice"
      deadline = "1s"
    }
  EOT
}

race "node" "directory is hers" {
  names   = ["p/22.22.3/"]
  inside  = ["22.22.3/bin/node", "bin/node"]
  refused = "belongs to alice: what is below it can't be root's"
  setup   = <<-EOT
    mkdir -p /srv/fixture
    base64 -d >/srv/fixture/node.tar.gz <<'END'
    H4sIAAAAAAACA+2WXW/TMBSGc1v/irO01aRp+U4aQVVUJHbBBdsEEjeAWLo4jWliR7G7Fk377zhp
    K60VjAsgBXEeVbJ94vMm9RufmIuUWne+b+tfYBWML9dWwr86xm/E1cRR1Laaw7bte2Hkh3Hshk3c
    C0LfNSAyOmApVVIDGLUQ6ql5P7v+j8J/4P+Mced4/odejP4f3f/mWif+B4f+R24QGuCi/3+c/klr
    tcwJvc0F7N4EYiD/BU/u/6rsov57rhse1v/YDXD/d7v/+/BKUAmrPFFwo60HxvXSFAVY1rwQs6Tp
    VDXN2BquwbZtPYTLl28upu8v3r57fXWpQzeQaolzWDGVQ5XcLpK5VhQZMKWbFYcyWTA+t4mkCiy6
    JCyDD2AOPBMmWu6O1pIJDp/GoHLKoa1Inms/s8Mx0DVTY8gYWeWsoLu0kyavSUgF7IttH3WntRlO
    Bn6jMQaZs0w1WZyStk8yUe8eWYdJL2X1ZLDJcgo2az+Gn0uRLgsqncH9dupwevZAeuVCzwar0nfX
    HZP0ZEFpBa6uo72qZlxlcHpv8qSk5nNzKM1zc/tXN8OHj/xUpz7WNB+N+/2zqQ68aMWdbdD+InX6
    d+/ULttQ7ovui5QJ47bMTdIuAFZBrP+H9b955Y95/h+N8Px/bP/3Sl6n/o9GYYD+/1X+6xOB05n/
    cRhE6D+CIAiCIAiCIAiCIAiCIMiv8A0CyugTACgAAA==
    END
    cat >/srv/fixture/serve.pl <<'END'
    use IO::Socket::INET;
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8123", Listen => 5, ReuseAddr => 1) or die;
    open my $file, "<:raw", "/srv/fixture/node.tar.gz" or die;
    my $content = do { local $/; <$file> };
    while (my $client = $listener->accept) {
      while (<$client>) { last if /^\r?$/ }
      print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($content) . "\r\nConnection: close\r\n\r\n$content";
      close $client;
    }
    END
    systemctl stop fixture 2>/dev/null || :
    systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
    until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
  EOT
  plan    = <<-EOT
    node "lts" {
      version   = "22.22.3"
      directory = "/home/alice/race/p"
      mirror    = "http://127.0.0.1:8123/dist"
      sha256    = "7e7186aa49f86de8597820bae5afcea74b12fdb718aea8f6f4cf58cf81274705"
    }
  EOT
}

race "file" "root's, in a directory that her group may write" {
  directory = "/srv/race"
  rights    = "-o root -g alice -m 2775"
  names     = ["f"]
  plan      = <<-EOT
    file "f" {
      path    = "/srv/race/f"
      content = "new\n"
      backup  = true
    }
  EOT
}

race "file" "absent, in a directory that her group may write" {
  directory = "/srv/race"
  rights    = "-o root -g alice -m 2775"
  names     = ["f"]
  plan      = <<-EOT
    file "f" {
      path   = "/srv/race/f"
      state  = "absent"
      backup = true
    }
  EOT
}

race "directory" "where everybody may write" {
  directory = "/srv/race"
  rights    = "-o root -g root -m 1777"
  names     = ["d/"]
  plan      = <<-EOT
    directory "d" {
      path  = "/srv/race/d"
      mode  = "0700"
      owner = "daemon"
    }
  EOT
}

race "link" "where everybody may write" {
  directory = "/srv/race"
  rights    = "-o root -g root -m 1777"
  names     = ["l"]
  plan      = <<-EOT
    link "l" {
      path   = "/srv/race/l"
      target = "/etc/hostname"
      force  = true
    }
  EOT
}

race "archive" "where everybody may write" {
  directory = "/srv/race"
  rights    = "-o root -g root -m 1777"
  names     = ["tool/", "pkg"]
  inside    = ["tool/pkg-1/bin/tool", "pkg-1/bin/tool", "bin/tool"]
  setup     = <<-EOT
    mkdir -p /srv/fixture
    base64 -d >/srv/fixture/pkg <<'END'
    H4sIAAAAAAACA+3T0QqCMBSA4V37FIuuwzk39zymlaKkOH3/lhBEUNGFkvB/N2ewXe3n9M3lkMRi
    USpw1t5n4qx6ng8iMVYb55QJZ5VorbSQVqxg8mM+SCmKtptKXzbv3n2736h+7n+sr/Ff9XeW/iv3
    z9s698v1d+6H/ibLUiH12HUt/Vfqv9xnh74h7Yf91/alf5plSkjF/i9uv5vj+yo6FVUnz/Xgx0gA
    AAAAAAAAAAAAAIAtuQGvYJWZACgAAA==
    END
  EOT
  reset     = "cd /srv/race && setpriv --reuid alice --regid alice --clear-groups cp /srv/fixture/pkg pkg"
  plan      = <<-EOT
    archive "tool" {
      file   = "/srv/race/pkg"
      sha256 = "b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67"
      path   = "/srv/race/tool"
    }
  EOT
}

# npm runs with the rights of the user, in the user's release. There is no database, so no instance ever gets ready.
race "rocketchat" "the user's release and data" {
  gap       = "holds, but npm takes 20 s a round, and there is a race with a quick one: run with RCPROV_RACES"
  mirror    = true
  directory = "/srv/race"
  rights    = "-o root -g root -m 0755"
  names     = ["current"]
  refused   = "ready|service|mongo"
  touches   = ["etc/passwd", "etc/shadow", "etc/rocketchat/", "etc/systemd/system/", "opt/node/", "opt/deno/", "etc/ssl/", "usr/", "var/lib/dpkg/"]
  plan      = <<-EOT
    node "lts" {
      version      = "22.22.3"
      mirror       = local.mirror.node.dist_url
      key_url      = local.mirror.node.key_url
      fingerprints = [local.mirror.node.fingerprint]
    }
    rocketchat "chat" {
      version        = local.mirror.rocketchat.releases.good.version
      sha256         = local.mirror.rocketchat.releases.good.sha256
      releases       = local.mirror.rocketchat.url
      npm_registry   = local.mirror.rocketchat.npm_registry
      node_version   = node.lts.version
      node_bin       = node.lts.bin
      packages       = ["ca-certificates"]
      root_url       = "https://chat.example.com"
      mongo_url      = "mongodb://chat:chat@127.0.0.1:27017/chat?replicaSet=rs0&authSource=admin"
      user           = "alice"
      directory      = "/srv/race"
      data_directory = "/home/alice"
      uploads        = "filesystem"
      deadline       = "10s"
      preflight      = { memory = "off", disk = "off" }
    }
  EOT
}

# The name never resolves, so no CA is asked. Before that, rcprov puts a file of its own below the webroot and removes it.
race "acme_certificate" "webroot is hers" {
  names   = ["p/.well-known/acme-challenge/"]
  inside  = ["acme-challenge/rcprov-x"]
  refused = "does not resolve"
  touches = ["var/lib/lego/"]
  plan    = <<-EOT
    acme_certificate "law" {
      names       = ["law.test"]
      email       = "law@law.test"
      directory   = "https://127.0.0.1:9/"
      webroot     = "/home/alice/race/p"
      nameservers = ["127.0.0.1:9"]
      preflight   = { dns = "off", clock = "off" }
    }
  EOT
}

# With an npm that makes two empty modules: what root does in the release is raced as with the real one.
race "rocketchat" "the user's release, by a quick npm" {
  mirror    = true
  directory = "/srv/race"
  rights    = "-o root -g root -m 0755"
  names     = ["current"]
  rounds    = 3
  refused   = "service-3000"
  touches   = ["etc/passwd", "etc/shadow", "etc/rocketchat/", "etc/systemd/system/", "etc/ssl/", "usr/", "var/lib/dpkg/"]
  setup     = <<-EOT
    mkdir -p /opt/quick
    cat >/opt/quick/node <<'END'
    #!/bin/sh
    [ "$1" != --version ] || echo v22.22.3
    END
    cat >/opt/quick/npm <<'END'
    #!/bin/sh
    [ "$1" = install ] || exit 0
    mkdir -p node_modules/sharp node_modules/isolated-vm
    echo '{}' >node_modules/sharp/package.json
    echo '{}' >node_modules/isolated-vm/package.json
    END
    chmod 755 /opt/quick/node /opt/quick/npm
  EOT
  plan      = <<-EOT
    rocketchat "chat" {
      version        = local.mirror.rocketchat.releases.good.version
      sha256         = local.mirror.rocketchat.releases.good.sha256
      releases       = local.mirror.rocketchat.url
      npm_registry   = local.mirror.rocketchat.npm_registry
      node_version   = "22.22.3"
      node_bin       = "/opt/quick"
      packages       = ["ca-certificates"]
      root_url       = "https://chat.example.com"
      mongo_url      = "mongodb://chat:chat@127.0.0.1:27017/chat?replicaSet=rs0&authSource=admin"
      user           = "alice"
      directory      = "/srv/race"
      data_directory = "/home/alice"
      uploads        = "filesystem"
      preflight      = { memory = "off", disk = "off" }
    }
  EOT
}

# What is not raced, and why.

exempt {
  names   = ["approval", "apt_package", "apt_repository", "apt_upgrade", "cron", "debconf", "group", "hostname", "hosts_entry", "locale", "mongo_replica_set", "sshd", "sysctl", "tcp_check", "timezone", "ufw"]
  because = "no path: what it writes, if anything, is below /etc or /usr, where only root may write"
}

exempt {
  names   = ["http_check", "http_check.ca_file", "mongo_replica_set.ca_file", "apt_repository.key_file", "acme_certificate.ca_file", "node.key_file", "rocketchat.key_file"]
  because = "a file on the controller"
}

exempt {
  names   = ["mongod.key_file", "node.links", "user.create_home"]
  because = "no path: a URL, the key itself, names of programs, a bool"
}

exempt {
  names   = ["git.key_file"]
  because = "ssh reads it, with the rights of the checkout's owner"
}

exempt {
  names   = ["apt_package.file"]
  because = "refused unless only root may write it or put another one in its place"
}

exempt {
  names   = ["reboot", "reboot.file", "reboot.reboot_on"]
  because = "looks at the times of files, through the door, and opens none"
}

exempt {
  names   = ["swap", "swap.path"]
  because = "needs a machine; it does nothing where others than root may write (door_private)"
}

exempt {
  names   = ["systemd_unit.reload_on"]
  because = "observed like restart_on"
}

exempt {
  names = [
    "jitsi", "jitsi.certificate", "jitsi.webroot", "mongod", "mongod.db_path", "mongod.certificate_key_file", "mongod.ca_file",
    "nginx", "nginx.webroot", "nginx_site", "nginx_site.certificate",
  ]
  because = "made of directory, file, and systemd_unit with restart_on, which are raced; the service itself reads the rest"
}

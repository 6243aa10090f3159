# The archive has pkg-1/bin/tool, a program with the set-user-ID bit that belongs to user 1000, and a link to it.

case "downloaded" {
  setup = <<-EOT
    mkdir -p /srv/fixture
    mkdir -m 2755 "/opt/it's"
    base64 -d >/srv/fixture/pkg.tar.gz <<'END'
    H4sIAAAAAAACA+3T0QqCMBSA4V37FIuuwzk39zymlaKkOH3/lhBEUNGFkvB/N2ewXe3n9M3lkMRi
    USpw1t5n4qx6ng8iMVYb55QJZ5VorbSQVqxg8mM+SCmKtptKXzbv3n2736h+7n+sr/Ff9XeW/iv3
    z9s698v1d+6H/ibLUiH12HUt/Vfqv9xnh74h7Yf91/alf5plSkjF/i9uv5vj+yo6FVUnz/Xgx0gA
    AAAAAAAAAAAAAIAtuQGvYJWZACgAAA==
    END
    cat >/srv/fixture/serve.pl <<'END'
    use IO::Socket::INET;
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8123", Listen => 5, ReuseAddr => 1) or die;
    open my $file, "<:raw", "/srv/fixture/pkg.tar.gz" or die;
    my $content = do { local $/; <$file> };
    while (my $client = $listener->accept) {
      while (<$client>) { last if /^\r?$/ }
      print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($content) . "\r\nConnection: close\r\n\r\n$content";
      close $client;
    }
    END
    systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
    until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
  EOT
  plan  = <<-EOT
    # Beside this the archive is prepared.
    file "before" {
      path     = "/etc/before"
      content  = "1\n"
      validate = ["sh", "-c", "sleep 0.5", "%s"]
    }
    archive "tool" {
      url              = "http://127.0.0.1:8123/pkg.tar.gz"
      sha256           = "b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67"
      path             = "/opt/it's/tool 1"
      strip_components = 1
      contains         = ["bin/tool"]
      group            = "adm"
      mode             = "0750"
    }
  EOT
  check = <<-EOT
    [ "$("/opt/it's/tool 1/bin/alias")" = first ] &&
    [ "$(stat -c '%a %U %G' "/opt/it's/tool 1/bin/tool")" = "755 root adm" ] &&
    [ "$(stat -c '%a %U %G' "/opt/it's/tool 1")" = "750 root adm" ] &&
    [ "$(ls -A "/opt/it's")" = "tool 1" ]
  EOT
  drift "removed" { run = "rm -r '/opt/it'\\''s/tool 1'" }
  drift "a program is missing" { run = "rm /opt/it*/tool*/bin/tool" }
  drift "owner" { run = "chown -R nobody:nogroup /opt/it*/tool*" }
  drift "mode" { run = "chmod 0777 /opt/it*/tool*" }
  drift "made of another archive" {
    run = "sed -i 's/\"sha256\":\"..../\"sha256\":\"0000/' /opt/it*/tool*/.rcprov-archive && rm /opt/it*/tool*/bin/alias"
  }
  drift "something earlier, too" { run = "rm -r /opt/it*/tool* /etc/before" }
  drift "emptied" { run = "cd /opt/it*/tool* && find . -mindepth 1 -delete" }
}

case "from files of the host and of the laptop" {
  setup  = <<-EOT
    mkdir -p /srv/fixture
    base64 -d >/srv/fixture/pkg <<'END'
    H4sIAAAAAAACA+3T0QqCMBSA4V37FIuuwzk39zymlaKkOH3/lhBEUNGFkvB/N2ewXe3n9M3lkMRi
    USpw1t5n4qx6ng8iMVYb55QJZ5VorbSQVqxg8mM+SCmKtptKXzbv3n2736h+7n+sr/Ff9XeW/iv3
    z9s698v1d+6H/ibLUiH12HUt/Vfqv9xnh74h7Yf91/alf5plSkjF/i9uv5vj+yo6FVUnz/Xgx0gA
    AAAAAAAAAAAAAIAtuQGvYJWZACgAAA==
    END
  EOT
  laptop = <<-EOT
    base64 -d >pkg.tar.gz <<'END'
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
      path   = "/opt/tool"
    }
    archive "brought" {
      source           = "pkg.tar.gz"
      path             = "/srv/brought"
      strip_components = 1
      contains         = ["bin/tool"]
      owner            = "games"
    }
  EOT
  check  = "[ \"$(/opt/tool/pkg-1/bin/tool) $(/srv/brought/bin/tool) $(stat -c %U /srv/brought/bin/tool)\" = \"first first games\" ] && [ -z \"$(ls /var/lib/rcprov/upload)\" ]"
  drift "removed" { run = "rm -r /opt/tool /srv/brought/bin/tool" }
  drift "another tree of somebody, with the marker" {
    run = "cd /opt/tool && printf 'echo hers\n' >pkg-1/bin/tool && chown -R nobody /opt/tool"
  }
}

case "absent" {
  setup = "mkdir -p /opt/tool/bin && touch /opt/tool/bin/tool && printf '{\"sha256\":\"b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67\"}\n' >/opt/tool/.rcprov-archive"
  plan  = <<-EOT
    archive "tool" {
      path  = "/opt/tool"
      state = "absent"
    }
  EOT
  check = "[ ! -e /opt/tool ] && [ ! -e /opt/.tool.rcprov ]"
  drift "back" { run = "mkdir /opt/tool && printf '{\"sha256\":\"b37383d8a5c330459fbb3a4457153f15bf8e976499e52edcf8a390cc6c322e67\"}\n' >/opt/tool/.rcprov-archive" }
  drift "half removed" { run = "mkdir -p /opt/.tool.rcprov/old" }
}

case "downloaded" {
  reads = ["/usr/local/bin/it's a tool"]
  setup = <<-EOT
    useradd -m alice
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
    systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
    until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
  EOT
  plan  = <<-EOT
    download "tool" {
      url    = "http://127.0.0.1:8123/tool"
      sha256 = "df3f283be34a7614226644e1a725254933d9e4874dfb69ee634b72248bc6a029"
      path   = "/usr/local/bin/it's a tool"
      mode   = "4750"
      owner  = "alice"
      group  = "adm"
    }
  EOT
  check = <<-EOT
    [ "$("/usr/local/bin/it's a tool")" = fetched ] &&
    [ "$(stat -c '%a %U %G' "/usr/local/bin/it's a tool")" = "4750 alice adm" ] &&
    [ "$(ls -A /usr/local/bin)" = "it's a tool" ]
  EOT
  drift "edited" { run = "echo exit | tee -a /usr/local/bin/it*" }
  drift "removed" { run = "rm /usr/local/bin/it*" }
  drift "mode" { run = "chmod 0755 /usr/local/bin/it*" }
  drift "owner, and the set-user-ID bit with it" { run = "chown nobody /usr/local/bin/it*" }
}

# The tarball that the host serves itself is no Node.js: bin/node prints a version, and bin/npm installs packages of its
# own making (both can be read with `base64 -d | tar -tzvf -`). The real Node, npm and the signed list are scenarios' business.

case "tarball with links and packages" {
  setup = <<-EOT
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
    systemd-run --quiet --unit=fixture --property=Restart=always perl /srv/fixture/serve.pl
    until perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8123")'; do sleep 0.1; done
  EOT
  plan  = <<-EOT
    node "lts" {
      version      = "22.22.3"
      mirror       = "http://127.0.0.1:8123/dist"
      sha256       = "7e7186aa49f86de8597820bae5afcea74b12fdb718aea8f6f4cf58cf81274705"
      links        = ["node", "npm"]
      npm_packages = { pm2 = "6.0.13", "@lab/tool" = "1.0.0" }
    }
    file "used" {
      path    = "/etc/node-used"
      content = "$${node.lts.node}\n"
    }
  EOT
  check = <<-EOT
    [ "$(node)" = v22.22.3 ] && [ "$(/usr/local/bin/npm --version)" = 10.9.4 ] && [ "$($(cat /etc/node-used))" = v22.22.3 ] &&
    [ "$(sh /opt/node/22.22.3/lib/node_modules/pm2/main.sh)" = 6.0.13 ] &&
    [ "$(sh /opt/node/22.22.3/lib/node_modules/@lab/tool/main.sh)" = 1.0.0 ] &&
    [ "$(ls -A /opt/node)" = 22.22.3 ]
  EOT
  drift "node removed" { run = "rm /opt/node/22.22.3/bin/node" }
  drift "node can't be executed" {
    run     = "chmod -x /opt/node/22.22.3/bin/node"
    changes = ["node.lts/release", "node.lts/npm"]
  }
  drift "link to another version" {
    run     = "ln -sfn /opt/node/20.0.0/bin/node /usr/local/bin/node"
    changes = ["node.lts/link-node"]
  }
  drift "package of another version" {
    run     = "sed -i s/6.0.13/5.4.3/ /opt/node/22.22.3/lib/node_modules/pm2/*"
    changes = ["node.lts/npm"]
  }
  drift "package removed" {
    run     = "rm -r /opt/node/22.22.3/lib/node_modules/@lab"
    changes = ["node.lts/npm"]
  }
  drift "package half installed" {
    run     = "cd /opt/node/22.22.3/lib/node_modules && rm pm2/main.sh && echo pm2 >.rcprov-installing"
    changes = ["node.lts/npm"]
  }
  drift "all removed" { run = "rm -r /opt/node" }
}

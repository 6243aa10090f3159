# `ask COMMAND` sends a command to mongod without a login, and prints the texts in its answer. That usersInfo is refused
# there shows that there are users: until then the localhost exception lets it pass.

case "set of one with users" {
  mirror = true
  alive  = ["var/lib/mongodb/", "var/log/mongodb/", "tmp/mongodb-27017.sock"]
  setup  = <<-EOT
    cat >/usr/local/bin/ask <<'END'
    #!/usr/bin/perl
    use IO::Socket::INET;
    my $server = IO::Socket::INET->new("127.0.0.1:27017") or exit 1;
    my $document = pack("CZ*l<CZ*l<Z*", 0x10, $ARGV[0], 1, 2, "\$db", 6, "admin") . "\0";
    my $message = pack("L<C", 0, 0) . pack("l<", 4 + length $document) . $document;
    print $server pack("l<4", 16 + length $message, 1, 0, 2013) . $message;
    read $server, my $header, 16;
    read $server, my $answer, unpack("l<", $header) - 16;
    $answer =~ s/[^[:print:]]+/ /g;
    print "$answer\n";
    END
    chmod 0755 /usr/local/bin/ask
  EOT
  plan   = <<-EOT
    mongod "rs0" {
      version        = local.mirror.mongodb6.series
      replica_set    = "rs0"
      members        = ["127.0.0.1"]
      key_file       = "abcdefghijklmnopqrstuvwxyz0123456789"
      cache_size_gb  = 0.25
      repository_uri = local.mirror.mongodb6.uri
      key_url        = local.mirror.mongodb6.key_url
      fingerprints   = [local.mirror.mongodb6.fingerprint]
      preflight      = { release = "warn" }
    }
    mongo_replica_set "rs0" {
      members        = ["127.0.0.1"]
      admin_password = "hunter2-admin"
      user "chat" {
        password = "hunter2-chat"
        roles    = ["readWrite@chat"]
      }
    }
  EOT
  check  = "ask hello | grep -q 'setName .*rs0 .*primary .*127.0.0.1:27017' && ask usersInfo | grep -q 'usersInfo requires authentication'"
  drift "data lost" {
    run     = "systemctl stop mongod && find /var/lib/mongodb -mindepth 1 -delete && systemctl start mongod && until ask hello; do sleep 0.1; done"
    changes = ["mongo_replica_set.rs0"]
  }
  drift "mongod stopped" { run = "systemctl stop mongod" }
}

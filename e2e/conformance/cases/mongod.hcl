# A real mongod 6.0, from the lab's mirror. It writes its data, its log and its socket all the time. MongoDB has no 6.0 for
# the hosts' releases. What is built on 7.0, under Wine, is in mongo_replica_set.hcl and rocketchat.hcl.

case "member of a set to be" {
  mirror = true
  alive  = ["var/lib/mongodb/", "var/log/mongodb/", "tmp/mongodb-27017.sock"]
  plan   = <<-EOT
    mongod "rs0" {
      version        = local.mirror.mongodb6.series
      replica_set    = "rs0"
      bind_ip        = ["127.0.0.1"] # each host's own address would be in the file otherwise
      key_file       = "abcdefghijklmnopqrstuvwxyz0123456789"
      cache_size_gb  = 0.25
      settings       = { "operationProfiling.slowOpThresholdMs" = 200 }
      repository_uri = local.mirror.mongodb6.uri
      key_url        = local.mirror.mongodb6.key_url
      fingerprints   = [local.mirror.mongodb6.fingerprint]
      preflight      = { release = "warn" }
    }
  EOT
  check  = <<-EOT
    systemctl is-active --quiet mongod && systemctl is-enabled --quiet mongod && bash -c ': </dev/tcp/127.0.0.1/27017' &&
    grep -qx '  replSetName: rs0' /etc/mongod.conf && grep -qx '  slowOpThresholdMs: 200' /etc/mongod.conf &&
    [ "$(stat -c '%a %U' /etc/mongod.key)" = "400 mongodb" ] && apt-mark showhold | grep -qx mongodb-org-server
  EOT
  drift "configuration edited" {
    run     = "sed -i s/200/100/ /etc/mongod.conf"
    changes = ["mongod.rs0/conf"]
  }
  drift "configuration edited and read" {
    run     = "sed -i s/200/100/ /etc/mongod.conf && systemctl restart mongod && until bash -c ': </dev/tcp/127.0.0.1/27017'; do sleep 0.1; done"
    changes = ["mongod.rs0/conf", "mongod.rs0/service"]
  }
  drift "key readable" {
    run     = "chmod 0444 /etc/mongod.key"
    changes = ["mongod.rs0/key"]
  }
  drift "stopped and disabled" {
    run     = "systemctl disable --quiet --now mongod"
    changes = ["mongod.rs0/service"]
  }
  drift "not held" {
    run     = "apt-mark unhold mongodb-org-server"
    changes = ["mongod.rs0/package"]
  }
  drift "limits removed" { run = "rm -r /etc/systemd/system/mongod.service.d && systemctl daemon-reload" }
}

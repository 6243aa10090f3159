# The stand-in of the lab's mirror, with a real MongoDB, Node.js and npm.

case "two instances" {
  image  = "debian-12-wine"
  mirror = true
  alive  = ["var/lib/mongodb/", "var/log/mongodb/", "var/lib/lab-mongod-wine/", "tmp/wine-"]
  waits  = ["rocketchat.chat/ready-3000", "rocketchat.chat/ready-3001"]
  plan   = <<-EOT
    mongod "rs0" {
      version        = local.mirror.mongodb.series
      replica_set    = "rs0"
      members        = ["127.0.0.1"]
      key_file       = "abcdefghijklmnopqrstuvwxyz0123456789"
      cache_size_gb  = 0.25
      repository_uri = local.mirror.mongodb.uri
      key_url        = local.mirror.mongodb.key_url
      fingerprints   = [local.mirror.mongodb.fingerprint]
    }
    mongo_replica_set "rs0" {
      members        = ["127.0.0.1"]
      admin_password = "hunter2-admin"
      user "chat" {
        password = "hunter2-chat"
        roles    = ["readWrite@chat"]
      }
    }
    node "lts" {
      version      = "22.22.3"
      mirror       = local.mirror.node.dist_url
      key_url      = local.mirror.node.key_url
      fingerprints = [local.mirror.node.fingerprint]
    }
    rocketchat "chat" {
      version      = local.mirror.rocketchat.releases.good.version
      sha256       = local.mirror.rocketchat.releases.good.sha256
      releases     = local.mirror.rocketchat.url
      npm_registry = local.mirror.rocketchat.npm_registry
      node_version = node.lts.version
      node_bin     = node.lts.bin
      packages     = ["ca-certificates"]
      ports        = [3000, 3001]
      root_url     = "https://chat.example.com"
      mongo_url    = "mongodb://chat:hunter2-chat@127.0.0.1:27017/chat?replicaSet=rs0&authSource=admin"
      settings     = { Site_Name = "Conformance" }
    }
  EOT
  check  = <<-EOT
    page() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/$0 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && cat <&3' "$1"; }
    page 3000 | grep -q Conformance && page 3001 | grep -q Conformance &&
    [ "$(stat -c '%a %U' /etc/rocketchat/env)" = "600 root" ] &&
    [ "$(ps -o user= -p "$(systemctl show -P MainPID rocketchat-3001)")" = rocketchat ] &&
    [ "$(ls -A /opt/rocketchat/releases)" = "$(basename "$(readlink /opt/rocketchat/current)")" ]
  EOT
  drift "a module of npm's removed" {
    run     = "rm -r /opt/rocketchat/current/programs/server/node_modules/ws"
    changes = ["rocketchat.chat/npm"]
  }
  drift "release removed" {
    run     = "rm -r /opt/rocketchat/releases/*"
    changes = ["rocketchat.chat/release", "rocketchat.chat/npm", "rocketchat.chat/service-3000", "rocketchat.chat/service-3001"]
  }
  drift "environment edited" { run = "sed -i s/Conformance/Other/ /etc/rocketchat/env && systemctl restart rocketchat-3000" }
  drift "unit removed" { run = "systemctl disable --quiet --now rocketchat-3001 && rm /etc/systemd/system/rocketchat-3001.service && systemctl daemon-reload" }
  drift "an instance of a port that is none any more" {
    run     = "sed s/3001/3002/g /etc/systemd/system/rocketchat-3001.service >/etc/systemd/system/rocketchat-3002.service && systemctl daemon-reload && systemctl enable --quiet --now rocketchat-3002"
    changes = ["rocketchat.chat/previous-instances"]
  }
  drift "data directory removed" {
    run     = "rm -r /var/lib/rocketchat"
    changes = ["rocketchat.chat/data", "rocketchat.chat/uploads", "rocketchat.chat/service-3000", "rocketchat.chat/service-3001"]
  }
  drift "uploads of somebody" {
    run     = "chown root: /var/lib/rocketchat/uploads"
    changes = ["rocketchat.chat/uploads"]
  }
}

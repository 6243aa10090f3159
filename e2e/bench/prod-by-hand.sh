# What a person who knows it all would write to bring up what plans/prod.hcl says, on a bare host, by hand: nothing is
# looked at twice, nothing is verified but checksums, and it works once. The variables stand in front of it.
# shellcheck shell=sh
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
get() { /usr/lib/apt/apt-helper download-file "$@" >/dev/null; }

# --- packages: one update, one transaction, all that is needed ---
install -d /etc/apt/keyrings
get "$MONGO_KEY_URL" /etc/apt/keyrings/mongodb.asc
cat >/etc/apt/sources.list.d/mongodb.sources <<END
Types: deb
URIs: $MONGO_URI
Suites: $MONGO_SUITE
Components: main
Signed-By: /etc/apt/keyrings/mongodb.asc
END
apt-get -qq update
apt-get -qq -y --no-install-recommends install ufw ca-certificates mongodb-org-server mongodb-mongosh mongodb-database-tools \
	fontconfig nginx lego >/dev/null
apt-mark hold mongodb-org-server >/dev/null

ufw allow 22/tcp comment ssh >/dev/null
ufw allow 80,443/tcp comment nginx >/dev/null
ufw --force enable >/dev/null

# --- mongod ---
cat >/etc/mongod.conf <<END
net:
  bindIp: 127.0.0.1
  port: 27017
processManagement:
  timeZoneInfo: /usr/share/zoneinfo
replication:
  replSetName: rs0
security:
  authorization: enabled
  keyFile: /etc/mongod.key
storage:
  dbPath: /var/lib/mongodb
  wiredTiger:
    engineConfig:
      cacheSizeGB: 0.5
systemLog:
  destination: file
  logAppend: true
  path: /var/log/mongodb/mongod.log
END
echo "$MONGO_KEY" | install -m 0400 -o mongodb -g mongodb /dev/stdin /etc/mongod.key
systemctl -q enable --now mongod

# --- Node.js and the release, while mongod starts ---
node=/opt/node/$NODE_VERSION
install -d "$node"
cd /tmp
get "$NODE_DIST/v$NODE_VERSION/node-v$NODE_VERSION-linux-x64.tar.gz" node.tar.gz
get "$NODE_DIST/v$NODE_VERSION/SHASUMS256.txt" sums
grep " node-v$NODE_VERSION-linux-x64.tar.gz\$" sums | sed 's/ .*/  node.tar.gz/' | sha256sum --quiet -c
tar -xzf node.tar.gz -C "$node" --strip-components=1 --no-same-owner
export PATH="$node/bin:$PATH"

useradd --system --home-dir /var/lib/rocketchat --shell /usr/sbin/nologin rocketchat
release=/opt/rocketchat/releases/$ROCKETCHAT_VERSION
install -d -o rocketchat -g rocketchat /var/lib/rocketchat "$release"
get "$ROCKETCHAT_URL/$ROCKETCHAT_VERSION/download" bundle.tgz "SHA256:$ROCKETCHAT_SHA256"
tar -xzf bundle.tgz -C "$release" --strip-components=1 --no-same-owner
chown -R rocketchat: "$release"
(cd "$release/programs/server" && runuser -u rocketchat -- env HOME=/var/lib/rocketchat npm_config_registry="$NPM_REGISTRY" NODE_ENV=production \
	npm install --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null)
ln -s "releases/$ROCKETCHAT_VERSION" /opt/rocketchat/current

# --- the replica set and its users, through the localhost exception ---
cd "$release/programs/server"
node - <<END
const { MongoClient } = require('mongodb');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
	const client = new MongoClient('mongodb://127.0.0.1:27017/?directConnection=true');
	const admin = client.db('admin');
	for (;;) {
		try { await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: '127.0.0.1:27017' }] } }); break; } catch { await sleep(100); }
	}
	while (!(await admin.command({ hello: 1 })).isWritablePrimary) await sleep(100);
	await admin.command({ createUser: 'admin', pwd: '$MONGO_ADMIN_PASSWORD', roles: ['root'] });
	await client.close();
	const login = new MongoClient('mongodb://127.0.0.1:27017/?directConnection=true', { auth: { username: 'admin', password: '$MONGO_ADMIN_PASSWORD' } });
	await login.db('admin').command({ createUser: 'rocketchat', pwd: '$MONGO_PASSWORD', roles: [{ role: 'readWrite', db: 'rocketchat' }] });
	await login.close();
})();
END

# --- Rocket.Chat ---
install -d /etc/rocketchat
install -m 0600 /dev/stdin /etc/rocketchat/env <<END
NODE_ENV=production
DEPLOY_METHOD=tar
HOME=/var/lib/rocketchat
BIND_IP=127.0.0.1
ROOT_URL=https://$DOMAIN
MONGO_URL=mongodb://rocketchat:$MONGO_PASSWORD@127.0.0.1:27017/rocketchat?replicaSet=rs0&authSource=admin
ADMIN_USERNAME=admin
ADMIN_NAME=admin
ADMIN_EMAIL=admin@lab.test
ADMIN_PASS=$ADMIN_PASSWORD
OVERWRITE_SETTING_Show_Setup_Wizard=completed
END
cat >/etc/systemd/system/rocketchat-3000.service <<END
[Unit]
After=network-online.target mongod.service
[Service]
User=rocketchat
WorkingDirectory=/opt/rocketchat/current
EnvironmentFile=/etc/rocketchat/env
Environment=PORT=3000
ExecStart=$node/bin/node /opt/rocketchat/current/main.js
Restart=always
LimitNOFILE=65536
ProtectSystem=strict
ReadWritePaths=/var/lib/rocketchat
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl -q enable --now rocketchat-3000

# --- nginx and its certificate, while Rocket.Chat starts ---
rm -f /etc/nginx/sites-enabled/default
install -d /var/www/acme
cat >/etc/nginx/conf.d/acme.conf <<'END'
map $http_upgrade $connection_upgrade {
	default upgrade;
	'' '';
}
server {
	listen 80 default_server;
	location ^~ /.well-known/acme-challenge/ { root /var/www/acme; }
	location / { return 301 https://$host$request_uri; }
}
END
systemctl -q enable nginx
systemctl restart nginx # a reload would answer the CA from the old configuration for a moment
echo "$ACME_CA" >/etc/acme-ca.pem
LEGO_CA_CERTIFICATES=/etc/acme-ca.pem lego --accept-tos --email admin@lab.test --server "$ACME_DIRECTORY" --path /var/lib/lego \
	--domains "$DOMAIN" --key-type ec256 --http --http.webroot /var/www/acme run >lego.log 2>&1 || {
	cat lego.log >&2
	exit 1
}
cat >/etc/nginx/conf.d/chat.conf <<END
upstream chat {
	server 127.0.0.1:3000;
	keepalive 16;
}
server {
	listen 443 ssl;
	server_name $DOMAIN;
	ssl_certificate /var/lib/lego/certificates/$DOMAIN.crt;
	ssl_certificate_key /var/lib/lego/certificates/$DOMAIN.key;
	client_max_body_size 200m;
	location / {
		proxy_pass http://chat;
		proxy_http_version 1.1;
		proxy_set_header Upgrade \$http_upgrade;
		proxy_set_header Connection \$connection_upgrade;
		proxy_set_header Host \$host;
		proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
		proxy_set_header X-Forwarded-Proto \$scheme;
	}
}
END
nginx -t -q
systemctl reload nginx

# --- done when the chat answers through nginx ---
echo "$SITE_CA" >/etc/site-ca.pem
until node -e '
require("https").get({ host: "127.0.0.1", servername: process.argv[1], headers: { host: process.argv[1] }, path: "/api/info",
	ca: require("fs").readFileSync("/etc/site-ca.pem") }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on("error", () => process.exit(1))' "$DOMAIN"; do sleep 0.2; done

# A Django application with all that it stands on: firewall, PostgreSQL, Redis as cache and broker, the application from a git
# repository under gunicorn, Celery if it has one, nginx with a certificate from Let's Encrypt, and its static files.
# For Debian 12 or 13, Ubuntu 22.04 or later.
#
#   rcprov secrets init plans/django.hcl -R ~/.ssh/id_ed25519.pub     make the secrets, in django.vars.hcl.age
#   rcprov apply plans/django.hcl -var-file django.vars.hcl -var-file django.vars.hcl.age
#
# django.vars.hcl is your own file, with a value for each other variable without a default. The application finds what it needs
# in its environment: DATABASE_URL, REDIS_URL, SECRET_KEY, ALLOWED_HOSTS, STATIC_ROOT, MEDIA_ROOT.

variable "address" {
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "domain" {
  description = "the name by which people reach the site; its DNS record must already point to the host"
}

variable "email" {
  description = "where the CA may write to"
}

# `staging` to try things out.
variable "acme_directory" { default = "production" }

variable "repo" {
  description = "the git repository, with manage.py and requirements.txt, a lock file with hashes"
}

variable "release" {
  default     = "HEAD"
  description = "a branch, a tag or a commit; a new one is migrated and restarted"
}

variable "deploy_key" {
  default   = null
  sensitive = true
}

# Those of the repository's host, for a repository by SSH.
variable "host_keys" { default = null }

variable "wsgi" {
  default     = "config.wsgi"
  description = "the module for gunicorn"
}

variable "health" {
  default     = "/"
  description = "a page that must be there at the end"
}

# null: two for each processor, and one, as gunicorn recommends.
variable "workers" { default = null }

variable "celery" {
  default     = ""
  description = "the module for Celery, such as `config`; empty: none"
}

variable "settings" {
  default     = {}
  description = "more variables for the application's environment"
}

# --- secrets ---

variable "secret_key" {
  sensitive = true
  generate  = "letters:50"
}

variable "db_password" {
  sensitive = true
  generate  = "letters:32"
}

locals {
  dir = "/srv/site"
}

host "web" {
  address = var.address
}

play "site" {
  hosts = [host.web]

  include "firewall" {
    source   = "./lib/firewall"
    packages = concat(["ca-certificates", "redis-server"], include.db.packages, include.app.packages) # one call of apt
    rules    = [{ port = "80,443", comment = "nginx" }]
  }

  include "db" {
    source    = "./lib/postgresql"
    roles     = { site = { password = var.db_password } }
    databases = { site = { owner = "site" } }
  }

  # It listens on 127.0.0.1 alone. When there is too much in it, what may expire goes first.
  systemd_unit "redis" {
    name = "redis-server.service"
    drop_ins = { "memory.conf" = <<-EOT
      [Service]
      ExecStart=
      ExecStart=/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no --maxmemory 256mb --maxmemory-policy volatile-lru
    EOT
    }
    enabled = true
    running = true
  }

  nginx "web" {}

  include "certificate" {
    source  = "./lib/certificate"
    domain  = var.domain
    webroot = nginx.web.webroot
    acme    = { email = var.email, directory = var.acme_directory }
  }

  include "app" {
    source    = "./lib/python-app"
    name      = "site"
    repo      = var.repo
    version   = var.release
    key       = var.deploy_key
    host_keys = var.host_keys
    packages  = ["libpq5"]
    env = merge({
      DATABASE_URL  = "postgresql://site:${urlencode(var.db_password)}@127.0.0.1:${include.db.port}/site"
      REDIS_URL     = "redis://127.0.0.1:6379/0"
      SECRET_KEY    = var.secret_key
      ALLOWED_HOSTS = var.domain
      STATIC_ROOT   = "${local.dir}/static"
      MEDIA_ROOT    = "${local.dir}/media"
    }, var.settings)
    needs = concat(include.db.needs, ["redis-server.service"])
    tasks = [
      { name = "migrate", run = ["python", "manage.py", "migrate", "--noinput"], unless = ["python", "manage.py", "migrate", "--check"] },
      {
        name   = "static"
        run    = ["python", "manage.py", "collectstatic", "--noinput"]
        unless = ["sh", "-c", "python manage.py collectstatic --noinput --dry-run | grep -q '^0 static files'"]
      },
    ]
    processes = merge(
      { web = ["gunicorn", "--workers=${coalesce(var.workers, 2 * facts.cpus + 1)}", "--bind=127.0.0.1:8000", "--forwarded-allow-ips=127.0.0.1", var.wsgi] },
      var.celery == "" ? {} : { worker = ["celery", "--app=${var.celery}", "worker"] },
    )
    site = {
      names       = [var.domain]
      certificate = include.certificate.certificate
      key         = include.certificate.key
      upstream    = "127.0.0.1:8000"
      health      = var.health
      static      = { "/static/" = "${local.dir}/static/", "/media/" = "${local.dir}/media/" }
    }
  }
}

output "url" { value = "https://${var.domain}/" }

# A Python application from a git repository: a checkout, a virtual environment by a lock file, migrations and other tasks, a
# systemd unit for each process, and a site of nginx.
#
# It is in /srv/NAME, below which the user NAME owns all: `app` is the checkout, `venv` the environment. Where they or its
# variables change, its processes are restarted, after the tasks.

variable "name" {
  type        = string
  description = "of its user, its directory, its units and the file with its variables"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.name))
    error_message = "A name has lowercase letters, digits and -, and begins with a letter."
  }
}

variable "repo" {
  type        = string
  description = "the git repository; this and the following three as in `rcprov doc git`"
}

variable "version" { default = "HEAD" }

variable "key" {
  type      = string
  sensitive = true
  default   = null
}

variable "host_keys" {
  type    = list(string)
  default = null
}

# As `pip-compile --generate-hashes` or `uv export` make it: all packages, with versions and hashes.
variable "lock" {
  default     = "requirements.txt"
  description = "the lock file in the repository"
}

variable "packages" {
  type        = list(string)
  default     = []
  description = "of the distribution, such as \"libpq5\""
}

variable "env" {
  type        = map(string)
  default     = {}
  description = "variables for its environment, secrets among them"
}

# What is done in the checkout, as its user, whenever `unless` doesn't succeed; programs are those of the virtual environment:
# `[{ name = "migrate", run = ["python", "manage.py", "migrate"], unless = ["python", "manage.py", "migrate", "--check"] }]`.
variable "tasks" {
  type    = list(object({ name = string, run = list(string), unless = list(string) }))
  default = []
}

# Paths and units: when an earlier step changes one of them, plan doesn't trust an `unless` that it has seen.
variable "needs" {
  type        = list(string)
  default     = []
  description = "what the tasks depend on, beside the checkout and the virtual environment"
}

# `{ web = ["gunicorn", "--bind=127.0.0.1:8000", "app.wsgi"] }`: the unit NAME-web.service.
variable "processes" { type = map(list(string)) }

# What nginx serves, for which an earlier step must install it: files by `static`, whose keys are locations such as /static/ and
# values directories, with a slash at the end of both; all else by the process at `upstream`, HOST:PORT. The page `health` must
# be there at the end. `config` is more lines for nginx.
variable "site" {
  type = object({
    names       = list(string)
    certificate = string
    key         = string
    upstream    = string
    static      = optional(map(string), {})
    config      = optional(string, "")
    health      = optional(string, "/")
  })
  default = null
}

include "sources" { source = "../sources" }

locals {
  dir      = "/srv/${var.name}"
  code     = "${local.dir}/app"
  venv     = "${local.dir}/venv"
  lock     = "${local.code}/${var.lock}"
  index    = include.sources.pypi
  packages = concat(["git", "openssh-client", "python3-venv"], var.packages)
  needs    = concat([local.code, local.venv], var.needs)
  path     = "${local.venv}/bin:/usr/bin:/bin"

  # As systemd.service(5) wants arguments.
  quoted = { for name, argv in var.processes : name => [
    for word in slice(argv, 1, length(argv)) : "\"${replace(replace(regexreplace(word, "([\"\\\\])", "\\$1"), "%", "%%"), "$", "$$")}\""
  ] }
}

apt_package "python" { packages = local.packages }

user "app" {
  name        = var.name
  system      = true
  home        = local.dir
  create_home = false
  shell       = "/usr/sbin/nologin"
}

directory "app" {
  path  = local.dir
  owner = user.app.name
  group = user.app.name
}

git "code" {
  repo      = var.repo
  path      = local.code
  version   = var.version
  key       = var.key
  host_keys = var.host_keys
  owner     = user.app.name
  group     = user.app.name
}

# A new release of Python makes a new environment. Its last file is what the units watch.
command "venv" {
  user  = user.app.name
  dir   = local.code
  shell = <<-EOT
    "$venv/bin/python" -I -c 'import pip' 2>/dev/null || python3 -m venv --clear "$venv"
    extra=$("$venv/bin/python" -I -c "$installed" "$lock") || :
    if [ -n "$extra" ]; then "$venv/bin/pip" uninstall --yes $extra; fi
    "$venv/bin/pip" install --require-hashes --requirement "$lock"
    date >"$venv/installed"
  EOT
  # It names what it looks at, so that plan knows which steps it depends on.
  unless = ["sh", "-c", "test -x \"$1/bin/python\" && \"$1/bin/python\" -I -c \"$installed\" \"$2\"", "sh", local.venv, local.lock]
  env = merge({
    venv                          = local.venv
    lock                          = local.lock
    installed                     = file("installed.py")
    PIP_NO_CACHE_DIR              = "1"
    PIP_DISABLE_PIP_VERSION_CHECK = "1"
    PIP_NO_INPUT                  = "1"
    }, local.index == "" ? {} : {
    PIP_INDEX_URL    = local.index
    PIP_TRUSTED_HOST = try(regex("^http://([^/:]*)", local.index)[0], "") # the hashes are checked
  })
  changes = [local.venv]
}

file "env" {
  path    = "/etc/${var.name}.env"
  mode    = "0600"
  content = join("", [for name, value in var.env : "${name}=\"${replace(replace(value, "\\", "\\\\"), "\"", "\\\"")}\"\n"])
}

command "task" {
  for_each = { for i, task in var.tasks : format("%d-%s", i + 1, task.name) => task }
  user     = user.app.name
  dir      = local.code
  env      = merge(var.env, { PATH = local.path, HOME = local.dir })
  argv     = each.value.run
  unless   = concat(["sh", "-c", "shift \"$0\" && exec \"$@\"", length(local.needs)], local.needs, each.value.unless)
}

systemd_unit "process" {
  for_each   = var.processes
  name       = "${var.name}-${each.key}.service"
  content    = <<-EOT
    [Unit]
    Description=${var.name}: ${each.key}
    After=network.target postgresql.service redis-server.service

    [Service]
    User=${user.app.name}
    WorkingDirectory=${local.code}
    EnvironmentFile=${file.env.path}
    Environment=PATH=${local.path} HOME=${local.dir} PYTHONUNBUFFERED=1
    ExecStart=${join(" ", concat(["${local.venv}/bin/${each.value[0]}"], local.quoted[each.key]))}
    Restart=always
    RestartSec=2
    NoNewPrivileges=true
    PrivateTmp=true
    ProtectSystem=full
    ProtectHome=true

    [Install]
    WantedBy=multi-user.target
  EOT
  enabled    = true
  running    = true
  restart_on = [file.env, "${local.code}/.git/HEAD", "${local.venv}/installed"]
}

nginx_site "site" {
  when        = var.site != null
  names       = try(var.site.names, [])
  certificate = try(var.site.certificate, null)
  key         = try(var.site.key, null)
  upstreams   = try([var.site.upstream], [])
  config = join("\n", concat(
    [for location, path in try(var.site.static, {}) : "location ${location} { alias ${path}; expires 1h; }"],
    [try(var.site.config, "")],
  ))
}

http_check "site" {
  when       = var.site != null
  url        = try("https://${var.site.names[0]}${var.site.health}", "https://none")
  connect_to = "127.0.0.1:443"
  ca_file    = include.sources.site_ca_file
}

output "user" { value = user.app.name }

output "dir" { value = local.dir }

output "packages" {
  value       = local.packages
  description = "that it installs, for an earlier step that installs others"
}

output "units" { value = [for process in keys(var.processes) : "${var.name}-${process}.service"] }

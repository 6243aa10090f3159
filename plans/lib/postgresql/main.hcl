# PostgreSQL from the distribution's packages: its settings, who may connect, roles, databases, and what roles may do there.
#
# Each is compared with what the server itself says, and what somebody changed by hand is repaired. What isn't named here
# stays: to remove a role, a database or a privilege, take it out here, and drop or revoke it by hand.

# null: the distribution's. A new version is a new cluster beside the old one; `pg_upgradecluster` moves the data.
variable "version" {
  type    = string
  default = null
}

variable "port" { default = 5432 }

variable "listen" {
  type        = list(string)
  default     = []
  description = "addresses to listen on beside localhost; [\"*\"]: all"
}

# As in postgresql.conf(5), their values as text: `{ shared_buffers = "1GB" }`. A change restarts the server.
variable "settings" {
  type    = map(string)
  default = {}
}

# Who may connect from elsewhere: `[{ database = "app", role = "app", address = "10.0.0.0/24" }]`; `type` hostssl: only by
# TLS. `method` is as in pg_hba.conf. On the host itself, users may as the role of their name, and all with its password.
variable "clients" {
  type = list(object({
    database = string
    role     = string
    address  = string
    type     = optional(string, "host")
    method   = optional(string, "scram-sha-256")
  }))
  default = []
}

# By their names. `options` are CREATEDB, CREATEROLE, REPLICATION and SUPERUSER; `member_of` names other roles.
variable "roles" {
  type = map(object({
    password  = optional(string)
    login     = optional(bool, true)
    options   = optional(list(string), [])
    member_of = optional(list(string), [])
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.roles) : can(regex("^[a-z_][a-z0-9_-]*$", name))])
    error_message = "The name of a role has lowercase letters, digits, _ and -, and begins with a letter."
  }
  validation {
    condition     = alltrue([for role in values(var.roles) : role.login || nonsensitive(role.password == null)])
    error_message = "A role with a password must be able to log in: without login = false."
  }
  validation {
    condition     = length(setsubtract(flatten([for role in values(var.roles) : role.options]), ["CREATEDB", "CREATEROLE", "REPLICATION", "SUPERUSER"])) == 0
    error_message = "The options of a role are CREATEDB, CREATEROLE, REPLICATION and SUPERUSER."
  }
}

# By their names. They are encoded in UTF-8; `locale` counts for new ones. Extensions are such as "pg_trgm".
variable "databases" {
  type = map(object({
    owner      = string
    locale     = optional(string, "C.UTF-8")
    extensions = optional(list(string), [])
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z_][a-z0-9_-]*$", name))])
    error_message = "The name of a database has lowercase letters, digits, _ and -, and begins with a letter."
  }
}

# What a role may do: on the database, on a schema in it, or on all tables or sequences of the schema, and those that the
# database's owner makes later. For reading all of it: CONNECT on the database, USAGE on the schema, SELECT on tables.
variable "grants" {
  type = list(object({
    role       = string
    database   = string
    on         = optional(string, "database")
    schema     = optional(string, "public")
    privileges = list(string)
  }))
  default = []
  validation {
    condition     = alltrue([for grant in var.grants : contains(["database", "schema", "tables", "sequences"], grant.on)])
    error_message = "A grant is on \"database\", \"schema\", \"tables\" or \"sequences\"."
  }
  validation {
    condition     = alltrue([for grant in var.grants : contains(keys(var.databases), grant.database)])
    error_message = "A grant is for one of the databases."
  }
  validation {
    condition     = alltrue([for p in flatten([for grant in var.grants : grant.privileges]) : can(regex("^[A-Z]+$", p)) && p != "ALL"])
    error_message = "Privileges are named one by one, in capitals: [\"SELECT\", \"INSERT\"]."
  }
}

locals {
  distribution = { "debian 12" = "15", "debian 13" = "17", "ubuntu 22.04" = "14", "ubuntu 24.04" = "16", "ubuntu 26.04" = "18" }
  version      = coalesce(var.version, local.distribution["${facts.os.id} ${facts.os.version}"])
  conf         = "/etc/postgresql/${local.version}/main"

  packages = ["postgresql-${local.version}"]
  unit     = "postgresql@${local.version}-main.service"
  psql     = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
  # With a command behind them: succeed when psql does, and when the query prints t. They name the unit that they need.
  succeeds = concat(["sh", "-c", "\"$@\"", local.unit], local.psql)
  is_true  = concat(["sh", "-c", "test \"$(\"$@\")\" = t", local.unit], local.psql, ["-A", "-t"])

  objects = [for grant in var.grants : merge(grant, {
    list   = join(", ", grant.privileges)
    owner  = var.databases[grant.database].owner
    all    = contains(["tables", "sequences"], grant.on)
    object = grant.on == "tables" ? "table" : "sequence"
    kinds  = grant.on == "tables" ? "'r', 'p', 'v', 'm', 'f'" : "'S'"
    kind   = grant.on == "tables" ? "r" : "S"
  })]
  grants = { for o in local.objects :
    "${o.role} on ${o.database}${o.on == "database" ? "" : "/${o.schema}"}${o.all ? "/${o.on}" : ""}" => {
      database   = o.database
      privileges = o.privileges
      statements = o.all ? [
        "GRANT ${o.list} ON ALL ${upper(o.on)} IN SCHEMA \"${o.schema}\" TO \"${o.role}\"",
        "ALTER DEFAULT PRIVILEGES FOR ROLE \"${o.owner}\" IN SCHEMA \"${o.schema}\" GRANT ${o.list} ON ${upper(o.on)} TO \"${o.role}\"",
        ] : [
        "GRANT ${o.list} ON ${upper(o.on)} \"${o.on == "schema" ? o.schema : o.database}\" TO \"${o.role}\"",
      ]
      # For each privilege p.
      holds = o.all ? join(" ", [
        "NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = '\"${o.schema}\"'::regnamespace AND relkind IN (${o.kinds})",
        "AND NOT has_${o.object}_privilege('${o.role}', oid, p))",
        "AND EXISTS (SELECT FROM pg_default_acl, aclexplode(defaclacl) WHERE defaclrole = '\"${o.owner}\"'::regrole",
        "AND defaclnamespace = '\"${o.schema}\"'::regnamespace AND defaclobjtype = '${o.kind}'",
        "AND grantee = '\"${o.role}\"'::regrole AND privilege_type = p)",
      ]) : "has_${o.on}_privilege('${o.role}', '${o.on == "schema" ? o.schema : o.database}', p)"
    }
  }
}

apt_package "server" { packages = local.packages }

file "settings" {
  path  = "${local.conf}/conf.d/rcprov.conf"
  owner = "postgres"
  group = "postgres"
  content = join("", [for name, value in merge(var.settings, {
    listen_addresses = join(",", contains(var.listen, "*") ? ["*"] : distinct(concat(["localhost"], var.listen)))
    port             = var.port
  }) : "${name} = '${replace(value, "'", "''")}'\n"])
}

file "clients" {
  path  = "${local.conf}/pg_hba.conf"
  owner = "postgres"
  group = "postgres"
  mode  = "0640"
  content = join("", concat(
    [
      "local all all peer\n",
      "local replication all peer\n",
      "host all all 127.0.0.1/32 scram-sha-256\n",
      "host all all ::1/128 scram-sha-256\n",
    ],
    [for client in var.clients : "${client.type} ${client.database} ${client.role} ${client.address} ${client.method}\n"],
  ))
}

systemd_unit "server" {
  name       = local.unit
  running    = true
  restart_on = [file.settings]
  reload_on  = [file.clients]
}

# With a mistake in that file, the server goes on with what it read before.
check "clients" {
  env     = { PGPORT = var.port }
  argv    = concat(local.psql, ["-A", "-t", "--command=SELECT count(*) || ' mistakes' FROM pg_hba_file_rules WHERE error IS NOT NULL"])
  user    = "postgres"
  matches = "^0 mistakes"
}

command "role" {
  for_each = var.roles
  user     = "postgres"
  env      = { PGPORT = var.port }
  argv     = local.psql
  stdin = join("\n", concat(
    ["SELECT 'CREATE ROLE \"${each.key}\"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${each.key}') \\gexec"],
    ["ALTER ROLE \"${each.key}\" ${each.value.login ? "" : "NO"}LOGIN"],
    [for option in ["CREATEDB", "CREATEROLE", "REPLICATION", "SUPERUSER"] : "${contains(each.value.options, option) ? "" : "NO"}${option}"],
    [";"],
  ))
  unless = concat(local.is_true, ["--command=SELECT ${join(" AND ", concat(
    ["rolcanlogin = ${each.value.login}"],
    [for column, option in { rolcreatedb = "CREATEDB", rolcreaterole = "CREATEROLE", rolreplication = "REPLICATION", rolsuper = "SUPERUSER" } :
    "${column} = ${contains(each.value.options, option)}"],
  ))} FROM pg_roles WHERE rolname = '${each.key}'"])
  changes = ["/var/lib/postgresql"]
}

# Whether the server takes the password is tried by a login. A statement that fails stands in the server's log: not this one.
command "password" {
  for_each = { for name, role in var.roles : name => role.password if nonsensitive(role.password != null) }
  user     = "postgres"
  argv     = local.psql
  stdin    = "SET log_min_error_statement = panic;\nALTER ROLE \"${each.key}\" PASSWORD '${replace(each.value, "'", "''")}';\n"
  env      = { PGPORT = var.port, PGPASSWORD = each.value }
  unless   = concat(local.succeeds, ["--no-password", "--host=127.0.0.1", "--username=${each.key}", "--dbname=postgres", "--command="])
  changes  = ["/var/lib/postgresql"]
}

command "membership" {
  for_each = { for pair in flatten([for name, role in var.roles : [for group in role.member_of : { role = name, group = group }]]) :
  "${pair.role} of ${pair.group}" => pair }
  user    = "postgres"
  env     = { PGPORT = var.port }
  argv    = local.psql
  stdin   = "GRANT \"${each.value.group}\" TO \"${each.value.role}\";\n"
  unless  = concat(local.is_true, ["--command=SELECT pg_has_role('${each.value.role}', '${each.value.group}', 'MEMBER')"])
  changes = ["/var/lib/postgresql"]
}

command "database" {
  for_each = var.databases
  user     = "postgres"
  env      = { PGPORT = var.port }
  argv     = local.psql
  stdin    = <<-EOT
    SELECT 'CREATE DATABASE "${each.key}" TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''${each.value.locale}'''
      WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${each.key}') \gexec
    ALTER DATABASE "${each.key}" OWNER TO "${each.value.owner}";
  EOT
  unless   = concat(local.is_true, ["--command=SELECT datdba = '\"${each.value.owner}\"'::regrole FROM pg_database WHERE datname = '${each.key}'"])
  changes  = ["/var/lib/postgresql"]
}

command "extension" {
  for_each = { for pair in flatten([for name, database in var.databases : [for e in database.extensions : { database = name, extension = e }]]) :
  "${pair.database}/${pair.extension}" => pair }
  user    = "postgres"
  env     = { PGPORT = var.port, PGDATABASE = each.value.database }
  argv    = local.psql
  stdin   = "CREATE EXTENSION \"${each.value.extension}\" CASCADE;\n"
  unless  = concat(local.is_true, ["--command=SELECT true FROM pg_extension WHERE extname = '${each.value.extension}'"])
  changes = ["/var/lib/postgresql"]
}

command "grant" {
  for_each = local.grants
  user     = "postgres"
  env      = { PGPORT = var.port, PGDATABASE = each.value.database }
  argv     = local.psql
  stdin    = join("", [for statement in each.value.statements : "${statement};\n"])
  unless   = concat(local.is_true, ["--command=SELECT bool_and(${each.value.holds}) FROM unnest('{${join(",", each.value.privileges)}}'::text[]) p"])
  changes  = ["/var/lib/postgresql"]
}

output "port" { value = var.port }

# For an `unless` elsewhere that asks the server.
output "needs" { value = ["/var/lib/postgresql", local.unit] }

output "packages" { value = local.packages }

output "service" { value = systemd_unit.server.name }

"""Render docs/configuration.md: `python -m tests.docs.render_configuration > docs/configuration.md`."""

from broker.policy.reference import FILES, Key, keys

INTRODUCTION = """\
# Configuration

`broker serve` reads `server.yaml`, `vcenters.yaml`, `accounts.yaml`, `apps.yaml` and `grants.yaml` in one
folder, and the role templates in the folder that `roles` names. `broker controller` reads them too, and
`controller.yaml`, which nothing else reads. `config/` and `roles/` hold an example of each.
`broker config check` says everything that is wrong with them, with file, line and key.

`server.yaml` and `controller.yaml` are read at start; of `server.yaml`, a reload takes `signing_keys`,
`roles` and `role_prefix` too. Everything else is read again by `broker reload` and SIGHUP: all files are
read and checked first, then one snapshot takes the place of the other. A file that is missing, empty or
broken is an error and never a default: at start it is fatal, at a reload the policy before it stays.
A worker that takes the place of another reads all files as they are then, of `server.yaml` too, but for
`issuer`, `listener`, `metrics`, `workers`, `threads`, `store` and `disk_reserve_mib`: these stay until the
whole service is started anew. Where the files are broken by then it cannot start and is tried again later;
the others serve on.

- **Files** and the folders that they are in are not for every user to write: `chmod o-w`. Whether a group may
  is the admins' choice.
- **Paths** are absolute, or start at the folder of the file in which they stand.
- **Ids** are lower-case letters, digits and inner hyphens, 1 to 63 characters.
- **A secret reference** is one of `{file: PATH}` (mode 0600), `{credential: NAME}` (systemd,
  `LoadCredential=`) and `{variable: NAME}` (environment). A secret written out is an error; the error does
  not repeat it, but change the secret, it has been in a file.
- **A rate** is `{count: N, seconds: S}`: at most N in any S seconds. N is at most 1000000, S at most 86400.
- **The URL of a store** in PostgreSQL is `postgresql://user@host:5432/database`, with the keys `ca_file`,
  `password_file`, `password_credential`, `password_variable` in its query where they are needed, and
  `host=/run/postgresql` instead of the host for a Unix socket: [postgresql.md](postgresql.md). A password in
  it is an error.
- **The URL of a Redis** has one of these forms, with `user:password@` (percent-encoded) before the host where
  there is one, and no key in its query but those shown:
  - `redis://host:6379/0` or `redis://host:6379?db=0`: one server, without TLS;
  - `rediss://host:6379/0?ssl_ca_certs=/etc/ssl/redis-ca.pem`: one server over TLS, always verified:
    against that CA, or the machine's when the query names none; `db` may stand in the query here too;
  - `redis+unix:///run/redis/redis.sock?db=0`: one server on a Unix socket;
  - `redis+sentinel://host:26379,other:26379/mymaster`: the service of that name, as those Sentinels know it;
  - `redis+cluster://host:7000,other:7001`: a cluster, found by those of its servers.
- **Times** are ISO 8601 with an offset: `2027-06-30T00:00:00Z`.
- **YAML** is read strictly: no anchors, aliases, tags, merge keys, second documents or duplicate keys, and
  no bare word that YAML 1.1 and 1.2 read as two things (`no`, `on`, `010`, `1:30`, `2027-06-30`): quote it.
- **Inventory paths** start below the root folder: `/Datacenter/host/Folder/Cluster`. In a name, a slash is
  written `%2f`, a backslash `%5c` and a percent sign `%25`, as vCenter shows them.

**Several workers** are processes on one listener and one store. What is bounded for all is shared out:

- of a vCenter's `concurrency`, each has `concurrency // workers` places, so there must be one for each; a
  multiple of `workers` wastes none;
- each keeps one session per account, so a vCenter sees at most accounts times `workers` sessions, and
  those of workers that were killed until it ends them for being idle;
- of `recorded_refusals`, each records `count // workers` one by one, at least 1;
- rates are counted in sum, in Redis. While that does not answer, each worker allows `count // (2 * workers)`
  by itself, at least 1: half of every rate in sum. `/readyz` says `limits_in_memory` until Redis is back;
- each shows its metrics on a port of its own, from `metrics.port` on: [metrics.md](metrics.md).

Across the files: every reference leads somewhere; no vCenter, no vCenter user and no public key stands for
two; an account serves one app, unless its `shared_by` names exactly the apps that it serves; and a place in
the inventory has one template per account. A grant stays within its template: one of kind `controller` can
not be named, and `rate_per_host` allows no more than `max_rate_per_host`. Nothing is issued under a template
that is disabled, that has not the kind of ticket, or whose `max_days` the grant's end exceeds as yet.
"""

HEADER = ("| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |")


def rendered() -> str:
    """The reference page of the configuration."""
    pages = [INTRODUCTION]
    for file in FILES:
        rows = [_row(key) for key in keys() if key.file == file]
        pages.append("\n".join((f"## {file}\n", *HEADER, *rows)) + "\n")
    return "\n".join(pages)


def _row(key: Key) -> str:
    default = key.default if key.default == "required" else f"`{key.default}`"
    return f"| `{key.name}` | {key.type} | {default} | {key.meaning} |"


if __name__ == "__main__":
    print(rendered(), end="")

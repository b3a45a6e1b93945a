"""The tables. `record` is the log; all else is state beside it, changed in the log's transactions.

The migrations make them. What an index leaves out is told here for SQLite alone: told for PostgreSQL
too, it would have every process import that dialect.

Times are milliseconds since 1970 in UTC. `record` is only ever appended to: its `leaf` is the
record itself, the other columns are an index that can be rebuilt from it.
"""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from broker.store.column_types import Integer, Text

metadata = MetaData()
REVISIONS = "schema_revision"
"""The table in which alembic keeps the schema's revision."""


record = Table(
    "record",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("app", Text),
    Column("issuance", Text),
    Column("host", Text),
    Column("vcenter", Text),
    Column("grant_id", Text),
    Column("template", Text),
    Column("reason", Text),
    Column("actor", Text),
    Column("address", Text),
    Column("exposed_from", Integer),
    Column("exposed_until", Integer),
    Column("leaf", LargeBinary, nullable=False),
)
"""`hash` is the leaf's in the tree. `leaf` stands last, so that who looks for a record reads past none."""
Index("record_at", record.c.at)
Index("record_code", record.c.code, record.c.seq)
Index("record_app", record.c.app, record.c.seq, sqlite_where=text("app IS NOT NULL"))
Index("record_host", record.c.host, record.c.seq, sqlite_where=text("host IS NOT NULL"))
Index(
    "record_reason",
    record.c.reason,
    record.c.app,
    record.c.code,
    record.c.at,
    sqlite_where=text("reason IS NOT NULL"),
)
Index("record_issuance", record.c.issuance, sqlite_where=text("issuance IS NOT NULL"))
Index("record_actor", record.c.actor, record.c.seq, sqlite_where=text("actor IS NOT NULL"))
Index(
    "record_exposure",
    record.c.host,
    record.c.exposed_until,
    record.c.exposed_from,
    sqlite_where=text("exposed_until IS NOT NULL"),
)

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("signers", Text, nullable=False),
)
"""The one row, `id` 1, that stands for the tree over all records, changed with them.

`frontier` is its perfect subtrees' hashes, the largest first; `signers` the ids of the keys that sign
now, with a blank between them.
"""

tile = Table(
    "tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""Hashes of perfect subtrees of 256 ** `level` leaves, up to 256 of them (C2SP tlog-tiles).

Level 0 has whole tiles only: what comes after them is `record.hash`. From level 1 on a tile grows by one
hash whenever one below it is whole.
"""

log_key = Table(
    "log_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("vkey", Text, nullable=False),
    Column("from_size", Integer, nullable=False),
    Column("until_size", Integer),
)
"""Which key signs heads of which sizes: from `from_size` on, up to `until_size` once it is retired."""

issuance = Table(
    "issuance",
    metadata,
    Column("seq", Integer, ForeignKey("record.seq"), primary_key=True, autoincrement=False),
    Column("issuance", Text, nullable=False, unique=True),
    Column("app", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("host", Text, nullable=False),
    Column("vcenter", Text),
    Column("grant_id", Text),
    Column("attempts", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("exposure_until", Integer),
)
"""One row an issuance, or a request that was refused before: what its app may see of it."""
Index("issuance_app", issuance.c.app, issuance.c.seq)

named_host = Table(
    "named_host",
    metadata,
    Column("vcenter", Text, primary_key=True),
    Column("instance_uuid", Text, primary_key=True),
    Column("moid", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    Column("seq", Integer, ForeignKey("record.seq"), nullable=False),
)
"""Each name that a host had in an intent, and the first intent in which it had it."""
Index("named_host_host", named_host.c.host)

used_template = Table(
    "used_template",
    metadata,
    Column("app", Text, primary_key=True),
    Column("template", Text, primary_key=True),
    Column("revision", Text, primary_key=True),
    Column("seq", Integer, ForeignKey("record.seq"), nullable=False),
)
"""Each revision of a template under which an app began an attempt, and the first intent that it did."""

open_attempt = Table(
    "open_attempt",
    metadata,
    Column("issuance", Text, ForeignKey("issuance.issuance"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("intent_seq", Integer, ForeignKey("record.seq"), nullable=False),
    Column("deadline", Integer, nullable=False),
    Column("keyed", Integer, nullable=False),
)
"""Attempts without an outcome; the row goes when the outcome comes."""

terminal = Table(
    "terminal",
    metadata,
    Column("issuance", Text, ForeignKey("issuance.issuance"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("seq", Integer, ForeignKey("record.seq"), nullable=False),
)
"""The fence: one terminal outcome an attempt, whichever process comes first."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("app", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("issuance", Text, ForeignKey("issuance.issuance"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("issued", Integer, nullable=False),
    Column("until", Integer, nullable=False),
)
Index("idempotency_attempt", idempotency.c.issuance, idempotency.c.attempt)
Index("idempotency_until", idempotency.c.until)

credential = Table(
    "credential",
    metadata,
    Column("app", Text, primary_key=True),
    Column("disabled", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
)

credential_secret = Table(
    "credential_secret",
    metadata,
    Column("app", Text, ForeignKey("credential.app"), primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("until", Integer),
)
"""`until` is null for the present secret, and the end of the overlap for an old one."""

disabled_grant = Table(
    "disabled_grant",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("at", Integer, nullable=False),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    Column("app", Text, primary_key=True),
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("until", Integer, nullable=False),
)
Index("used_assertion_until", used_assertion.c.until)

login_latch = Table(
    "login_latch",
    metadata,
    Column("vcenter", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("secret_digest", Text, primary_key=True),
    Column("at", Integer, nullable=False),
)

unanswered_login = Table(
    "unanswered_login",
    metadata,
    Column("vcenter", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("secret_digest", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("wait_ms", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Log-ins that were sent, or were about to be, and whose answer is not known."""

applied_grant = Table(
    "applied_grant",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("vcenter", Text, nullable=False),
    Column("role_id", Integer, nullable=False),
    Column("applied_at", Integer, nullable=False),
    Column("drift", Text),
    Column("scope", Text, nullable=False),
)
"""`scope` is a JSON list of [path, instance uuid, moid]: read and replaced as one. So is `drift`,
[found at, [[kind, text, changed by], ...]]; null while all holds."""

heard_vcenter = Table(
    "heard_vcenter",
    metadata,
    Column("vcenter", Text, primary_key=True),
    Column("at", Integer, nullable=False),
)
"""When the controller last knew how the vCenter stands: by looking at it, or by hearing of no change."""

own_role = Table(
    "own_role",
    metadata,
    Column("instance_uuid", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("template", Text, nullable=False),
    Column("role_id", Integer),
    Column("privileges", Text, nullable=False),
)
"""`privileges` is a JSON list."""

own_permission = Table(
    "own_permission",
    metadata,
    Column("instance_uuid", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("role_id", Integer, nullable=False),
)

process = Table(
    "process",
    metadata,
    Column("boot", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("beat", Integer, nullable=False),
)
"""`generation` is that of the last reload the process has answered."""

ENTITLING = (credential, credential_secret, disabled_grant, applied_grant)
"""What decides who may have what: each change of a row moves the counter `entitlements` (schema.py)."""

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

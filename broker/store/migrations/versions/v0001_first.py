"""The schema that the log began with, the first that is a Merkle tree."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BYTES = sa.LargeBinary()
_ENTITLING = ("applied_grant", "credential", "credential_secret", "disabled_grant")
_MOVE = "UPDATE counter SET value = value + 1 WHERE name = 'entitlements'"


def upgrade() -> None:
    """Make every table in an empty database, and the triggers that move the counter of entitlements."""
    _make_tables()
    op.execute("INSERT INTO counter (name, value) VALUES ('entitlements', 0)")
    if op.get_bind().dialect.name == "sqlite":
        _watch_by_row()
    else:
        _watch_by_statement()


def _watch_by_row() -> None:
    for table in _ENTITLING:
        for change in ("INSERT", "UPDATE", "DELETE"):
            named = f"{table}_{change.lower()} AFTER {change} ON {table}"
            op.execute(f"CREATE TRIGGER {named} BEGIN {_MOVE}; END")


def _watch_by_statement() -> None:
    op.execute(
        "CREATE FUNCTION entitlements_changed() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {_MOVE}; RETURN NULL; END $$"
    )
    for table in _ENTITLING:
        op.execute(
            f"CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION entitlements_changed()"
        )


def _where(condition: str) -> dict[str, Any]:
    return {f"{engine}_where": sa.text(condition) for engine in ("sqlite", "postgresql")}


def _make_tables() -> None:
    op.create_table(
        "applied_grant",
        sa.Column("grant_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("vcenter", TEXT, nullable=False),
        sa.Column("role_id", INTEGER, nullable=False),
        sa.Column("applied_at", INTEGER, nullable=False),
        sa.Column("drift", TEXT),
        sa.Column("scope", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "counter",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "credential",
        sa.Column("app", TEXT, nullable=False),
        sa.Column("disabled", INTEGER, nullable=False),
        sa.Column("generation", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("app"),
    )
    op.create_table(
        "disabled_grant",
        sa.Column("grant_id", TEXT, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "head",
        sa.Column("id", INTEGER, autoincrement=False, nullable=False),
        sa.Column("size", INTEGER, nullable=False),
        sa.Column("frontier", BYTES, nullable=False),
        sa.Column("checkpoint", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("epoch", INTEGER, nullable=False),
        sa.Column("signers", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "heard_vcenter",
        sa.Column("vcenter", TEXT, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("vcenter"),
    )
    op.create_table(
        "log_key",
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("vkey", TEXT, nullable=False),
        sa.Column("from_size", INTEGER, nullable=False),
        sa.Column("until_size", INTEGER),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "login_latch",
        sa.Column("vcenter", TEXT, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("secret_digest", TEXT, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("vcenter", "user", "secret_digest"),
    )
    op.create_table(
        "own_permission",
        sa.Column("instance_uuid", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("role_id", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("instance_uuid", "entity", "principal"),
    )
    op.create_table(
        "own_role",
        sa.Column("instance_uuid", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("template", TEXT, nullable=False),
        sa.Column("role_id", INTEGER),
        sa.Column("privileges", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("instance_uuid", "name"),
    )
    op.create_table(
        "process",
        sa.Column("boot", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("revision", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("generation", INTEGER, nullable=False),
        sa.Column("beat", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("boot"),
    )
    op.create_table(
        "record",
        sa.Column("seq", INTEGER, autoincrement=False, nullable=False),
        sa.Column("hash", BYTES, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.Column("app", TEXT),
        sa.Column("issuance", TEXT),
        sa.Column("host", TEXT),
        sa.Column("vcenter", TEXT),
        sa.Column("grant_id", TEXT),
        sa.Column("template", TEXT),
        sa.Column("reason", TEXT),
        sa.Column("actor", TEXT),
        sa.Column("address", TEXT),
        sa.Column("exposed_from", INTEGER),
        sa.Column("exposed_until", INTEGER),
        sa.Column("leaf", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "record_app",
        "record",
        ["app", "seq"],
        unique=False,
        **_where("app IS NOT NULL"),
    )
    op.create_index(
        "record_actor",
        "record",
        ["actor", "seq"],
        unique=False,
        **_where("actor IS NOT NULL"),
    )
    op.create_index("record_at", "record", ["at"], unique=False)
    op.create_index("record_code", "record", ["code", "seq"], unique=False)
    op.create_index(
        "record_exposure",
        "record",
        ["host", "exposed_until", "exposed_from"],
        unique=False,
        **_where("exposed_until IS NOT NULL"),
    )
    op.create_index(
        "record_host",
        "record",
        ["host", "seq"],
        unique=False,
        **_where("host IS NOT NULL"),
    )
    op.create_index(
        "record_issuance",
        "record",
        ["issuance"],
        unique=False,
        **_where("issuance IS NOT NULL"),
    )
    op.create_index(
        "record_reason",
        "record",
        ["reason", "app", "code", "at"],
        unique=False,
        **_where("reason IS NOT NULL"),
    )
    op.create_table(
        "tile",
        sa.Column("level", INTEGER, autoincrement=False, nullable=False),
        sa.Column("idx", INTEGER, autoincrement=False, nullable=False),
        sa.Column("hashes", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("level", "idx"),
    )
    op.create_table(
        "unanswered_login",
        sa.Column("vcenter", TEXT, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("secret_digest", TEXT, nullable=False),
        sa.Column("tries", INTEGER, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.Column("wait_ms", INTEGER, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("vcenter", "user", "secret_digest"),
    )
    op.create_table(
        "used_assertion",
        sa.Column("app", TEXT, nullable=False),
        sa.Column("jti_hash", BYTES, nullable=False),
        sa.Column("until", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("app", "jti_hash"),
    )
    op.create_index("used_assertion_until", "used_assertion", ["until"], unique=False)
    op.create_table(
        "credential_secret",
        sa.Column("app", TEXT, nullable=False),
        sa.Column("hash", BYTES, nullable=False),
        sa.Column("until", INTEGER),
        sa.ForeignKeyConstraint(["app"], ["credential.app"]),
        sa.PrimaryKeyConstraint("app", "hash"),
    )
    op.create_table(
        "issuance",
        sa.Column("seq", INTEGER, autoincrement=False, nullable=False),
        sa.Column("issuance", TEXT, nullable=False),
        sa.Column("app", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("vcenter", TEXT),
        sa.Column("grant_id", TEXT),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.Column("exposure_until", INTEGER),
        sa.ForeignKeyConstraint(["seq"], ["record.seq"]),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("issuance"),
    )
    op.create_index("issuance_app", "issuance", ["app", "seq"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("app", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("issuance", TEXT, nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("running", INTEGER, nullable=False),
        sa.Column("issued", INTEGER, nullable=False),
        sa.Column("until", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["issuance"], ["issuance.issuance"]),
        sa.PrimaryKeyConstraint("app", "key"),
    )
    op.create_index("idempotency_attempt", "idempotency", ["issuance", "attempt"], unique=False)
    op.create_index("idempotency_until", "idempotency", ["until"], unique=False)
    op.create_table(
        "named_host",
        sa.Column("vcenter", TEXT, nullable=False),
        sa.Column("instance_uuid", TEXT, nullable=False),
        sa.Column("moid", TEXT, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["record.seq"]),
        sa.PrimaryKeyConstraint("vcenter", "instance_uuid", "moid", "host"),
    )
    op.create_index("named_host_host", "named_host", ["host"], unique=False)
    op.create_table(
        "used_template",
        sa.Column("app", TEXT, nullable=False),
        sa.Column("template", TEXT, nullable=False),
        sa.Column("revision", TEXT, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["record.seq"]),
        sa.PrimaryKeyConstraint("app", "template", "revision"),
    )
    op.create_table(
        "open_attempt",
        sa.Column("issuance", TEXT, nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("intent_seq", INTEGER, nullable=False),
        sa.Column("deadline", INTEGER, nullable=False),
        sa.Column("keyed", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["intent_seq"], ["record.seq"]),
        sa.ForeignKeyConstraint(["issuance"], ["issuance.issuance"]),
        sa.PrimaryKeyConstraint("issuance", "attempt"),
    )
    op.create_table(
        "terminal",
        sa.Column("issuance", TEXT, nullable=False),
        sa.Column("attempt", INTEGER, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["issuance"], ["issuance.issuance"]),
        sa.ForeignKeyConstraint(["seq"], ["record.seq"]),
        sa.PrimaryKeyConstraint("issuance", "attempt"),
    )

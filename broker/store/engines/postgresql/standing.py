"""What the server at the other end is, and whether it keeps what it says it has committed."""

from dataclasses import dataclass
from typing import Any

from broker.errors import LogUnavailable, Trouble
from broker.store.engines.postgresql.dialling import Raw

ITS_SETTINGS = (
    "pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit'),"
    " current_setting('synchronous_standby_names')"
)
"""What `check_settings` looks at, as columns of any statement."""

_IDENTITY = """
SELECT system_identifier, (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int,
    has_schema_privilege('public', current_schema(), 'CREATE')
FROM pg_control_system()
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database a connection leads to."""

    system: int
    """Made when the server's data directory was; its standbys and its physical backups share it."""
    database: int
    timeline: int
    """Counts the promotions of standbys."""

    def may_follow(self, before: "Identity") -> bool:
        """Whether this is that database, on the same server or on one that took its place."""
        same = (self.system, self.database) == (before.system, before.database)
        return same and self.timeline >= before.timeline


def check_settings(row: tuple[Any, ...]) -> None:
    """Refuse a server that could forget a commit, by the values of `ITS_SETTINGS`. Raises LogUnavailable."""
    recovering, fsync, level, standbys = row
    if recovering:
        raise LogUnavailable("the store's server is a standby: name the primary", Trouble.STORE_READ_ONLY)
    if fsync != "on":
        raise LogUnavailable("the store's server runs with fsync off: a crash would lose records")
    if level == "off" or (level == "local" and standbys):
        raise LogUnavailable(
            f"the store's server has synchronous_commit {level}: a crash would lose records; set it to on"
        )


def identified(raw: Raw) -> Identity:
    """What the connection leads to, where a log may be kept there. Raises psycopg.Error, LogUnavailable."""
    check_settings(_row(raw, f"SELECT {ITS_SETTINGS}"))
    system, database, timeline, open_to_all = _row(raw, _IDENTITY)
    if open_to_all:
        raise LogUnavailable(
            "everybody may make tables in the store's schema; run: REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
    return Identity(system, database, timeline)


def _row(raw: Raw, statement: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = raw.execute(statement.encode()).fetchone()
    return row or ()

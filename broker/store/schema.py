"""The schema's revision, which the database itself names, and whether what stands there is a log.

alembic makes the schema, the same on every engine (`migrations`). It is imported where a store is made only:
whoever opens one looks at its revision.
"""

import json
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Row, inspect, select, text

from broker.errors import LogUnavailable
from broker.ports.signing import LogSigner
from broker.store.columns import NAMES, columns_of
from broker.store.tables import REVISIONS, record
from broker.store.tree import begin_log, read_head
from broker.tlog.merkle import leaf_hash

REVISION = "0001"
"""The newest of `migrations`."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = Lock()
"""alembic knows one migration at a time in a process."""
_FOUND = text(f"SELECT version_num FROM {REVISIONS}")  # noqa: S608 - our own word
_TAIL = 100
_NEWEST = select(record).order_by(record.c.seq.desc()).limit(_TAIL)


def is_made(connection: Connection) -> bool:
    """Whether the store's tables are there, in this revision; False where there are none at all.

    Raises LogUnavailable, naming what was found, where it is something else.
    """
    there = inspect(connection).get_table_names()
    if not there:
        return False
    if REVISIONS not in there:
        raise LogUnavailable("the store's place holds a database of another program")
    check_revision(connection)
    return True


def check_revision(connection: Connection) -> None:
    """Raises LogUnavailable, naming what was found, where the tables are of another revision than ours."""
    found = connection.execute(_FOUND).scalar()
    if found != REVISION:
        raise LogUnavailable(f"the store has schema revision {found}, this broker knows revision {REVISION}")


def make(connection: Connection, signer: LogSigner) -> None:
    """Make the tables and begin the log, in the transaction that is open.

    Raises SecretUnavailable where the new log has no key.
    """
    from alembic import command  # noqa: PLC0415 - half a second and 10 MB, for who makes a store
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.attributes["connection"] = connection
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _MIGRATING:
        command.upgrade(config, REVISION)
    begin_log(connection, signer)


def verify_tail(connection: Connection) -> None:
    """Hold the newest records against the head and what a log must be.

    Cheap enough for every opening: as many records as the head says, contiguous, each with the hash and
    the columns of its bytes. Call it in a transaction that sees one moment of a log that grows.
    Raises LogUnavailable, naming the record.
    """
    size, rows = read_head(connection).frontier.size, connection.execute(_NEWEST).all()
    for expected, row in zip(range(size - 1, -1, -1), rows, strict=False):
        if row.seq != expected or not _matches(row):
            raise LogUnavailable(f"the log is damaged at record {max(expected, row.seq)}")
    if len(rows) != min(size, _TAIL):
        raise LogUnavailable(f"the log is damaged: its head stands for {size} records")


def _matches(row: Row[tuple[object, ...]]) -> bool:
    try:
        columns = columns_of(json.loads(row.leaf))
    except (KeyError, TypeError, ValueError):
        return False
    return leaf_hash(row.leaf) == row.hash and all(
        getattr(row, name) == getattr(columns, name) for name in NAMES
    )

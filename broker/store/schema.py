"""The schema's name and version in the file itself, checked before anything is done with it."""

from sqlalchemy import Connection, insert, select

from broker.errors import LogUnavailable
from broker.store.counters import Counter
from broker.store.tables import ENTITLING, counter, metadata, record

APPLICATION_ID = 0x43494D54
"""PRAGMA application_id: "CIMT" in ASCII."""

VERSION = 6
"""PRAGMA user_version."""

_MOVE = f"UPDATE counter SET value = value + 1 WHERE name = '{Counter.ENTITLEMENTS}'"  # noqa: S608 - our own word
_TAIL = 100
_NEWEST = (
    select(record.c.seq, record.c.id, record.c.code, record.c.leaf).order_by(record.c.seq.desc()).limit(_TAIL)
)


def prepare(connection: Connection) -> None:
    """Make the tables in an empty file; take a file of this very version; refuse any other.

    Call it with `Place.alone()` held. Raises LogUnavailable, naming what was found.
    """
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    empty = _pragma(connection, "schema_version") == 0
    if (application, version, empty) == (0, 0, True):
        _turn_to_wal(connection)
        _create(connection)
    elif application != APPLICATION_ID:
        raise LogUnavailable("the store's file is a database of another program")
    elif version != VERSION:
        raise LogUnavailable(f"the store has schema version {version}, this broker knows version {VERSION}")
    else:
        _turn_to_wal(connection)


def verify_tail(connection: Connection) -> None:
    """Hold the newest records against what a log must be. Raises LogUnavailable, naming the record.

    Cheap enough for every opening: contiguous, from 0 if it is short, and no column that
    contradicts its record. One statement, so that it sees one moment of a log that grows.
    """
    rows = connection.execute(_NEWEST).all()
    size = rows[0].seq + 1 if rows else 0
    for expected, row in zip(range(size - 1, -1, -1), rows, strict=False):
        if row.seq != expected or not _matches(row.leaf, row.id, row.code):
            raise LogUnavailable(f"the log is damaged at record {expected}")
    if len(rows) != min(size, _TAIL):
        raise LogUnavailable(f"the log is damaged before record {size}")


def _matches(leaf: bytes, identity: str, code: str) -> bool:
    return f'"code":"{code}"'.encode() in leaf and f'"id":"{identity}"'.encode() in leaf


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _turn_to_wal(connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
    if mode != "wal":
        raise LogUnavailable(f"the store's file system does not do write-ahead logging (mode {mode})")


def _create(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    metadata.create_all(connection)
    _watch_entitlements(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    connection.exec_driver_sql("COMMIT")


def _watch_entitlements(connection: Connection) -> None:
    """By triggers, since a writer that forgot to move the counter would leave a cut without effect."""
    connection.execute(insert(counter).values(name=Counter.ENTITLEMENTS.value, value=0))
    for table in ENTITLING:
        for change in ("INSERT", "UPDATE", "DELETE"):
            named = f"{table.name}_{change.lower()} AFTER {change} ON {table.name}"
            connection.exec_driver_sql(f"CREATE TRIGGER {named} BEGIN {_MOVE}; END")

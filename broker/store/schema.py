"""The schema's name and version in the file itself, checked before anything is done with it."""

import json

from sqlalchemy import Connection, Row, insert, select

from broker.errors import LogUnavailable
from broker.ports.signing import LogSigner
from broker.store.columns import NAMES, columns_of
from broker.store.counters import Counter
from broker.store.tables import ENTITLING, counter, metadata, record
from broker.store.tree import begin_log, read_head
from broker.tlog.merkle import leaf_hash

APPLICATION_ID = 0x43494D54
"""PRAGMA application_id: "CIMT" in ASCII."""

VERSION = 7
"""PRAGMA user_version."""

_MOVE = f"UPDATE counter SET value = value + 1 WHERE name = '{Counter.ENTITLEMENTS}'"  # noqa: S608 - our own word
_TAIL = 100
_NEWEST = select(record).order_by(record.c.seq.desc()).limit(_TAIL)


def prepare(connection: Connection, signer: LogSigner) -> None:
    """Make the tables in an empty file; take a file of this very version; refuse any other.

    Call it with `Place.alone()` held. Raises LogUnavailable, naming what was found, and
    SecretUnavailable where a new log has no key.
    """
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    empty = _pragma(connection, "schema_version") == 0
    if (application, version, empty) == (0, 0, True):
        _turn_to_wal(connection)
        _create(connection, signer)
    elif application != APPLICATION_ID:
        raise LogUnavailable("the store's file is a database of another program")
    elif version != VERSION:
        raise LogUnavailable(f"the store has schema version {version}, this broker knows version {VERSION}")
    else:
        _turn_to_wal(connection)


def verify_tail(connection: Connection) -> None:
    """Hold the newest records against the head and what a log must be.

    Cheap enough for every opening: as many records as the head says, contiguous, each with the hash and
    the columns of its bytes. One transaction, so that it sees one moment of a log that grows.
    Raises LogUnavailable, naming the record.
    """
    connection.exec_driver_sql("BEGIN")
    try:
        size, rows = read_head(connection).frontier.size, connection.execute(_NEWEST).all()
    finally:
        connection.exec_driver_sql("ROLLBACK")
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


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _turn_to_wal(connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
    if mode != "wal":
        raise LogUnavailable(f"the store's file system does not do write-ahead logging (mode {mode})")


def _create(connection: Connection, signer: LogSigner) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    metadata.create_all(connection)
    _watch_entitlements(connection)
    begin_log(connection, signer)
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

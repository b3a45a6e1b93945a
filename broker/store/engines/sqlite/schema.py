"""Whose file it is, and of which kind: said in the file's own header, before anything is done with it."""

from sqlalchemy import Connection

from broker.errors import LogUnavailable
from broker.ports.signing import LogSigner
from broker.store import schema

APPLICATION_ID = 0x43494D54
"""PRAGMA application_id: "CIMT" in ASCII."""

VERSION = 7
"""PRAGMA user_version, of every file whose schema has a revision of `schema.py`."""


def prepare(connection: Connection, signer: LogSigner) -> None:
    """Make the tables in an empty file; take a file of this very schema; refuse any other.

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
        _check(connection)


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _turn_to_wal(connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
    if mode != "wal":
        raise LogUnavailable(f"the store's file system does not do write-ahead logging (mode {mode})")


def _create(connection: Connection, signer: LogSigner) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    schema.make(connection, signer)
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    connection.exec_driver_sql("COMMIT")


def _check(connection: Connection) -> None:
    schema.check_revision(connection)
    connection.exec_driver_sql("BEGIN")
    try:
        schema.verify_tail(connection)
    finally:
        connection.exec_driver_sql("ROLLBACK")

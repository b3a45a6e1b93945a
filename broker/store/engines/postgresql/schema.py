"""Making the tables in an empty database, by one process at a time."""

from sqlalchemy import Connection, bindparam, text

from broker.errors import LogUnavailable
from broker.ports.signing import LogSigner
from broker.store import schema
from broker.store.engines.postgresql.turns import key_of

_ALONE = text("SELECT pg_advisory_xact_lock(:key)").bindparams(bindparam("key", key_of("schema")))
_STILL = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""All statements see one moment."""


def prepare(connection: Connection, signer: LogSigner) -> None:
    """Make the tables in an empty database; take one of this very schema; refuse any other.

    Raises LogUnavailable, naming what was found, and SecretUnavailable where a new log has no key.
    """
    if not schema.is_made(connection):
        _make(connection, signer)
    connection.exec_driver_sql(_STILL)
    schema.verify_tail(connection)
    connection.exec_driver_sql("ROLLBACK")


def check_made(connection: Connection) -> None:
    """Raises LogUnavailable where there are no tables yet, or others than ours."""
    if not schema.is_made(connection):
        raise LogUnavailable(
            "the store's database is empty; `broker roles apply`, `controller` and `serve` make its tables"
        )


def _make(connection: Connection, signer: LogSigner) -> None:
    connection.exec_driver_sql("BEGIN")
    connection.execute(_ALONE)
    if not schema.is_made(connection):  # another process may have been quicker
        schema.make(connection, signer)
    connection.exec_driver_sql("COMMIT")

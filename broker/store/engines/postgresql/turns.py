"""Turns between processes: advisory locks of the server, each held by a session of its own.

Whoever ends, even killed, gives the turn back by that, since its session ends with it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore
from broker.store.engines.postgresql.dialling import Raw, dialled
from broker.store.engines.postgresql.words import told

_SPARE_MS = 1000
"""That waiting is ended by the lock's limit, and not by that of its statement."""
_TRY = "SELECT pg_try_advisory_lock(%s)"
_WAIT = "SELECT pg_advisory_lock(%s)"


def key_of(name: str) -> int:
    """The lock's key: the first eight bytes of SHA-256 of `cim-ticket-broker/NAME`, as a signed number.

    The server keeps the keys of each database apart.
    """
    digest = hashlib.sha256(f"cim-ticket-broker/{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


@contextmanager
def turn(store: PostgresqlStore, name: str, within_s: float) -> Iterator[bool]:
    """Hold the turn of that name; False, and it is not held, where it does not come in time.

    Raises LogUnavailable where the server cannot be asked.
    """
    try:
        within_ms = max(1, round(within_s * 1000))
        session = dialled(store, lock_timeout=within_ms, statement_timeout=within_ms + _SPARE_MS)
    except psycopg.Error as error:
        raise LogUnavailable(f"a turn cannot be asked for: {told(error)}") from None
    try:
        yield _got(session, key_of(name), within_s)
    finally:
        session.close()


def _got(session: Raw, key: int, within_s: float) -> bool:
    try:
        if within_s <= 0:
            row = session.execute(_TRY, [key]).fetchone()
            return bool(row and row[0])
        session.execute(_WAIT, [key])
    except psycopg.errors.LockNotAvailable:
        return False
    except psycopg.Error as error:
        raise LogUnavailable(f"a turn cannot be asked for: {told(error)}") from None
    return True

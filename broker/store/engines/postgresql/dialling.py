"""Making a connection to the server: where, as whom, trusting whom, and how long anything may take."""

from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from broker.errors import LogUnavailable, SecretUnavailable
from broker.model.stores import PostgresqlStore
from broker.secrets import read_secret

Raw = psycopg.Connection[Any]

_CONNECT_WITHIN_S = 5
_STATEMENT_WITHIN_MS = 30_000
_LOCK_WITHIN_MS = 5_000
"""As long as a SQLite file is waited for."""
_PAUSED_WITHIN_MS = 3_000
"""Who stops amid a transaction holds up everybody: the server ends it before the others lose patience."""
_SILENT_S = 10
"""Without an answer from the other side, or a sign of life of it."""

_WRITING = {
    "statement_timeout": _STATEMENT_WITHIN_MS,
    "lock_timeout": _LOCK_WITHIN_MS,
    "idle_in_transaction_session_timeout": _PAUSED_WITHIN_MS,
    "idle_session_timeout": 0,
    "tcp_keepalives_idle": _SILENT_S,
    "tcp_keepalives_interval": _SILENT_S // 3,
    "tcp_keepalives_count": 3,
}
"""For the server: a machine that vanished gives back what its sessions held."""
READING = {"default_transaction_read_only": "on"}
WAITING = {"statement_timeout": 0}


def dialled(store: PostgresqlStore, **settings: object) -> Raw:
    """A new connection that begins no transactions of its own, with these settings of its session.

    The password is read now, so a changed one is picked up. Raises psycopg.Error, and
    LogUnavailable where the password cannot be read.
    """
    session = " ".join(f"-c {name}={value}" for name, value in {**_WRITING, **settings}.items())
    return psycopg.connect(_address(store, session), autocommit=True, password=_password(store))


def _address(store: PostgresqlStore, session: str) -> str:
    """Whom to trust and how is said here in full, so that the environment has no say in it."""
    trust = {"sslmode": "disable"}
    if store.ca_file is not None:
        trust = {"sslmode": "verify-full", "sslrootcert": str(store.ca_file)}
    return make_conninfo(
        host=store.host,
        port=store.port,
        dbname=store.database,
        user=store.user,
        options=session,
        application_name="cim-ticket-broker",
        client_encoding="utf8",
        gssencmode="disable",
        target_session_attrs="any",
        connect_timeout=_CONNECT_WITHIN_S,
        keepalives_idle=_SILENT_S,
        keepalives_interval=_SILENT_S // 3,
        keepalives_count=3,
        tcp_user_timeout=_SILENT_S * 1000,
        **trust,
    )


def _password(store: PostgresqlStore) -> str | None:
    if store.password is None:
        return None
    try:
        return read_secret(store.password).reveal()
    except SecretUnavailable as unavailable:
        raise LogUnavailable(f"the password of the store: {unavailable}") from None

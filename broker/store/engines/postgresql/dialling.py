"""Making a connection to the server: where, as whom, trusting whom, and how long anything may take."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from broker.errors import LogUnavailable, SecretUnavailable
from broker.model.stores import PostgresqlStore
from broker.secrets import read_secret

T = TypeVar("T")

Raw = psycopg.Connection[Any]

_CONNECT_WITHIN_S = 5
_STATEMENT_WITHIN_MS = 10_000
_GRACE_S = 2.0
"""Beyond the server's own limit for a statement: it should have said something by then."""
_LOCK_WITHIN_MS = 5_000
"""As long as a SQLite file is waited for."""
_PAUSED_WITHIN_MS = 3_000
"""Who stops amid a transaction holds up everybody: the server ends it before the others lose patience."""
_LOOK_EVERY_S = 0.1
"""Whether Python has something else to do, such as to end, while it waits for the server."""
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


class _Impatient(psycopg.Connection[Any]):
    """Waits no longer for the server than a statement may take, and hangs up then.

    A server that stands still holds its connections, and nothing but a clock here can tell.
    """

    patience_s: float | None = None

    def wait(self, gen: PQGen[T], interval: float = _LOOK_EVERY_S, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout or self.patience_s)
        except psycopg.OperationalError:
            if self.info.transaction_status is not TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.OperationalError("the server does not answer") from None


def dialled(store: PostgresqlStore, **settings: object) -> Raw:
    """A new connection that begins no transactions of its own, with these settings of its session.

    The password is read now, so a changed one is picked up. No wait for the server is longer than
    `statement_timeout` and some grace; 0 is without end. Raises psycopg.Error, and LogUnavailable
    where the password cannot be read.
    """
    wanted = {**_WRITING, **settings}
    session = " ".join(f"-c {name}={value}" for name, value in wanted.items())
    connection = _Impatient.connect(_address(store, session), autocommit=True, password=_password(store))
    within_ms = int(str(wanted["statement_timeout"]))
    connection.patience_s = within_ms / 1000 + _GRACE_S if within_ms else None
    return connection


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

"""Login latches: the first refused password stops every process from trying it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Delete, Table, bindparam, delete, insert, select

from broker.errors import Reason, Refused
from broker.model.names import VcenterId
from broker.model.record import Event, Record
from broker.ports.operation import Unanswered
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import login_latch, unanswered_login
from broker.store.times import from_ms, ms
from broker.store.transaction import Transaction
from broker.store.upserts import put_new

_MILLISECOND = timedelta(milliseconds=1)
_CLOSED = select(login_latch.c.at).where(
    login_latch.c.vcenter == bindparam("vcenter"),
    login_latch.c.user == bindparam("user"),
    login_latch.c.secret_digest == bindparam("secret_digest"),
)


@dataclass(frozen=True, slots=True)
class Latched:
    """A log-in that is stopped, and when vCenter refused it."""

    vcenter: VcenterId
    user: str
    at: datetime


class StoredLatches:
    """ports.operation.LoginLatch, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def turn(self, vcenter: VcenterId, user: str, patience_s: float) -> Iterator[None]:
        """See `LoginLatch.turn`: a lock of its own for each account, so that none waits for another."""
        name = sha256(f"{vcenter}\0{user}".encode()).hexdigest()[:32]
        with self._database.turn(f"login-{name}", patience_s) as mine:
            if not mine:
                raise Refused(Reason.VCENTER_BUSY, f"{vcenter}: {user}: another process logs in")
            yield

    def closed(self, vcenter: VcenterId, user: str, secret_digest: str) -> bool:
        """Whether a log-in with this very secret was refused before."""
        key = {"vcenter": vcenter, "user": user, "secret_digest": secret_digest}
        return self._database.read(lambda c: c.execute(_CLOSED, key).first()) is not None

    def close(self, vcenter: VcenterId, user: str, secret_digest: str) -> None:
        """Remember that vCenter refused this secret; the first time goes on record, without its digest."""

        def work(transaction: Transaction) -> None:
            row = {
                "vcenter": vcenter,
                "user": user,
                "secret_digest": secret_digest,
                "at": ms(self._database.clock.now()),
            }
            if put_new(transaction.connection, login_latch, row):
                transaction.append([Record(Event.LOGIN_LATCHED, {"vcenter": vcenter, "user": user})])
            transaction.connection.execute(_forget(vcenter, user, secret_digest))

        self._database.write(Reserve.NONE, work)

    def clear(self, vcenter: VcenterId, user: str) -> None:
        """Forget what was refused and unanswered of this user."""

        def work(transaction: Transaction) -> None:
            for table in (login_latch, unanswered_login):
                transaction.connection.execute(_of(table, vcenter, user))

        self._database.write(Reserve.NONE, work)

    def unanswered(self, vcenter: VcenterId, user: str, secret_digest: str) -> Unanswered | None:
        """The log-ins with this secret that have no answer, None where there are none."""
        t = unanswered_login.c
        mine = select(t.tries, t.at, t.wait_ms, t.reason).where(
            t.vcenter == vcenter, t.user == user, t.secret_digest == secret_digest
        )
        row = self._database.read(lambda c: c.execute(mine).first())
        if row is None:
            return None
        return Unanswered(row.tries, from_ms(row.at), row.wait_ms * _MILLISECOND, Reason(row.reason))

    def put_unanswered(
        self, vcenter: VcenterId, user: str, secret_digest: str, unanswered: Unanswered | None
    ) -> None:
        """Remember these instead of what was remembered."""

        def work(transaction: Transaction) -> None:
            transaction.connection.execute(_forget(vcenter, user, secret_digest))
            if unanswered is None:
                return
            row = {
                "vcenter": vcenter,
                "user": user,
                "secret_digest": secret_digest,
                "tries": unanswered.tries,
                "at": ms(unanswered.at),
                "wait_ms": unanswered.wait // _MILLISECOND,
                "reason": unanswered.reason.value,
            }
            transaction.connection.execute(insert(unanswered_login).values(row))

        self._database.write(Reserve.NONE, work)

    def latched(self) -> tuple[Latched, ...]:
        """Every log-in that is stopped, in order."""
        every = select(login_latch).order_by(login_latch.c.vcenter, login_latch.c.user, login_latch.c.at)
        rows = self._database.read(lambda c: c.execute(every).all())
        return tuple(Latched(VcenterId(r.vcenter), r.user, from_ms(r.at)) for r in rows)

    def retry(self, vcenter: VcenterId, user: str, by: str) -> int:
        """Open what is closed for this user, and end what waits, as the word of the operator `by`; how many.

        On record, whether there was anything or not.
        """

        def work(transaction: Transaction) -> int:
            tables = (login_latch, unanswered_login)
            opened = sum(transaction.connection.execute(_of(t, vcenter, user)).rowcount for t in tables)
            said = Record(Event.LOGIN_RETRY, {"vcenter": vcenter, "user": user, "by": by, "opened": opened})
            transaction.append([said])
            return opened

        return self._database.write(Reserve.NONE, work)


def _of(table: Table, vcenter: VcenterId, user: str) -> Delete:
    return delete(table).where(table.c.vcenter == vcenter, table.c.user == user)


def _forget(vcenter: VcenterId, user: str, secret_digest: str) -> Delete:
    return _of(unanswered_login, vcenter, user).where(unanswered_login.c.secret_digest == secret_digest)

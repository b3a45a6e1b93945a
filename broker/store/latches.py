"""Login latches: the first refused password stops every process from trying it again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from broker.model.names import VcenterId
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import login_latch
from broker.store.times import from_ms, ms
from broker.store.transaction import Transaction

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
    """The latches, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            latch = insert(login_latch).values(row).on_conflict_do_nothing()
            if transaction.connection.execute(latch).rowcount:
                transaction.append([Record(Event.LOGIN_LATCHED, {"vcenter": vcenter, "user": user})])

        self._database.write(Reserve.NONE, work)

    def clear(self, vcenter: VcenterId, user: str) -> None:
        """Forget what was refused of this user. Writes only where there is something to forget."""
        if not any((latch.vcenter, latch.user) == (vcenter, user) for latch in self.latched()):
            return
        mine = delete(login_latch).where(login_latch.c.vcenter == vcenter, login_latch.c.user == user)
        self._database.write(Reserve.NONE, lambda transaction: transaction.connection.execute(mine))

    def latched(self) -> tuple[Latched, ...]:
        """Every log-in that is stopped, in order."""
        every = select(login_latch).order_by(login_latch.c.vcenter, login_latch.c.user, login_latch.c.at)
        rows = self._database.read(lambda c: c.execute(every).all())
        return tuple(Latched(VcenterId(r.vcenter), r.user, from_ms(r.at)) for r in rows)

    def retry(self, vcenter: VcenterId, user: str, by: str) -> int:
        """Open what is closed for this user, on record as the word of the operator `by`; how many."""

        def work(transaction: Transaction) -> int:
            mine = delete(login_latch).where(login_latch.c.vcenter == vcenter, login_latch.c.user == user)
            opened = transaction.connection.execute(mine).rowcount
            said = Record(Event.LOGIN_RETRY, {"vcenter": vcenter, "user": user, "by": by, "opened": opened})
            transaction.append([said])
            return opened

        return self._database.write(Reserve.NONE, work)

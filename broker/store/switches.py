"""Grants that an operator cut."""

from sqlalchemy import bindparam, delete, select

from broker.model.names import GrantId
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import disabled_grant
from broker.store.times import ms
from broker.store.transaction import Transaction
from broker.store.upserts import put_new

_DISABLED = Prepared(select(disabled_grant.c.at).where(disabled_grant.c.grant_id == bindparam("which")))


class GrantSwitches:
    """The switches, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def grant_disabled(self, grant: GrantId) -> bool:
        """Whether an operator cut this grant."""
        return self._database.read(lambda c: _DISABLED.run(c, {"which": grant}).fetchone()) is not None

    def disabled(self) -> tuple[GrantId, ...]:
        """Every grant that is cut, in the order of their ids."""
        every = select(disabled_grant.c.grant_id).order_by(disabled_grant.c.grant_id)
        return tuple(GrantId(g) for g in self._database.read(lambda c: c.execute(every).scalars().all()))

    def disable(self, grant: GrantId, by: str) -> None:
        """Cut a grant, on record as done by the operator `by`; the grant need not be in the policy."""

        def work(transaction: Transaction) -> None:
            now = ms(self._database.clock.now())
            put_new(transaction.connection, disabled_grant, {"grant_id": grant, "at": now})
            transaction.append([Record(Event.GRANT_DISABLED, {"grant": grant, "by": by})])

        self._database.write(Reserve.NONE, work)

    def enable(self, grant: GrantId, by: str) -> None:
        """Undo a cut, on record as done by the operator `by`."""

        def work(transaction: Transaction) -> None:
            transaction.connection.execute(delete(disabled_grant).where(disabled_grant.c.grant_id == grant))
            transaction.append([Record(Event.GRANT_ENABLED, {"grant": grant, "by": by})])

        self._database.write(Reserve.NONE, work)

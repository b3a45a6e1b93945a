"""Rows that protect nothing any more. Records are never among them."""

from datetime import timedelta

from sqlalchemy import delete

from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import idempotency, process, unanswered_login, used_assertion
from broker.store.times import ms
from broker.store.transaction import Transaction

_MARGIN = timedelta(hours=1)
"""Kept beyond their end, so that a clock which is set back revives nothing.

Longer than any wait after an unanswered log-in, and than vCenter counts failed ones.
"""
_SILENT = timedelta(days=1)


def prune(database: Database) -> int:
    """Drop what is over: used assertions, idempotency keys, unanswered log-ins, silent processes; how many.

    Raises LogUnavailable.
    """
    now = database.clock.now()
    over = ms(now - _MARGIN)
    expired = (
        delete(used_assertion).where(used_assertion.c.until < over),
        delete(idempotency).where(idempotency.c.until < over, idempotency.c.running == 0),
        delete(unanswered_login).where(unanswered_login.c.at < over),
        delete(process).where(process.c.beat < ms(now - _SILENT)),
    )

    def work(transaction: Transaction) -> int:
        return sum(transaction.connection.execute(statement).rowcount for statement in expired)

    return database.write(Reserve.NONE, work)

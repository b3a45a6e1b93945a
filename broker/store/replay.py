"""Assertions that were used: one use each, across processes and restarts."""

import hashlib
from datetime import datetime

from sqlalchemy import bindparam

from broker.model.names import AppId
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import used_assertion
from broker.store.times import ms_up
from broker.store.transaction import Transaction
from broker.store.upserts import insert_of

_CLAIM = Prepared(
    lambda dialect: (
        insert_of(dialect, used_assertion)
        .values(app=bindparam("app"), jti_hash=bindparam("jti_hash"), until=bindparam("until"))
        .on_conflict_do_nothing()
    )
)


class StoredReplayGuard:
    """The replay guard, in the store. A row stays until the assertion has expired, and a margin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first_use(self, app: AppId, jti: str, until: datetime) -> bool:
        """Claim `jti` by one insert; False when it was claimed before. Raises LogUnavailable.

        Only a hash of it is kept: its length is the sender's choice.
        """
        claim = {
            "app": app,
            "jti_hash": hashlib.sha256(jti.encode(errors="surrogatepass")).digest(),
            "until": ms_up(until),
        }

        def work(transaction: Transaction) -> bool:
            return _CLAIM.run(transaction.connection, claim).rowcount == 1

        return self._database.write(Reserve.HALF, work)

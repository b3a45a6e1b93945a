"""Every running process, what policy it decides on, and the call to read it anew."""

from sqlalchemy import Connection, delete, select

from broker.ports.operation import Acknowledgement
from broker.store.counters import Counter, bump, value_of
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.tables import process
from broker.store.times import ms
from broker.store.transaction import Transaction
from broker.store.upserts import put

LIVE_S = 15
"""A process that was not heard of for longer does not hold up a reload."""


class StoredProcesses:
    """The processes, in the store. Every method raises LogUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def generation(self) -> int:
        """The generation of the last reload asked for. Reads only."""
        return self._database.read(lambda c: value_of(c, Counter.RELOAD))

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """This process runs, and has dealt with the reloads up to that generation.

        Repeat it within LIVE_S; whoever was taken for dead and pruned is back by it.
        """
        self._database.write(Reserve.NONE, lambda t: self._upsert(t, acknowledgement))

    def leave(self, boot: str) -> None:
        """This process ends."""

        def work(transaction: Transaction) -> None:
            transaction.connection.execute(delete(process).where(process.c.boot == boot))

        self._database.write(Reserve.NONE, work)

    def ask_reload(self) -> int:
        """Ask every process to read the policy anew; gives the generation to wait for."""
        return self._database.write(Reserve.NONE, lambda t: bump(t.connection, Counter.RELOAD))

    def answers(self, generation: int) -> tuple[tuple[Acknowledgement, ...], int]:
        """The answers so far of live processes, and how many of them have yet to answer."""
        live = self._database.read(self._live)
        return tuple(a for a in live if a.generation >= generation), sum(
            a.generation < generation for a in live
        )

    def _live(self, connection: Connection) -> tuple[Acknowledgement, ...]:
        now = self._now()
        live = process.c.beat.between(now - LIVE_S * 1000, now + LIVE_S * 1000)
        rows = connection.execute(select(process).where(live).order_by(process.c.boot))
        return tuple(Acknowledgement(r.boot, r.kind, r.generation, r.revision, r.error) for r in rows.all())

    def _upsert(self, transaction: Transaction, said: Acknowledgement) -> None:
        values = {
            "boot": said.boot,
            "kind": said.kind,
            "generation": said.generation,
            "revision": said.revision,
            "error": said.error,
            "beat": self._now(),
        }
        put(transaction.connection, process, values)

    def _now(self) -> int:
        return ms(self._database.clock.now())

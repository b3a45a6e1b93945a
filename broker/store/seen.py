"""What a process knows of the log from before: the log may grow beyond it, and never be another."""

from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection, bindparam, select

from broker.errors import LogUnavailable, Trouble
from broker.store.statements import Prepared
from broker.store.tables import record
from broker.store.tree import Batch, Head
from broker.texts import counted
from broker.tlog.merkle import Frontier

_HASH = Prepared(select(record.c.hash).where(record.c.seq == bindparam("position")))
_EMPTY = Frontier()


@dataclass(frozen=True, slots=True)
class Seen:
    """A tree that this process saw in the store, and the hash of its last record; empty for none."""

    frontier: Frontier = _EMPTY
    last: bytes = b""

    @classmethod
    def of(cls, connection: Connection, head: Head) -> "Seen":
        """This head, which the store holds."""
        return cls(head.frontier, _hash_at(connection, head.frontier.size - 1))

    @classmethod
    def after(cls, batch: Batch) -> "Seen":
        """What a transaction left behind, now that it is durable."""
        return cls(batch.after, batch.appended[-1].hash)

    def check(self, connection: Connection, found: Head) -> None:
        """Whether the head that is found now is this one, grown or not. Raises LogUnavailable."""
        size = self.frontier.size
        if found.frontier == self.frontier:
            return
        if found.frontier.size < size:
            raise rolled_back(f"the log went back from {counted(size, 'record')} to {found.frontier.size}")
        if found.frontier.size == size or _hash_at(connection, size - 1) != self.last:
            raise rolled_back(f"the log is another than it was at {counted(size, 'record')}")


class Memory:
    """The newest tree that this process saw. Thread-safe: threads come with theirs in any order."""

    def __init__(self, seen: Seen) -> None:
        self._lock = Lock()
        self._newest = seen

    def newest(self) -> Seen:
        """What every head from now on must begin with, if it is read after this."""
        return self._newest

    def saw(self, seen: Seen) -> None:
        """The store held this tree."""
        with self._lock:
            if seen.frontier.size > self._newest.frontier.size:
                self._newest = seen


def rolled_back(how: str) -> LogUnavailable:
    """The error about a log that is not what was seen of it."""
    return LogUnavailable(f"{how}: look into it and restart", Trouble.LOG_ROLLED_BACK)


def _hash_at(connection: Connection, position: int) -> bytes:
    found = _HASH.run(connection, {"position": position}).fetchone()
    return bytes(found[0]) if found else b""

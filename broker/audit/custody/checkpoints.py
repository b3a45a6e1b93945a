"""The newest checkpoint as a line on a beat, for whoever carries lines off the machine."""

import json
import os
import sys
from pathlib import Path

from broker.errors import BrokerError
from broker.model.settings import CheckpointsOut
from broker.store.counters import Counter, set_to, value_of
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.times import iso, ms
from broker.store.transaction import Transaction
from broker.store.tree import Head

LATE = 2
"""Intervals without a line, after which it is late."""

_RIGHTS = 0o640


class CheckpointStayed(BrokerError):
    """The line could not be written; says why."""


class Checkpoints:
    """One line an interval, of all processes on the store: when the last left, the store knows."""

    def __init__(self, database: Database, out: CheckpointsOut) -> None:
        self._database = database
        self._out = out
        self._started = self._now()
        self._left = 0

    def step(self) -> None:
        """Write a line if one is due. Raises CheckpointStayed, LogUnavailable."""
        if not self._due():
            return
        with self._database.turn("checkpoints", within_s=0.0) as mine:
            if mine and self._due():
                self._emit(self._database.look())

    def age_s(self) -> float:
        """Seconds since the last line left, or since the start of this process where that is later."""
        return max(0, self._now() - max(self._left, self._started)) / 1000

    def late(self) -> bool:
        """Whether a line should have left by now."""
        return self.age_s() > LATE * self._out.every_s

    def _due(self) -> bool:
        """A time that is yet to come was written before the clock was set back: it counts for nothing."""
        self._left = self._database.read(lambda c: value_of(c, Counter.CHECKPOINT_LEFT))
        return not 0 <= self._now() - self._left < self._out.every_s * 1000

    def _emit(self, head: Head) -> None:
        now = self._now()
        line = {
            "time": iso(now),
            "origin": head.origin,
            "size": head.frontier.size,
            "checkpoint": head.checkpoint,
        }
        _put(json.dumps(line) + "\n", self._out.file)

        def work(transaction: Transaction) -> None:
            set_to(transaction.connection, Counter.CHECKPOINT_LEFT, now)

        self._database.write(Reserve.NONE, work)
        self._left = now

    def _now(self) -> int:
        return ms(self._database.clock.now())


def _put(line: str, file: Path | None) -> None:
    """A file is opened for each line: what rotates files needs to tell nobody."""
    try:
        if file is None:
            sys.stdout.write(line)
            sys.stdout.flush()
        else:
            _append(file, line.encode())
    except OSError as error:
        raise CheckpointStayed(
            f"no checkpoint left for {file or 'standard output'}: {error.strerror}"
        ) from None


def _append(file: Path, line: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _RIGHTS)
    try:
        if os.write(descriptor, line) < len(line):
            raise CheckpointStayed(f"a checkpoint left for {file} in part only: the disk may be full")
    finally:
        os.close(descriptor)

"""The workers as their arbiter knows them: who is there, and what each has said of itself."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

_AT_ONCE = 65_536
"""What a pipe holds on Linux."""


class Word(StrEnum):
    """What a worker tells its arbiter."""

    BUILT = "built"
    """Its rooms are built."""
    READY = "ready"
    """It can issue a ticket."""


class Wire:
    """Takes words from workers to their arbiter. Made before the workers are forked."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)

    def tell(self, word: Word) -> None:
        """Say it, in the worker."""
        with suppress(OSError):  # nobody is there to hear it: the worker finds that out by itself
            os.write(self._writing, f"{os.getpid()} {word}\n".encode())

    def heard(self) -> Iterator[tuple[int, Word]]:
        """What was said since the last call, in the arbiter: process id and word."""
        try:
            said = os.read(self._reading, _AT_ONCE)
        except BlockingIOError:
            return
        for line in said.decode().splitlines():  # whole ones: writes this short are not cut
            pid, _, word = line.partition(" ")
            yield int(pid), Word(word)


class Crew:
    """So many workers, when all are there. One thread uses it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._said: dict[int, set[Word]] = {}
        self.served = False
        """Whether any worker was ever built."""
        self.lost = 0
        """How many ended before they were built."""

    def join(self, pid: int) -> None:
        """One more was started."""
        self._said[pid] = set()

    def hear(self, pid: int, word: Word) -> None:
        """Take note of what a worker says; of one that is gone it is of no interest."""
        self._said.get(pid, set()).add(word)
        self.served = self.served or word is Word.BUILT

    def keep(self, present: Collection[int]) -> None:
        """Forget the workers that are not there any more."""
        for pid in self._said.keys() - set(present):
            if Word.BUILT not in self._said.pop(pid):
                self.lost += 1

    @property
    def workers(self) -> tuple[int, ...]:
        """Those who are there, the one that was started first in front."""
        return tuple(self._said)

    @property
    def starting(self) -> bool:
        """Whether any worker is not built yet."""
        return any(Word.BUILT not in said for said in self._said.values())

    @property
    def whole(self) -> bool:
        """Whether all are there and built."""
        return len(self._said) == self._size and not self.starting

    def ready(self, pid: int) -> bool:
        """Whether that worker was able to issue a ticket once."""
        return Word.READY in self._said.get(pid, ())


@dataclass(slots=True)
class Pause:
    """Between starts that fail: twice as long each time, up to a bound; gone after one that succeeds."""

    first_s: float = 1.0
    most_s: float = 30.0
    _next_s: float = 0.0
    _until: float = 0.0

    def begin(self, now: float) -> float:
        """A start failed; gives how many seconds the pause is."""
        seconds = self._next_s or self.first_s
        self._next_s, self._until = min(2 * seconds, self.most_s), now + seconds
        return seconds

    def end(self) -> None:
        """A start succeeded."""
        self._next_s = self._until = 0.0

    def lasts(self, now: float) -> bool:
        """Whether nothing is to be started now."""
        return now < self._until

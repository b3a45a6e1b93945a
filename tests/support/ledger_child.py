"""A process that is killed on its way through the log: `python -m tests.support.ledger_child FOLDER`.

For each death it forks a child with a store FOLDER/DEATH.db, which writes what it was told is
durable, and what it delivered, to FOLDER/DEATH.txt and then kills itself there. With `--loop` it
issues from several threads on FOLDER/loop.db until somebody kills it.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

from broker.clock import SystemClock
from broker.errors import Refused
from broker.model.names import IdempotencyKey
from broker.model.policy import Rate
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When
from tests.support.log_steps import STEPS, Step, Write, fill, striking
from tests.support.records import KEY, Book, issued, open_book


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: before or after a statement, or, without one, once it knows of its commit."""

    write: Write
    step: Step | None
    when: When

    @property
    def committed(self) -> bool:
        """Whether its write is there."""
        return self.step is None or (self.step.commits and self.when == PERSISTED)

    @property
    def intended(self) -> bool:
        """Whether the intent stands in the log."""
        return self.write is Write.OUTCOME or self.committed

    @property
    def concluded(self) -> bool:
        """Whether the outcome does."""
        return self.write is Write.OUTCOME and self.committed

    def __str__(self) -> str:
        if self.step is None:
            return f"{self.write} known"
        return f"{self.when} {self.step}"


DEATHS = (
    *(Death(step.write, step, when) for step in STEPS for when in (NOT_PERSISTED, PERSISTED)),
    *(Death(write, None, PERSISTED) for write in Write),
)

Say = Callable[[str], object]


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process went on")


def _struck(book: Book, death: Death | None, write: Write) -> AbstractContextManager[None]:
    if death is None or death.step is None or death.write is not write:
        return nullcontext()
    return striking(book.database, death.step, death.when, _die)


def _issue(book: Book, key: IdempotencyKey, say: Say, death: Death | None = None) -> None:
    with _struck(book, death, Write.INTENT):
        attempt, intent = book.begin(key)
    say(f"intended {attempt.issuance} {attempt.number}")
    if death == Death(Write.INTENT, None, PERSISTED):
        _die()
    with _struck(book, death, Write.OUTCOME):
        book.ledger.conclude(attempt, intent, issued(book.clock))
    if death == Death(Write.OUTCOME, None, PERSISTED):
        _die()
    say(f"delivered {attempt.issuance} {attempt.number}")


def _walk(folder: Path, death: Death) -> NoReturn:
    book = open_book(folder / f"{death}.db", SystemClock())
    with (folder / f"{death}.txt").open("w", buffering=1) as told:
        _issue(book, KEY, lambda line: told.write(line + "\n"), death)
    raise AssertionError(f"{death} was never reached")


def _loop(folder: Path) -> NoReturn:
    book = open_book(folder / "loop.db", SystemClock(), Rate(10**9, 60))
    told = os.open(folder / "loop.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    say = lambda line: os.write(told, f"{line}\n".encode())  # noqa: E731 - a name for one call

    def work(thread: int) -> NoReturn:
        for number in count():
            try:
                _issue(book, IdempotencyKey(f"{os.getpid()}-{thread}-{number // 4}"), say)
            except Refused:
                continue
        raise AssertionError

    for thread in range(4):
        threading.Thread(target=work, args=[thread]).start()
    threading.Event().wait()
    raise AssertionError


def main() -> None:
    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["--loop"]:
        _loop(folder)
    for write in Write:
        fill(folder / f"{write}.db", SystemClock(), write)
    for death in DEATHS:
        shutil.copy(folder / f"{death.write}.db", folder / f"{death}.db")
        child = os.fork()
        if child == 0:
            _walk(folder, death)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{death}: the child ended otherwise")


if __name__ == "__main__":
    main()

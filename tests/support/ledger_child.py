"""A process that is killed on its way through the log: `python -m tests.support.ledger_child FOLDER`.

For each death it forks a child with a store FOLDER/DEATH.db, which writes what it was told is
durable, and what it delivered, to FOLDER/DEATH.txt, and its last words, the statement that it dies
at, to FOLDER/DEATH.last. With `--loop` it issues from several threads on FOLDER/loop.db until
somebody kills it.
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
from tests.support.log_steps import Write, fill, striking
from tests.support.records import KEY, Book, issued, open_book


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: before or after a statement of a write, or once it knows of its commit."""

    write: Write
    when: When
    number: int | None

    def __str__(self) -> str:
        return f"{self.write} {'known' if self.number is None else f'{self.when} {self.number}'}"


KNOWING = tuple(Death(write, PERSISTED, None) for write in Write)
"""Deaths upon a commit that the process has heard of."""

Say = Callable[[str], object]


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process went on")


def _struck(book: Book, death: Death | None, write: Write, last: Say) -> AbstractContextManager[object]:
    if death is None or death.number is None or death.write is not write:
        return nullcontext()

    def die(statement: str) -> None:
        last(statement)
        _die()

    return striking(book.database, death.number, death.when, die)


def _issue(
    book: Book, key: IdempotencyKey, say: Say, death: Death | None = None, last: Say = lambda _: None
) -> None:
    with _struck(book, death, Write.INTENT, last):
        attempt, intent = book.begin(key)
    say(f"intended {attempt.issuance} {attempt.number}")
    if death == KNOWING[0]:
        _die()
    with _struck(book, death, Write.OUTCOME, last):
        book.ledger.conclude(attempt, intent, issued(book.clock))
    if death == KNOWING[1]:
        _die()
    say(f"delivered {attempt.issuance} {attempt.number}")


def _walk(folder: Path, death: Death) -> None:
    book = open_book(folder / f"{death}.db", SystemClock())
    with (folder / f"{death}.txt").open("w", buffering=1) as told:
        _issue(book, KEY, lambda line: told.write(line + "\n"), death, (folder / f"{death}.last").write_text)
    book.database.close()


def _dies(folder: Path, death: Death) -> bool:
    """Whether the write has a statement of that number."""
    shutil.copy(folder / f"{death.write}.db", folder / f"{death}.db")
    child = os.fork()
    if child == 0:
        _walk(folder, death)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        sys.exit(f"{death}: the child ended otherwise")
    return code != 0


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
    assert all(_dies(folder, death) for death in KNOWING)
    for write in Write:
        for when in (NOT_PERSISTED, PERSISTED):
            next(number for number in count() if not _dies(folder, Death(write, when, number)))


if __name__ == "__main__":
    main()

"""A process that is killed on its way through the log: `python -m tests.support.ledger_child FOLDER`.

For each step it forks a child with a store FOLDER/STEP.db, which writes what it was told is
durable, and what it delivered, to FOLDER/STEP.txt and then kills itself at that step. With
`--loop` it issues from several threads on FOLDER/loop.db until somebody kills it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import NoReturn

from broker.clock import SystemClock
from broker.errors import Refused
from broker.model.names import IdempotencyKey
from broker.model.policy import Rate
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, watched
from tests.support.records import KEY, Book, issued, open_book

STEPS = (
    "before_intent_commit",
    "inside_intent_commit",
    "after_intent_commit",
    "before_outcome_commit",
    "inside_outcome_commit",
    "after_outcome_commit",
)
_COMMIT_OF = {"intent": 3, "outcome": 4}
"""The undisturbed issuance before makes commits 1 and 2."""

Say = Callable[[str], object]


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process went on")


def _dying_at_commit(book: Book, number: int, when: When) -> AbstractContextManager[None]:
    commits = count(1)

    def watch(statement: str) -> None:
        if statement == "COMMIT" and next(commits) == number:
            _die()

    return watched(book.database, when, watch)


def _armed(book: Book, step: str) -> AbstractContextManager[None]:
    place, which, _ = step.split("_") if step.endswith("commit") else ("", "", "")
    if place not in {"before", "inside"}:
        return nullcontext()
    return _dying_at_commit(book, _COMMIT_OF[which], NOT_PERSISTED if place == "before" else PERSISTED)


def _issue(book: Book, key: IdempotencyKey, say: Say, step: str = "") -> None:
    attempt, intent = book.begin(key)
    say(f"intended {attempt.issuance} {attempt.number}")
    if step == "after_intent_commit":
        _die()
    book.ledger.conclude(attempt, intent, issued(book.clock))
    if step == "after_outcome_commit":
        _die()
    say(f"delivered {attempt.issuance} {attempt.number}")


def _walk(folder: Path, step: str) -> NoReturn:
    book = open_book(folder / f"{step}.db", SystemClock())
    with _armed(book, step), (folder / f"{step}.txt").open("w", buffering=1) as told:
        say = lambda line: told.write(line + "\n")  # noqa: E731 - a name for one method
        _issue(book, IdempotencyKey("undisturbed"), say)
        _issue(book, KEY, say, step)
    raise AssertionError(f"{step} was never reached")


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
    for step in STEPS:
        child = os.fork()
        if child == 0:
            _walk(folder, step)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{step}: the child ended otherwise")


if __name__ == "__main__":
    main()

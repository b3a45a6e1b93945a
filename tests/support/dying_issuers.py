"""Processes killed as they issue tickets: `python -m tests.support.dying_issuers FOLDER COUNT PLACE`.

So many children are forked, several at a time on one store. Each walks the whole
way of a request a few times, and is killed on its last one at one of the steps, which take turns.
The log and the way are real; what stands for vCenter writes to FOLDER/minted each ticket that it
makes, and what stands for the app writes to FOLDER/delivered whatever reached it.
"""

import gc
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import NoReturn

from broker.audit.fingerprint import TicketFingerprints
from broker.client.receipts import receipt_document
from broker.issue import issue
from broker.model.inventory import Host
from broker.model.issuance import IssuedTicket, Proof, VcenterTicket
from broker.model.names import AccountId
from broker.model.secret import Secret
from broker.model.stores import StoreLocation
from broker.store.engines.choice import engine_at
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, PERSISTED, When, watched
from tests.support.issuing import CALLER, World
from tests.support.places import unpacked
from tests.support.records import Book, open_book

TOGETHER = 4
"""Children that live at the same time."""
FINGERPRINTS = TicketFingerprints(Secret("5e" * 32))


class Step(StrEnum):
    """Where a process dies, in the order of the way."""

    BEFORE_INTENT_COMMIT = "before the intent's commit"
    INSIDE_INTENT_COMMIT = "the intent's commit is done, and nobody knows yet"
    INTENDED = "the intent is known to be durable"
    CALLING = "vCenter has made the ticket, and not answered"
    ANSWERED = "vCenter has answered"
    BEFORE_OUTCOME_COMMIT = "before the outcome's commit"
    INSIDE_OUTCOME_COMMIT = "the outcome's commit is done, and nobody knows yet"
    CONCLUDED = "the outcome is known to be durable"
    DELIVERING = "the ticket is out, and the rest of the answer is not"


STEPS = tuple(Step)
_COMMITS: dict[Step, tuple[int, When]] = {
    Step.BEFORE_INTENT_COMMIT: (1, NOT_PERSISTED),
    Step.INSIDE_INTENT_COMMIT: (1, PERSISTED),
    Step.BEFORE_OUTCOME_COMMIT: (2, NOT_PERSISTED),
    Step.INSIDE_OUTCOME_COMMIT: (2, PERSISTED),
}


def step_of(child: int) -> Step:
    """Where the child of this number dies."""
    return STEPS[child % len(STEPS)]


def before_it(child: int) -> int:
    """How many tickets the child of this number delivers first."""
    return child // len(STEPS) % 3


class _Lines:
    """A file that many append to. Each text begins a line, since whoever is killed may not end it."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, text: str) -> None:
        os.write(self._file, f"\n{text}".encode())


@dataclass
class _Vcenter(World):
    """Gives a new ticket for each call, and is where a process can die between two commits."""

    made: _Lines = field(kw_only=True)
    dies_at: Step | None = None

    def prove(self, account: AccountId, host: Host) -> Proof:
        self._reached(Step.INTENDED)
        return super().prove(account, host)

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        given = super().acquire(account, host, operation_id, permit)
        ticket = secrets.token_urlsafe(30)
        self.made.add(f"{host.ref.moid} {operation_id} {ticket}")
        self._reached(Step.CALLING)
        return replace(given, session_id=Secret(ticket))

    def of_ticket(self, session_id: Secret) -> tuple[str, str]:
        self._reached(Step.ANSWERED)
        return FINGERPRINTS.of_ticket(session_id)

    def _reached(self, step: Step) -> None:
        if step is self.dies_at:
            _die()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process went on")


def _dying_at_commit(book: Book, step: Step) -> AbstractContextManager[None]:
    if step not in _COMMITS:
        return nullcontext()
    number, when = _COMMITS[step]
    commits = count(1)

    def watch(statement: str) -> None:
        if statement == "COMMIT" and next(commits) == number:
            _die()

    return watched(book.database, when, watch)


def _deliver(ticket: IssuedTicket, book: Book, app: _Lines, dies_at: Step | None = None) -> None:
    if dies_at is Step.CONCLUDED:
        _die()
    answer = f'{book.reading.size()} {{"session_id": "{ticket.session_id.reveal()}"'
    if dies_at is Step.DELIVERING:
        app.add(answer)
        _die()
    receipt = json.dumps(receipt_document(ticket.receipt))
    app.add(f'{answer}, "id": "{ticket.issuance}", "receipt": {receipt}}}')


def _warm_up(folder: Path) -> None:
    """Import and compile, on a store that no child uses, what every child would otherwise by itself."""
    folder.mkdir(mode=0o700)
    book = open_book(folder / "broker.db", HandClock())
    rooms = replace(_Vcenter(made=_Lines(folder / "minted")).rooms(), ledger=book.ledger)
    _deliver(issue(book.request(), CALLER, rooms), book, _Lines(folder / "delivered"))
    book.database.close()
    gc.freeze()  # what is here now is shared with all of them


def _live(folder: Path, place: StoreLocation, child: int) -> NoReturn:
    """Issue some tickets, and die on the way of the next."""
    book = open_book(place, HandClock())
    app, vcenter = _Lines(folder / "delivered"), _Vcenter(made=_Lines(folder / "minted"))
    rooms = replace(vcenter.rooms(), ledger=book.ledger)
    for _ in range(before_it(child)):
        _deliver(issue(book.request(), CALLER, rooms), book, app)
    step = step_of(child)
    vcenter.dies_at = step
    with _dying_at_commit(book, step):
        ticket = issue(book.request(), CALLER, rooms)
    _deliver(ticket, book, app, step)
    raise AssertionError(f"never reached: {step}")


def _see_one_die() -> None:
    child, status = os.wait()
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        sys.exit(f"the child {child} ended otherwise")


def main() -> None:
    folder, children, place = Path(sys.argv[1]), int(sys.argv[2]), unpacked(sys.argv[3])
    _warm_up(folder / "warm-up")
    engine_at(place, 0)  # imports it
    for child in range(children):
        if child >= TOGETHER:
            _see_one_die()
        if os.fork() == 0:
            _live(folder, place, child)
    for _ in range(min(TOGETHER, children)):
        _see_one_die()


if __name__ == "__main__":
    main()

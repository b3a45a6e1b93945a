"""The `broker` command with faults that a test arms: `python -m tests.support.faulty_broker FOLDER serve`.

A file `die-STEP` in FOLDER: the process that comes to this step of an issuance takes the file away
and kills itself. Links `clock` and `passed`: by how many seconds its clock is wrong, and how many
seconds went by in a moment. With a file `hurry` at its start its housekeeping comes twice a second.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import local
from typing import Any

import pytest
from gunicorn.http.wsgi import Response

from broker.audit.housekeeping import Housekeeping
from broker.audit.ledger import AuditLedger
from broker.cli import main
from broker.clock import SystemClock
from broker.model.record import Event
from broker.store.database import Database
from broker.store.transaction import Transaction
from broker.store.tree import Batch
from broker.vsphere import tickets
from broker.vsphere.service import Vsphere

STEPS = (
    "before_intent",
    "inside_intent",
    "after_intent",
    "during_call",
    "after_reply",
    "inside_outcome",
    "after_outcome",
    "mid_response",
)
"""Where a process can be killed, in the order of the way. `inside`: written, and not yet committed."""

_WRITTEN_AT = {
    Event.TICKET_INTENT: "intent",
    Event.TICKET_ISSUED: "outcome",
    Event.TICKET_REFUSED: "outcome",
    Event.TICKET_FAILED: "outcome",
    Event.TICKET_UNKNOWN: "outcome",
}


def program(folder: Path) -> tuple[str, ...]:
    """What to start instead of `broker`."""
    return (sys.executable, "-m", __name__, str(folder))


def arm(folder: Path, step: str) -> None:
    """The next process that comes to this step dies there."""
    (folder / f"die-{step}").touch()


def armed(folder: Path) -> list[str]:
    """The steps that no process came to yet."""
    return [file.name.removeprefix("die-") for file in folder.glob("die-*")]


def set_clock(folder: Path, seconds: float) -> None:
    """From now on the machine's clock is wrong by so much; time goes by as it did."""
    _write(folder / "clock", seconds)


def pass_time(folder: Path, seconds: float) -> None:
    """So much more time went by."""
    _write(folder / "passed", _read(folder / "passed") + seconds)


def hurry(folder: Path) -> None:
    """Let what is mended every now and then be mended soon."""
    (folder / "hurry").touch()


def _write(link: Path, seconds: float) -> None:
    """In a link, which can be read without a file descriptor."""
    part = link.with_suffix(".part")
    part.symlink_to(str(seconds))
    part.rename(link)


def _read(link: Path) -> float:
    try:
        return float(os.readlink(link))  # noqa: PTH115 - a Path of it would cost more than the clock
    except FileNotFoundError:
        return 0.0


class _Death:
    """Looks at each step whether this process is to end there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_due(self, step: str) -> bool:
        return (self._folder / f"die-{step}").exists()

    def at(self, step: str) -> None:
        """Of several processes that come here at once, one dies."""
        try:
            (self._folder / f"die-{step}").unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _die_around_the_ledger(patch: pytest.MonkeyPatch, death: _Death) -> None:
    intend = AuditLedger.intend

    def intending(self: AuditLedger, *given: Any) -> Any:
        death.at("before_intent")
        return intend(self, *given)

    patch.setattr(AuditLedger, "intend", intending)


def _die_around_commits(patch: pytest.MonkeyPatch, death: _Death) -> None:
    begin, append, commit = Transaction.__init__, Transaction.append, Database._commit
    written: list[str] = []

    def beginning(self: Transaction, *given: Any) -> None:
        written.clear()
        begin(self, *given)

    def appending(self: Transaction, records: Any) -> range:
        written.extend(_WRITTEN_AT[r.event] for r in records if r.event in _WRITTEN_AT)
        return append(self, records)

    def committing(self: Database, transaction: Transaction, batch: Batch | None) -> None:
        of = tuple(written)
        for what in of:
            death.at(f"inside_{what}")
        commit(self, transaction, batch)
        for what in of:
            death.at(f"after_{what}")

    patch.setattr(Transaction, "__init__", beginning)
    patch.setattr(Transaction, "append", appending)
    patch.setattr(Database, "_commit", committing)


def _die_around_the_call(patch: pytest.MonkeyPatch, death: _Death) -> None:
    acquire, mint, get_response = Vsphere.acquire, tickets._acquired, HTTPConnection.getresponse
    here = local()

    def acquiring(self: Vsphere, *given: Any) -> Any:
        ticket = acquire(self, *given)
        death.at("after_reply")
        return ticket

    def minting(*given: Any) -> Any:
        here.minting = True
        try:
            return mint(*given)
        finally:
            here.minting = False

    def getting_response(self: HTTPConnection) -> HTTPResponse:
        if getattr(here, "minting", False):
            death.at("during_call")
        return get_response(self)

    patch.setattr(Vsphere, "acquire", acquiring)
    patch.setattr(tickets, "_acquired", minting)
    patch.setattr(HTTPConnection, "getresponse", getting_response)


def _die_in_the_answer(patch: pytest.MonkeyPatch, death: _Death) -> None:
    write: Callable[[Response, bytes], None] = Response.write

    def writing(self: Response, body: bytes) -> None:
        if b'"session_id"' in body and death.is_due("mid_response"):
            self.send_headers()
            self.sock.sendall(body[: len(body) // 2])
            death.at("mid_response")
        write(self, body)

    patch.setattr(Response, "write", writing)


def _misread_clocks(patch: pytest.MonkeyPatch, folder: Path) -> None:
    now, monotonic = SystemClock.now, SystemClock.monotonic

    def wrong_now(self: SystemClock) -> datetime:
        return now(self) + timedelta(seconds=_read(folder / "clock") + _read(folder / "passed"))

    patch.setattr(SystemClock, "now", wrong_now)
    patch.setattr(SystemClock, "monotonic", lambda self: monotonic(self) + _read(folder / "passed"))


def start(folder: Path) -> None:
    patch, death = pytest.MonkeyPatch(), _Death(folder)
    _die_around_the_ledger(patch, death)
    _die_around_commits(patch, death)
    _die_around_the_call(patch, death)
    _die_in_the_answer(patch, death)
    _misread_clocks(patch, folder)
    if (folder / "hurry").exists():
        patch.setattr("broker.wiring.Housekeeping", partial(Housekeeping, interval_s=0.5))
    main()


if __name__ == "__main__":
    start(Path(sys.argv.pop(1)))

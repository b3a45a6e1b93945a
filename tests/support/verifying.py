"""A log that is to be verified: with all that may stand in one, and damaged by hand."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from broker.audit.system import AuditSystemLog
from broker.errors import Reason, Refused
from broker.model.issuance import OutcomeKind
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.engines.choice import look_at
from broker.store.engines.sqlite.looking import copied_file
from broker.tlog.note import VerifierKey
from broker.verify.checking import verify
from broker.verify.crew import Crew, one_by_one
from broker.verify.evidence import Evidence
from broker.verify.stored import stored_log
from broker.verify.verdict import Verdict
from tests.support.clock import HandClock
from tests.support.issuing import CALLER
from tests.support.records import KEY, Book, issued, open_book

NOTHING = Evidence()


def fill(book: Book, clock: HandClock, issuances: int) -> None:
    """Put on record every way that an issuance may go, and then plain ones."""
    book.issue(KEY)
    book.issue(KEY)
    for kind in (OutcomeKind.REFUSED, OutcomeKind.FAILED, OutcomeKind.UNKNOWN):
        attempt, intent = book.begin()
        book.ledger.conclude(attempt, intent, replace(issued(clock), kind=kind, reason=Reason.VCENTER_FAULT))
    late, intent = book.begin()
    clock.advance(300)
    book.orphans.run()
    with pytest.raises(Refused):
        book.ledger.conclude(late, intent, issued(clock))
    book.ledger.refuse(book.request(), CALLER, Refused(Reason.RATE_LIMITED), "revision-1")
    for _ in range(issuances):
        clock.advance(1)
        book.issue()
    book.begin()
    AuditSystemLog(book.database).append([Record(Event.POLICY_REFUSED, {"kept": "r1", "error": "why"})])


def filled(place: StoreLocation, issuances: int) -> int:
    """Make such a store, closed; how many records it has."""
    clock = HandClock()
    book = open_book(place, clock)
    try:
        fill(book, clock, issuances)
        return book.reading.size()
    finally:
        book.database.close()


def damaged(path: Path, *statements: str) -> None:
    """Change the file past the broker, as somebody with access to it can."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def verdict_on(
    path: Path,
    keys: Sequence[VerifierKey] = (),
    evidence: Evidence = NOTHING,
    crew: Crew = one_by_one,
    onlooker: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """The verdict on a copy of a store's file."""
    with copied_file(path) as copy, stored_log(copy) as log:
        return verify(log, keys, evidence, crew, onlooker)


def verdict_where_it_lies(place: StoreLocation) -> Verdict:
    """The verdict on a store as it runs."""
    with stored_log(look_at(place)) as log:
        return verify(log, (), NOTHING, one_by_one, lambda _: None)


def first_of(verdict: Verdict) -> tuple[str, int | None]:
    """The first finding: its kind, and the record it is about."""
    assert not verdict.good
    finding = verdict.findings[0]
    return finding.kind.value, finding.index


def kinds_of(verdict: Verdict) -> list[tuple[str, int | None]]:
    """The first finding of each kind."""
    return [(finding.kind.value, finding.index) for finding in verdict.findings]

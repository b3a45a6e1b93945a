"""Every event can be produced, says what the catalogue says, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.audit.catalogue import CATALOGUE, FIELDS
from broker.audit.system import AuditSystemLog
from broker.errors import Limited, Reason, Refused
from broker.model.issuance import BatchEnd, DryRun, NotAttempted, Outcome, OutcomeKind
from broker.model.names import AppId, GrantId, VcenterId
from broker.model.record import Event, JsonValue, Record
from broker.store.credentials import StoredCredentials
from broker.store.latches import StoredLatches
from broker.store.switches import GrantSwitches
from tests.audit.render_events import rendered
from tests.support.catalogue import misfits
from tests.support.clock import HandClock
from tests.support.issuing import CALLER, GRANT, HOST, PROOF
from tests.support.records import KEY, Book, issued

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
WRITTEN_BY_OTHER_ROOMS = [e for e in Event if e.value[0] in "PSRL"]


def end_attempts(book: Book, clock: HandClock) -> None:
    book.issue(KEY)
    for kind in (OutcomeKind.REFUSED, OutcomeKind.FAILED, OutcomeKind.UNKNOWN):
        attempt, intent = book.begin(KEY if kind is OutcomeKind.REFUSED else None)
        outcome = replace(issued(clock), kind=kind, reason=Reason.VCENTER_FAULT, detail="why")
        book.ledger.conclude(attempt, intent, replace(outcome, warnings=("firewall_unknown",)))
        with pytest.raises(Refused):
            book.ledger.conclude(attempt, intent, outcome)
    attempt, intent = book.begin()
    book.ledger.conclude(attempt, intent, Outcome(OutcomeKind.FAILED, Reason.VCENTER_BUSY))
    book.begin()
    clock.advance(5000)
    book.orphans.run()


def turn_requests_away(book: Book) -> None:
    request = replace(book.request(), vcenter=VcenterId("prod"), grant=GRANT.id)
    book.ledger.refuse(request, CALLER, Limited(Reason.RATE_LIMITED, 3, "why"), "revision-1")
    book.ledger.refuse(book.request(), CALLER, Refused(Reason.OVER_PRIVILEGED), "revision-1", PROOF)
    dry_run = DryRun(request.issuance, HOST, GRANT.id, GRANT.template, "t-1", GRANT.account)
    book.ledger.rehearse(dry_run, CALLER, PROOF, "revision-1")
    rest = NotAttempted(request.issuance, (HOST.name,), VcenterId("prod"), GRANT.id, BatchEnd.SHUTTING_DOWN)
    book.ledger.leave(rest, CALLER)
    book.access.token_issued(CALLER.app, "private_key_jwt", ["tickets"], CALLER.origin)
    book.access.token_refused(CALLER.app, "wrong_secret", CALLER.origin)
    book.access.token_refused(None, "wrong_secret", CALLER.origin)
    book.access.token_denied(CALLER.app, Reason.INSUFFICIENT_SCOPE, CALLER.origin)
    for _ in range(9):
        try:
            book.access.access_refused(CALLER.app, Reason.INSUFFICIENT_SCOPE, "/v1/tickets", CALLER.origin)
            book.access.access_refused(
                None, Reason.UNAUTHENTICATED, "/v1/tickets", CALLER.origin, "token_missing"
            )
        except Limited:
            continue
    book.refusals.close()


def operate(book: Book) -> None:
    credentials, switches = StoredCredentials(book.database), GrantSwitches(book.database)
    credentials.add(AppId("nagios"), b"h" * 32, "alice")
    credentials.rotate(AppId("nagios"), b"i" * 32, "alice", book.clock.now())
    credentials.disable(AppId("nagios"), "alice")
    credentials.enable(AppId("nagios"), "alice")
    switches.disable(GrantId("g"), "alice")
    switches.enable(GrantId("g"), "alice")
    latches = StoredLatches(book.database)
    latches.close(VcenterId("prod"), "svc", "digest")
    latches.retry(VcenterId("prod"), "svc", "alice")


@pytest.fixture
def produced(book: Book, clock: HandClock) -> list[dict[str, Any]]:
    end_attempts(book, clock)
    turn_requests_away(book)
    operate(book)
    return list(book.reading.records())


def test_every_event_of_these_rooms_is_produced(produced: list[dict[str, Any]]) -> None:
    assert {Event(r["code"]) for r in produced} == set(Event) - set(WRITTEN_BY_OTHER_ROOMS)


def test_records_have_the_fields_of_the_catalogue_and_no_others(produced: list[dict[str, Any]]) -> None:
    assert misfits(produced) == []


@pytest.mark.parametrize("event", WRITTEN_BY_OTHER_ROOMS)
def test_other_rooms_can_write_their_events(book: Book, event: Event) -> None:
    fields: dict[str, JsonValue] = dict.fromkeys(CATALOGUE[event].fields, "x")
    AuditSystemLog(book.database).append([Record(event, fields)])
    assert (book.last()["code"], book.last()["fields"]) == (event.value, fields)


@pytest.mark.parametrize("event", [e for e in Event if e.value.startswith("T10")])
def test_nobody_but_the_ledger_writes_of_attempts(book: Book, event: Event) -> None:
    with pytest.raises(ValueError, match="ledger alone"):
        AuditSystemLog(book.database).append([Record(Event.PROCESS_STARTED, {}), Record(event, {})])
    assert book.events() == []


def test_the_catalogue_is_the_closed_list() -> None:
    assert set(CATALOGUE) == set(Event)


def test_every_field_has_a_meaning_and_every_meaning_a_field() -> None:
    used = {name for facts in CATALOGUE.values() for name in (*facts.fields, *facts.optional)}
    assert used == set(FIELDS)
    for facts in CATALOGUE.values():
        assert len({*facts.fields, *facts.optional}) == len(facts.fields) + len(facts.optional)


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()

"""Reports answer what reading every record would answer."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audit.reading import AuditReading
from broker.audit.reports import MAKERS
from broker.audit.reports.changes import CHANGES
from broker.audit.reports.rooms import ReportRooms
from broker.errors import InvalidName, Reason, Refused
from broker.model.issuance import OutcomeKind
from broker.model.names import AppId, GrantId, HostName
from broker.model.record import Event
from broker.model.reports import REPORTS, Report, ReportName, ReportQuery, check_filters
from broker.model.search import RecordFilter
from broker.model.stores import StoreLocation
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.switches import GrantSwitches
from tests.support.clock import HandClock
from tests.support.issuing import HOST
from tests.support.log_keys import LOG_KEYS
from tests.support.many_records import fill, host_name
from tests.support.records import Book, intent_of, issued

COUNT = 1500
START = HandClock().now()
Row = dict[str, Any]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place: StoreLocation = tmp_path_factory.mktemp("store") / "store.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").new_store()
    clock = HandClock()
    fill(place, COUNT, clock, hosts=5)
    database = Database.open(place, clock, LOG_KEYS)
    credentials, switches = StoredCredentials(database), GrantSwitches(database)
    credentials.add(AppId("app-1"), None, "alice")
    switches.disable(GrantId("app-1-grant-0"), "bob")
    credentials.rotate(AppId("app-1"), None, "alice", None)
    yield database
    database.close()


@pytest.fixture(scope="module")
def records(database: Database) -> list[Row]:
    return list(AuditReading(database).records())


def asked(database: Database, name: ReportName, wanted: RecordFilter, limit: int = 500) -> Report:
    """All pages of a report as one."""
    rooms, query = ReportRooms.of(database), ReportQuery(name, wanted, limit=limit)
    pages = [MAKERS[name](rooms, query)]
    while pages[-1].before is not None:
        pages.append(MAKERS[name](rooms, replace(query, before=pages[-1].before)))
    assert all(len(page.rows) == limit for page in pages[:-1])
    assert all(tuple(row) == REPORTS[name].columns for page in pages for row in page.rows)
    return Report(tuple(row for page in pages for row in page.rows), pages[0].notes)


def lives(records: list[Row], host: str) -> list[tuple[int, datetime, datetime]]:
    """Every ticket's life on the host, known or possible, with the index of the record that tells of it."""
    ended = {
        (r["fields"]["issuance"], r["fields"]["attempt"])
        for r in records
        if r["event"] in {"ticket_issued", "ticket_refused", "ticket_failed", "ticket_unknown"}
    }
    told = []
    for record in records:
        fields = record["fields"]
        if fields.get("host") != host:
            continue
        if "exposure_until" in fields:
            told.append((record["seq"], fields["exposure_from"], fields["exposure_until"]))
        elif record["event"] == "ticket_intent" and (fields["issuance"], fields["attempt"]) not in ended:
            until = datetime.fromisoformat(fields["deadline"]) + timedelta(seconds=120)
            told.append((record["seq"], record["ts"], until.isoformat()))
    return [(seq, datetime.fromisoformat(since), datetime.fromisoformat(until)) for seq, since, until in told]


times = st.none() | st.integers(-200, 9000).map(lambda s: START + timedelta(seconds=s))


@settings(deadline=None, max_examples=50)
@given(host=st.integers(0, 5).map(host_name), since=times, until=times, limit=st.sampled_from([1, 3, 500]))
def test_access_is_every_ticket_whose_life_overlaps_the_time(
    database: Database,
    records: list[Row],
    host: HostName,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> None:
    expected = [
        seq
        for seq, begins, ends in lives(records, host)
        if (since is None or ends >= since) and (until is None or begins < until)
    ]
    wanted = RecordFilter(host=host, since=since, until=until)
    found = ReportRooms.of(database).reports.exposed(wanted, None, COUNT)
    assert [each.leaf.seq for each in found] == expected[::-1]
    query = ReportQuery(ReportName.ACCESS, wanted, limit=limit)
    page = MAKERS[ReportName.ACCESS](ReportRooms.of(database), query)
    assert [row["index"] for row in page.rows] == expected[::-1][:limit]
    assert (page.before is not None) == (len(expected) > limit)


def test_access_counts_a_ticket_issued_before_the_time_whose_life_reaches_into_it(
    book: Book, clock: HandClock
) -> None:
    attempt = book.issue()
    asked_at = clock.now()
    since, until = asked_at + timedelta(seconds=119), asked_at + timedelta(hours=1)
    wanted = RecordFilter(host=HOST.name, since=since, until=until)
    (row,) = asked(book.database, ReportName.ACCESS, wanted).rows
    assert (row["issuance"], row["state"], row["attempt"]) == (attempt.issuance, "issued", 1)
    assert (row["from"], row["until"]) == ("2026-11-23T12:00:00.000Z", "2026-11-23T12:02:00.000Z")
    under = (row["template"], row["template_revision"], row["account"])
    assert under == ("cim-ticket", "template-1", "cim-a")
    later = replace(wanted, since=asked_at + timedelta(seconds=120.001))
    assert asked(book.database, ReportName.ACCESS, later).rows == ()


def test_access_counts_what_nobody_knows_the_end_of_and_what_still_runs(book: Book, clock: HandClock) -> None:
    attempt, intent = book.begin()
    wanted = RecordFilter(host=HOST.name)
    (row,) = asked(book.database, ReportName.ACCESS, wanted).rows
    assert (row["state"], row["from"], row["until"]) == (
        "open",
        "2026-11-23T12:00:00.000Z",
        "2026-11-23T12:03:00.000Z",
    )
    clock.advance(5000)
    book.orphans.run()
    with pytest.raises(Refused, match="late_result"):
        book.ledger.conclude(attempt, intent, issued(clock))
    states = [row["state"] for row in asked(book.database, ReportName.ACCESS, wanted).rows]
    assert states == ["late", "unknown"]


def test_access_tells_the_other_names_of_the_host(book: Book) -> None:
    book.issue()
    renamed = HostName("esx01-new.example.com")
    request = book.request()
    book.ledger.intend(replace(intent_of(request), host_name=renamed), request)
    for name, other in ((HOST.name, renamed), (renamed, HOST.name)):
        notes = asked(book.database, ReportName.ACCESS, RecordFilter(host=name)).notes
        assert isinstance(told := notes["other_names"], list)
        assert [(name["host"], name["moid"]) for name in told] == [(other, HOST.ref.moid)]


def test_issuances_are_those_of_the_app_with_the_revisions_of_their_templates(
    database: Database, records: list[Row]
) -> None:
    report = asked(database, ReportName.ISSUANCES, RecordFilter(app="app-3"), limit=50)
    begun = [
        r
        for r in records
        if r["fields"].get("app") == "app-3" and r["event"] in {"ticket_intent", "request_refused"}
    ]
    assert [row["index"] for row in report.rows] == [r["seq"] for r in begun[::-1]]
    assert {row["template_revision"] for row in report.rows} == {f"{3:064x}", None}
    first = next(r for r in begun if r["event"] == "ticket_intent")
    assert report.notes["template_revisions"] == [
        {"template": "template-3", "revision": f"{3:064x}", "first_index": first["seq"], "first": first["ts"]}
    ]


def test_issuances_may_be_of_a_time(database: Database) -> None:
    since, until = START + timedelta(hours=1), START + timedelta(hours=2)
    report = asked(database, ReportName.ISSUANCES, RecordFilter(app="app-3", since=since, until=until))
    assert report.rows
    assert all(since <= datetime.fromisoformat(str(row["at"])) < until for row in report.rows)


def test_refusals_count_each_by_reason_and_app_and_those_that_were_only_counted(
    database: Database, records: list[Row]
) -> None:
    expected: Counter[tuple[str, str | None]] = Counter()
    for record in records:
        fields = record["fields"]
        if record["event"] == "refusals_aggregated":
            expected.update({(reason, fields["app"]): n for reason, n in fields["reasons"].items()})
        elif "reason" in fields and record["event"] != "ticket_late_result":
            expected[fields["reason"], fields.get("app")] += 1
    rows = asked(database, ReportName.REFUSALS, RecordFilter()).rows
    assert {(row["reason"], row["app"]): row["count"] for row in rows} == expected
    assert sum(int(str(row["only_counted"])) for row in rows) == sum(
        r["fields"]["count"] for r in records if r["event"] == "refusals_aggregated"
    )
    counts = [int(str(row["count"])) for row in rows]
    assert counts == sorted(counts, reverse=True)


def test_refusals_may_be_of_an_app_a_reason_and_a_time(database: Database, records: list[Row]) -> None:
    last = [r for r in records if r["fields"].get("reason") == "not_granted"][-1]
    app, since = last["fields"]["app"], START + timedelta(minutes=10)
    wanted = RecordFilter(app=app, reason="not_granted", since=since)
    told = [r for r in records if r["fields"].get("app") == app and datetime.fromisoformat(r["ts"]) >= since]
    singly = [r for r in told if r["fields"].get("reason") == "not_granted"]
    counted = [r["fields"]["reasons"]["not_granted"] for r in told if r["event"] == "refusals_aggregated"]
    (row,) = asked(database, ReportName.REFUSALS, wanted).rows
    assert (row["count"], row["only_counted"]) == (len(singly) + sum(counted), sum(counted))


def test_an_unknown_outcome_is_told_with_what_came_later(book: Book, clock: HandClock) -> None:
    attempt, intent = book.begin()
    clock.advance(5000)
    book.orphans.run()
    failed = replace(issued(clock), kind=OutcomeKind.FAILED, reason=Reason.VCENTER_FAULT)
    with pytest.raises(Refused, match="late_result"):
        book.ledger.conclude(attempt, intent, failed)
    (row,) = asked(book.database, ReportName.UNKNOWN, RecordFilter()).rows
    assert (row["reason"], row["issuance"]) == ("recovered_orphan", attempt.issuance)
    assert row["late"] == "failed, vcenter_fault (index 2)"


def test_unknown_outcomes_are_all_of_them(database: Database, records: list[Row]) -> None:
    unknown = [r["seq"] for r in records if r["event"] == "ticket_unknown"]
    rows = asked(database, ReportName.UNKNOWN, RecordFilter(), limit=2).rows
    assert [row["index"] for row in rows] == unknown[::-1]
    late = [r for r in records if r["event"] == "ticket_late_result"]
    assert len([row for row in rows if row["late"]]) == len(late) > 0


def test_changes_tell_who_changed_what(database: Database, records: list[Row]) -> None:
    made = [r for r in records if r["event"] in {"app_added", "app_rotated", "grant_disabled"}]
    rows = asked(database, ReportName.CHANGES, RecordFilter(), limit=2).rows
    assert [row["index"] for row in rows] == [r["seq"] for r in made[::-1]]
    assert (rows[0]["event"], rows[0]["by"], rows[0]["at"]) == ("app_rotated", "alice", made[-1]["ts"])
    assert rows[0]["what"] == {"app": "app-1", "generation": 2, "new_secret": False}
    alices = asked(database, ReportName.CHANGES, RecordFilter(actor="alice", app="app-1")).rows
    assert [row["event"] for row in alices][:2] == ["app_rotated", "app_added"]


def test_changes_are_those_of_roles_policies_switches_keys_and_epochs_and_no_readings() -> None:
    of_the_log = {event.name for event in CHANGES if event.value[0] == "L"}
    assert of_the_log == {
        "LOG_BEGAN",
        "LOG_KEY_ADDED",
        "LOG_KEY_RETIRED",
        "EPOCH_OPENED",
        "HIGH_WATER_STARTED",
    }
    assert {event.value[0] for event in CHANGES} == set("CPRL")


def test_changes_of_events_that_are_none_are_none(database: Database) -> None:
    wanted = RecordFilter(events=frozenset({Event.TICKET_ISSUED}))
    assert asked(database, ReportName.CHANGES, wanted).rows == ()


@pytest.mark.parametrize(
    ("name", "given", "wrong"),
    [
        (ReportName.ACCESS, {"since"}, "host"),
        (ReportName.ISSUANCES, set(), "app"),
        (ReportName.REFUSALS, {"host"}, "host"),
        (ReportName.UNKNOWN, {"actor"}, "actor"),
    ],
)
def test_a_report_is_refused_without_what_it_is_about_and_with_what_it_does_not_take(
    name: ReportName, given: set[str], wrong: str
) -> None:
    with pytest.raises(InvalidName) as refused:
        check_filters(name, frozenset(given))
    assert refused.value.kind == wrong

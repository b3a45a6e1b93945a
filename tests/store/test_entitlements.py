"""Who may have what, read at each decision: what anybody writes holds at the next look of everybody."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.errors import LogUnavailable
from broker.model.names import AppId, VcenterId
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.ports.access import AppCredential
from broker.ports.administration import Mark
from broker.store.applied import StoredGrants
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.entitlements import StoredEntitlements
from broker.store.heard import StoredHeard
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.switches import GrantSwitches
from tests.support.clock import HandClock
from tests.support.commit_faults import PERSISTED, watched
from tests.support.issuing import APPLIED, drift
from tests.support.log_keys import LOG_KEYS

APP, GRANT = AppId("nagios"), APPLIED.grant
OLD, NEW = b"o" * 32, b"n" * 32
SAID = Record(Event.GRANT_DRIFTED, {})


@pytest.fixture
def other(place: StoreLocation, clock: HandClock, database: Database) -> Iterator[Database]:
    """The store as another process has it open: the controller, an operator's command."""
    other = Database.open(place, clock, LOG_KEYS)
    StoredCredentials(other).add(APP, OLD, "alice")
    yield other
    other.close()


def test_of_what_nobody_wrote_there_is_nothing(database: Database) -> None:
    now = StoredEntitlements(database).now()
    assert (now.credential(APP), now.grant_disabled(GRANT), now.applied(GRANT)) == (None, False, None)


CHANGES: dict[str, tuple[Callable[[Database], object], Callable[[StoredEntitlements], object], object]] = {
    "app disabled": (
        lambda d: StoredCredentials(d).disable(APP, "alice"),
        lambda e: e.now().credential(APP),
        AppCredential(APP, True, 2, (OLD,)),  # noqa: FBT003
    ),
    "tokens revoked": (
        lambda d: StoredCredentials(d).rotate(APP, None, "alice"),
        lambda e: e.now().credential(APP),
        AppCredential(APP, False, 2, (OLD,)),  # noqa: FBT003
    ),
    "secret changed": (
        lambda d: StoredCredentials(d).rotate(APP, NEW, "alice"),
        lambda e: e.now().credential(APP),
        AppCredential(APP, False, 2, (NEW,)),  # noqa: FBT003
    ),
    "app added": (
        lambda d: StoredCredentials(d).add(AppId("icinga"), None, "alice"),
        lambda e: e.now().credential(AppId("icinga")),
        AppCredential(AppId("icinga"), False, 1, ()),  # noqa: FBT003
    ),
    "grant disabled": (
        lambda d: GrantSwitches(d).disable(GRANT, "alice"),
        lambda e: e.now().grant_disabled(GRANT),
        True,
    ),
    "grant applied": (
        lambda d: StoredGrants(d).put(APPLIED),
        lambda e: e.now().applied(GRANT),
        APPLIED,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_another_process_holds_at_the_next_look(
    database: Database, other: Database, change: str
) -> None:
    write, look, expected = CHANGES[change]
    entitlements = StoredEntitlements(database)
    assert look(entitlements) != expected
    write(other)
    assert look(entitlements) == expected


def test_a_drift_and_its_end_hold_at_the_next_look(database: Database, other: Database) -> None:
    grants, entitlements = StoredGrants(other), StoredEntitlements(database)
    grants.put(APPLIED)
    assert entitlements.now().applied(GRANT) == APPLIED
    grants.mark([Mark(APPLIED, drift(), SAID)])
    assert entitlements.now().applied(GRANT) == replace(APPLIED, drift=drift())
    grants.remove(GRANT, SAID)
    assert entitlements.now().applied(GRANT) is None


def test_an_undone_cut_holds_at_the_next_look(database: Database, other: Database) -> None:
    switches, entitlements = GrantSwitches(other), StoredEntitlements(database)
    switches.disable(GRANT, "alice")
    assert entitlements.now().grant_disabled(GRANT)
    switches.enable(GRANT, "alice")
    assert not entitlements.now().grant_disabled(GRANT)


def test_what_was_looked_up_does_not_change_under_a_decision(database: Database, other: Database) -> None:
    before = StoredEntitlements(database).now()
    GrantSwitches(other).disable(GRANT, "alice")
    assert not before.grant_disabled(GRANT)


def test_an_old_secret_ends_with_its_overlap_though_nobody_writes(
    database: Database, other: Database, clock: HandClock
) -> None:
    until = clock.now() + timedelta(minutes=5)
    StoredCredentials(other).rotate(APP, NEW, "alice", until)
    entitlements = StoredEntitlements(database)
    overlapping = entitlements.now().credential(APP)
    assert overlapping is not None
    assert set(overlapping.secret_hashes) == {OLD, NEW}
    clock.advance(300)
    assert entitlements.now().credential(APP) == AppCredential(APP, False, 2, (NEW,))  # noqa: FBT003


def test_records_of_tickets_make_nobody_read_anew(database: Database, other: Database) -> None:
    entitlements = StoredEntitlements(database)
    first = entitlements.now()
    StoredLog(other).append([SAID], Reserve.NONE)
    assert entitlements.now().kept is first.kept


def test_a_store_that_is_gone_entitles_nobody(database: Database) -> None:
    entitlements = StoredEntitlements(database)
    entitlements.now()
    database.close()
    with pytest.raises(LogUnavailable):
        entitlements.now()


def test_the_writer_is_not_needed_to_look(database: Database) -> None:
    seen: list[str] = []
    with watched(database, PERSISTED, seen.append):
        StoredEntitlements(database).now()
    assert seen == []


def test_what_the_controller_heard_holds_some_seconds_later(
    database: Database, other: Database, clock: HandClock
) -> None:
    prod, times = VcenterId("prod"), StoredHeard(other)
    in_force = StoredEntitlements(database).now()
    assert in_force.heard(prod) is None
    first = clock.now()
    times.hear(prod, first)
    assert in_force.heard(prod) is None
    clock.advance(5)
    assert in_force.heard(prod) == first
    times.hear(prod, clock.now())
    clock.advance(5)
    assert in_force.heard(prod) == first + timedelta(seconds=5)
    assert in_force.heard(VcenterId("test")) is None

"""What the watch hears between rounds, and whom it names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.controller.changes import Changes
from broker.controller.watch import Watch
from broker.model.applied import AppliedGrant
from broker.model.names import GrantId, Moid, VcenterId
from broker.ports.listening import AccessEvent, News
from broker.store.database import Database
from broker.store.heard import StoredHeard
from tests.controller.conftest import Controller
from tests.support.administration import CONFIG, READER, grant, policy
from tests.support.deadline import eventually

CLUSTER = "/DC1/host/cluster"
ENTITY = Moid("domain-c-DC1")
WANTED = policy(grant("g1", CLUSTER))
PROD = VcenterId("prod")
AT = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = News((), changed=False, missed=False)


@pytest.fixture
def watch(controller: Controller) -> Iterator[Watch]:
    """A watch that has looked once, and has heard all that there was."""
    controller.apply(WANTED)
    watch = controller.watch()
    watch.round(WANTED)
    watch.due.clear()
    yield watch
    watch.close()


def about_role(controller: Controller, user: str, *, after_s: float = 1) -> AccessEvent:
    at = controller.clock.now() + timedelta(seconds=after_s)
    return AccessEvent(at, user, controller.prod.role("cim-broker-cim-ticket").id, None, "")


def about_permission(controller: Controller, user: str) -> AccessEvent:
    return AccessEvent(controller.clock.now(), user, None, ENTITY, "cim-reader@vsphere.local")


def hear(controller: Controller, watch: Watch, *events: AccessEvent) -> None:
    controller.prod.tell(News(events, changed=True, missed=False))
    assert watch.due.wait(10)
    watch.due.clear()
    watch.round(WANTED)


def applied(controller: Controller) -> AppliedGrant:
    found = controller.store.applied(GrantId("g1"))
    assert found is not None
    return found


def widen(controller: Controller) -> None:
    role = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.roles[role.id] = replace(role, privileges=role.privileges | {CONFIG})


def found_by(controller: Controller) -> tuple[str, ...]:
    drift = applied(controller).drift
    assert drift is not None
    return drift.changed_by


def test_what_is_heard_makes_a_round_due_and_names_who_did_it(controller: Controller, watch: Watch) -> None:
    widen(controller)
    hear(controller, watch, about_role(controller, "CORP\\bob"))
    assert found_by(controller) == ("CORP\\bob",)
    assert "(changed by CORP\\bob)" in applied(controller).finding
    assert controller.log.fields()[-1]["changed_by"] == ["CORP\\bob"]


def test_a_permission_is_named_by_its_user_however_that_is_written(
    controller: Controller, watch: Watch
) -> None:
    controller.prod.permissions[ENTITY] = []
    hear(controller, watch, about_permission(controller, "CORP\\bob"))
    assert READER == "VSPHERE.LOCAL\\cim-reader"
    assert found_by(controller) == ("CORP\\bob",)


def test_everybody_who_changed_it_since_the_apply_is_named_in_order_and_once(
    controller: Controller, watch: Watch
) -> None:
    widen(controller)
    users = ["CORP\\bob", "", "CORP\\alice", "CORP\\bob"]
    events = [about_role(controller, user, after_s=n + 1) for n, user in enumerate(users)]
    hear(controller, watch, about_role(controller, "CORP\\eve", after_s=-1), *events)
    assert found_by(controller) == ("CORP\\bob, CORP\\alice",)


def test_who_did_it_stays_known_when_the_event_is_forgotten(controller: Controller, watch: Watch) -> None:
    widen(controller)
    hear(controller, watch, about_role(controller, "CORP\\bob"))
    before = len(controller.log.events())
    again = controller.watch()
    again.round(WANTED)
    again.close()
    assert found_by(controller) == ("CORP\\bob",)
    assert len(controller.log.events()) == before


def test_a_change_that_no_event_told_of_is_found_on_schedule_and_names_nobody(
    controller: Controller, watch: Watch
) -> None:
    widen(controller)
    watch.round(WANTED)
    assert found_by(controller) == ()
    assert "changed by" not in applied(controller).finding


def test_listening_goes_on_after_it_broke(controller: Controller, watch: Watch) -> None:
    controller.prod.tell(ValueError("an answer that cannot be read"))
    widen(controller)
    hear(controller, watch, about_role(controller, "CORP\\bob"))
    assert found_by(controller) == ("CORP\\bob",)


def heard_at(database: Database) -> object:
    return StoredHeard(database).heard(PROD)


def test_a_round_says_until_when_the_vcenter_is_known_and_silence_confirms_it(
    controller: Controller, watch: Watch, database: Database
) -> None:
    first = controller.clock.now()
    assert heard_at(database) == first
    controller.clock.advance(29)
    controller.prod.tell(QUIET)
    controller.clock.advance(1)
    controller.prod.tell(QUIET)
    assert eventually(lambda: heard_at(database) == first + timedelta(seconds=30))


def test_silence_confirms_nothing_that_was_not_looked_at_since(
    controller: Controller, watch: Watch, database: Database
) -> None:
    first = controller.clock.now()
    controller.clock.advance(60)
    controller.prod.tell(News((), changed=True, missed=True))
    assert watch.due.wait(10)
    watch.due.clear()
    controller.prod.tell(QUIET)
    controller.prod.tell(News((about_role(controller, "last"),), changed=True, missed=False))
    assert watch.due.wait(10)
    assert heard_at(database) == first


def test_an_event_that_is_told_twice_is_remembered_once() -> None:
    changes = Changes()
    event = AccessEvent(AT, "CORP\\bob", 7, None, "")
    changes.note([event, event])
    changes.note([event] * 100 + [replace(event, user="CORP\\alice")])
    assert changes.of_role(7, AT) == "CORP\\bob, CORP\\alice"


def test_a_flood_of_events_about_others_pushes_the_oldest_out_and_takes_no_more_room() -> None:
    changes = Changes()
    event = AccessEvent(AT, "CORP\\bob", 0, None, "")
    changes.note([replace(event, role_id=number) for number in range(5001)])
    assert changes.of_role(0, AT) == ""
    assert changes.of_role(5000, AT) == "CORP\\bob"

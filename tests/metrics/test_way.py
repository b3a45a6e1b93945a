"""What is measured and said of a ticket request, whichever way it ends."""

from contextlib import suppress
from dataclasses import replace

import pytest

from broker.errors import Limited, MintUnknown, Reason, Refused
from broker.issue import issue, rehearse
from broker.metrics.way import watched
from broker.model.issuance import Caller, TicketRequest
from broker.model.names import VcenterId
from broker.ports.metering import Ended, Stop, Stops, WayEnd
from tests.support.issuing import CALLER, REQUEST, World, refused

ON_THE_WAY = list(Stop)[1:]


class Watcher:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.ends: list[WayEnd] = []
        self.stops: list[dict[Stop, float]] = []
        self.ages: list[tuple[str, float]] = []

    def ended(self, end: WayEnd, stops: Stops) -> None:
        self.ends.append(end)
        self.stops.append(dict(stops))

    def proved(self, vcenter: VcenterId, age_s: float) -> None:
        self.ages.append((vcenter, age_s))


def went(world: World, request: TicketRequest = REQUEST, caller: Caller = CALLER) -> Watcher:
    watcher = Watcher()
    rooms = watched(world.rooms(), watcher)
    go = rehearse if request.dry_run else issue
    with suppress(Refused):
        go(request, caller, rooms)
    return watcher


def end_of(watcher: Watcher) -> tuple[str, str | None, str | None, Reason | None]:
    (end,) = watcher.ends
    return end.ended, end.template, end.vcenter, end.reason


def test_a_ticket_is_counted_once_under_its_template_and_vcenter() -> None:
    watcher = went(World())
    assert end_of(watcher) == (Ended.ISSUED, "cim-ticket", "prod", None)
    assert watcher.ages == [("prod", 1.0)]


def test_every_stop_of_the_way_is_timed_and_the_stops_are_the_whole() -> None:
    world = World(call_takes_s=2.5)
    world.after_intent = lambda: world.clock.advance(0.5)
    watcher = went(world)
    (stops,) = watcher.stops
    assert list(stops) == ON_THE_WAY
    assert (stops[Stop.INTENT], stops[Stop.TICKET]) == (0.5, 2.5)
    assert sum(stops.values()) == 3.0


@pytest.mark.parametrize(
    ("world", "expected", "last"),
    [
        (World(caller_limit=Limited(Reason.RATE_LIMITED, 1)), Reason.RATE_LIMITED, Stop.CALLER_LIMIT),
        (World(sightings=()), Reason.HOST_UNKNOWN, Stop.FIND_HOST),
        (World(grants_applied={}), Reason.OUT_OF_SCOPE, Stop.FIND_HOST),
        (World(facts_now=refused(Reason.VCENTER_TIMEOUT)), Reason.VCENTER_TIMEOUT, Stop.READINESS),
        (World(grant_limit=Limited(Reason.RATE_LIMITED, 1)), Reason.RATE_LIMITED, Stop.GRANT_LIMIT),
    ],
)
def test_a_refusal_before_the_intent_has_no_template_yet(world: World, expected: Reason, last: Stop) -> None:
    watcher = went(world)
    assert end_of(watcher) == (Ended.REFUSED, None, None, expected)
    assert list(watcher.stops[0]) == [*ON_THE_WAY[: ON_THE_WAY.index(last) + 1], Stop.OUTCOME]


@pytest.mark.parametrize(
    ("world", "ended", "reason"),
    [
        (World(proof=refused(Reason.UNPROVEN)), Ended.REFUSED, Reason.UNPROVEN),
        (World(ticket=refused(Reason.VCENTER_FAULT)), Ended.FAILED, Reason.VCENTER_FAULT),
        (World(ticket=MintUnknown(Reason.VCENTER_TIMEOUT)), Ended.UNKNOWN, Reason.VCENTER_TIMEOUT),
        (World(ticket=RuntimeError("a defect")), Ended.FAILED, Reason.INTERNAL_ERROR),
        (World(log_fails_at="conclude"), Ended.FAILED, Reason.LOG_UNAVAILABLE),
        (World(log_fails_at="intend"), Ended.REFUSED, Reason.LOG_UNAVAILABLE),
    ],
)
def test_an_attempt_is_counted_as_it_ended(world: World, ended: Ended, reason: Reason) -> None:
    assert end_of(went(world)) == (ended, "cim-ticket", "prod", reason)


def test_a_refusal_that_is_only_summed_up_is_counted_under_its_own_reason() -> None:
    class Spent(World):
        def refuse(self, *_: object, **__: object) -> None:
            raise Limited(Reason.TOO_MANY_REFUSALS, 10)

    assert end_of(went(Spent(sightings=()))) == (Ended.REFUSED, None, None, Reason.HOST_UNKNOWN)


def test_a_refusal_that_the_log_does_not_take_is_one_for_that_reason() -> None:
    watcher = went(World(sightings=(), log_fails_at="refuse"))
    assert end_of(watcher) == (Ended.REFUSED, None, None, Reason.LOG_UNAVAILABLE)


@pytest.mark.parametrize(("named", "counted"), [("prod", "prod"), ("canary", None)])
def test_a_vcenter_that_the_caller_names_is_a_label_only_where_there_is_one(
    named: str, counted: str | None
) -> None:
    watcher = went(World(sightings=()), replace(REQUEST, vcenter=VcenterId(named)))
    assert end_of(watcher)[2] == counted


def test_a_rehearsal_is_counted_as_one() -> None:
    watcher = went(World(), replace(REQUEST, dry_run=True))
    assert end_of(watcher) == (Ended.REHEARSED, "cim-ticket", "prod", None)
    assert Stop.INTENT not in watcher.stops[0]


def test_a_rehearsal_that_the_log_does_not_take_is_refused() -> None:
    watcher = went(World(log_fails_at="rehearse"), replace(REQUEST, dry_run=True))
    assert Reason.LOG_UNAVAILABLE in {end.reason for end in watcher.ends}


def test_a_way_that_ended_nowhere_leaves_nothing_to_the_next() -> None:
    world, watcher = World(), Watcher()
    rooms = watched(world.rooms(), watcher)
    rooms.limits.charge_caller(CALLER.app)
    world.clock.advance(100)
    issue(REQUEST, CALLER, rooms)
    assert sum(watcher.stops[0].values()) == 0.0


def test_what_is_asked_of_a_room_beside_the_way_is_no_stop() -> None:
    world, watcher = World(), Watcher()
    rooms = watched(world.rooms(), watcher)
    issue(REQUEST, CALLER, rooms)
    world.clock.advance(100)
    rooms.prover.prove(world.sightings[0].account, world.sightings[0].host)
    issue(REQUEST, CALLER, rooms)
    assert [sum(stops.values()) for stops in watcher.stops] == [0.0, 0.0]

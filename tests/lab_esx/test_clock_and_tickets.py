"""Time that can be moved, and the tickets that age by it."""

from datetime import UTC, datetime, timedelta

from broker.lab.clock import LabClock
from broker.lab.tickets import CimTickets, Minted


def test_the_clock_moves_on_by_what_it_is_told_and_runs_on() -> None:
    clock = LabClock()
    before, tick = clock.now(), clock.monotonic()
    clock.advance(3600)
    assert timedelta(hours=1) <= clock.now() - before < timedelta(hours=1, minutes=1)
    assert 3600 <= clock.monotonic() - tick < 3660
    assert abs(clock.machine() - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_clock_can_be_set() -> None:
    clock, when = LabClock(), datetime(2031, 1, 1, tzinfo=UTC)
    clock.set(when)
    assert timedelta(0) <= clock.now() - when < timedelta(minutes=1)


def test_a_ticket_is_long_opaque_and_never_the_same() -> None:
    tickets = CimTickets(LabClock())
    issued = {tickets.issue("host-1") for _ in range(50)}
    assert len(issued) == 50
    assert all(len(each) > 16 and ":" not in each for each in issued)


def test_a_ticket_lives_two_minutes_for_one_host() -> None:
    clock = LabClock()
    tickets = CimTickets(clock)
    first = tickets.issue("host-1")
    clock.advance(60)
    second = tickets.issue("host-1")
    assert tickets.is_live("host-1", first)
    assert tickets.is_live("host-1", second)
    assert not tickets.is_live("host-2", first)
    assert not tickets.is_live("host-1", first + "x")
    assert not tickets.is_live("host-1", "\udcff")
    clock.advance(61)
    assert not tickets.is_live("host-1", first)
    assert tickets.is_live("host-1", second)


def test_minted_tickets_are_counted_per_host_and_in_all() -> None:
    tickets = CimTickets(LabClock())
    for host in ("host-1", "host-1", "host-2"):
        tickets.issue(host)
    assert (tickets.minted(), tickets.minted("host-1"), tickets.minted("host-3")) == (3, 2, 0)


def test_who_watches_is_told_of_a_ticket_before_anybody_has_it() -> None:
    tickets = CimTickets(LabClock())
    told: list[Minted] = []
    tickets.when_minted(told.append)
    text = tickets.issue("host-1", "operation-1")
    assert told == [Minted("host-1", "operation-1", text)]
    assert text not in repr(told)

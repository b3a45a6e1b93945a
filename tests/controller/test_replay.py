"""What a plan would have made of the requests on record."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broker.audit.reading import AuditReading
from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.controller.planning.plan import Asked
from broker.controller.replay.asked import CODES, on_record
from broker.controller.replay.decided import After, Replay, applied_after, replayed
from broker.model.inventory import Connection, Host, HostRef
from broker.model.names import AppId, HostName, Moid, VcenterId
from broker.model.policy import Policy, Scope
from broker.model.record import Event
from broker.model.tree import Kind
from tests.controller.conftest import Controller
from tests.support.administration import UUID, grant, policy
from tests.support.clock import HandClock
from tests.support.policy_files import PolicyFiles
from tests.support.records import open_book

CLUSTER, OTHER = "/DC1/host/cluster", "/DC2/host/cluster"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def said(event: Event, **fields: Any) -> dict[str, Any]:
    return {"code": event.value, "ts": "2026-05-01T00:00:00.000Z", "fields": {"app": "nagios", **fields}}


def issuance(host: str, grant: str) -> dict[str, Any]:
    return said(Event.TICKET_ISSUED, host=host, vcenter="prod", grant=grant)


def refusal(host: str, reason: str, **fields: Any) -> dict[str, Any]:
    return said(Event.REQUEST_REFUSED, host=host, reason=reason, **fields)


def hosts_of(controller: Controller, version: str = "8.0.3") -> tuple[Host, ...]:
    """Called as their vCenter calls them, with the datacenter before: names repeat there."""
    tree = controller.prod.tree
    return tuple(
        Host(
            ref=HostRef(VcenterId("prod"), UUID, node.moid),
            name=HostName(node.moid.lower()),
            addresses=(),
            ancestors=tree.lineage(node.moid)[1:],
            connection=Connection.CONNECTED,
            version=version,
            lockdown=None,
        )
        for node in controller.prod.nodes.values()
        if node.kind is Kind.HOST
    )


def replay(
    controller: Controller,
    wanted: Policy,
    *records: dict[str, Any],
    disabled: tuple[str, ...] = (),
    version: str = "8.0.3",
) -> Replay:
    plan = controller.plan(wanted, Asked())
    after = After(
        policy=wanted,
        applied=applied_after(plan, controller.store.all(), NOW),
        hosts={VcenterId("prod"): hosts_of(controller, version)},
        disabled=lambda grant: grant in disabled,
        now=NOW,
    )
    return replayed(on_record(records), NOW - timedelta(days=30), after)


def turned(told: Replay) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    refused = [(each.host, each.reason) for each in told.would_be_refused]
    return refused, [(each.host, each.reason) for each in told.would_be_issued]


def test_what_stays_as_it_was_is_not_told(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    told = replay(controller, wanted, issuance("host-dc1-1", "g1"), refusal("host-dc2-1", "host_unknown"))
    assert (turned(told), told.asked) == (([], []), 2)


def test_a_scope_that_moves_turns_issuances_into_refusals_and_the_other_way_round(
    controller: Controller,
) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    wanted = policy(replace(grant("g1", OTHER), digest="other"))
    records = [issuance("host-dc1-1", "g1")] * 3 + [refusal("host-dc2-1", "out_of_scope")]
    told = replay(controller, wanted, *records)
    assert turned(told) == ([("host-dc1-1", "host_unknown")], [("host-dc2-1", "out_of_scope")])
    assert told.would_be_refused[0].count == 3


def test_a_conflict_in_the_plan_refuses_what_was_issued(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    controller.apply(wanted)
    held = controller.prod.permissions[Moid("domain-c-DC1")]
    controller.prod.permissions[Moid("domain-c-DC1")] = [replace(held[0], role_id=7)]
    assert turned(replay(controller, wanted, issuance("host-dc1-1", "g1")))[0] == [
        ("host-dc1-1", "host_unknown")
    ]


def test_an_issuance_under_a_grant_that_goes_may_find_another(controller: Controller) -> None:
    controller.apply(policy(grant("g1", CLUSTER)))
    told = replay(controller, policy(grant("g2", CLUSTER)), issuance("host-dc1-1", "g1"))
    assert turned(told) == ([], [])


@pytest.mark.parametrize(
    ("grants", "disabled", "version", "reason"),
    [
        ([replace(grant("g1", CLUSTER), valid_until=NOW - timedelta(days=1))], (), "8.0.3", "grant_expired"),
        ([grant("g1", CLUSTER)], ("g1",), "8.0.3", "grant_disabled"),
        ([grant("g1", CLUSTER)], (), "9.0.0", "host_version_unsupported"),
        ([], (), "8.0.3", "grant_unknown"),
    ],
)
def test_an_issuance_would_be_refused_for_the_reason_that_a_request_would_meet(
    controller: Controller, grants: list[Any], disabled: tuple[str, ...], version: str, reason: str
) -> None:
    told = replay(
        controller, policy(*grants), issuance("host-dc1-1", "g1"), disabled=disabled, version=version
    )
    assert turned(told)[0] == [("host-dc1-1", reason)]


def test_an_app_that_may_ask_for_nothing_is_refused(controller: Controller) -> None:
    wanted = policy(grant("g1", CLUSTER))
    app = replace(wanted.apps[AppId("nagios")], scopes=frozenset({Scope.AUDIT_READ}))
    told = replay(controller, replace(wanted, apps={app.id: app}), issuance("host-dc1-1", "g1"))
    assert turned(told)[0] == [("host-dc1-1", "unauthenticated")]


@pytest.mark.parametrize("reason", ["rate_limited", "vcenter_timeout", "cim_service_stopped", "unproven"])
def test_what_no_policy_decides_is_left_out_and_counted(controller: Controller, reason: str) -> None:
    told = replay(controller, policy(grant("g1", CLUSTER)), refusal("host-dc1-1", reason))
    assert (turned(told), told.asked, told.left_out) == (([], []), 0, 1)


def test_the_log_is_read_from_the_time_on_that_is_asked_for(tmp_path: Path) -> None:
    clock = HandClock()
    book = open_book(tmp_path / "book.db", clock)
    times = []
    for _ in range(5):
        book.issue()
        times.append(clock.now())
        clock.advance(3600)
    reading = AuditReading(book.database)
    for left, when in enumerate(reversed(times), 1):
        assert len(list(reading.since(when, CODES))) == left
    assert list(reading.since(clock.now(), CODES)) == []
    book.database.close()


def test_the_command_tells_what_turns(files: PolicyFiles) -> None:
    book = open_book(files.folder / "broker.db", SystemClock())
    book.issue()
    book.database.close()
    line = ["roles", "plan", "--replay", "30d", "--config", str(files.folder / "controller.yaml")]
    seen = CliRunner().invoke(main, line, prog_name="broker")
    assert seen.exit_code == Exit.DONE, seen.stderr
    assert "1 request decided anew, 0 left out" in seen.stdout
    assert "issued then, refused now" in seen.stdout
    told = json.loads(CliRunner().invoke(main, [*line, "--format", "json"], prog_name="broker").stdout)
    assert len(told["replay"]["would_be_refused"]) == 1


@pytest.mark.parametrize("span", ["30", "d", "0d", "-1d", "1w", "30d ", "99999d"])
def test_a_span_is_days_or_hours(files: PolicyFiles, span: str) -> None:
    line = ["roles", "plan", "--replay", span, "--config", str(files.folder / "controller.yaml")]
    assert CliRunner().invoke(main, line, prog_name="broker").exit_code == Exit.USAGE

"""A dry run: the whole decision, the proof included, on record."""

from dataclasses import replace

import pytest

from broker.errors import Reason, Refused
from broker.issue import issue, rehearse
from tests.support.issuing import CALLER, CIM, GRANT, PROOF, REQUEST, World, refused

TOO_MUCH = replace(PROOF, host_privileges=frozenset({CIM, "Host.Config.Power"}))


def test_a_dry_run_decides_with_the_proof_records_and_takes_nothing() -> None:
    world = World()
    dry_run = rehearse(replace(REQUEST, dry_run=True), CALLER, world.rooms())
    assert (dry_run.grant, dry_run.template_revision) == (GRANT.id, "template-1")
    assert world.trail == ["charge_caller", "facts", "charge_grant", "prove", "rehearse"]


def test_a_dry_run_is_refused_as_the_request_would_be() -> None:
    world = World(proof=TOO_MUCH)
    with pytest.raises(Refused) as caught:
        rehearse(replace(REQUEST, dry_run=True), CALLER, world.rooms())
    assert caught.value.reason is Reason.OVER_PRIVILEGED
    assert [r.reason for r in world.refusals] == [Reason.OVER_PRIVILEGED]


def test_what_a_proof_refuses_is_on_record_with_the_proof() -> None:
    world = World(proof=TOO_MUCH)
    with pytest.raises(Refused):
        issue(REQUEST, CALLER, world.rooms())
    with pytest.raises(Refused):
        rehearse(replace(REQUEST, dry_run=True), CALLER, world.rooms())
    assert [outcome.proof for outcome in world.outcomes] == [TOO_MUCH]
    assert world.refused_for == [TOO_MUCH]


def test_what_is_refused_without_a_proof_is_on_record_without_one() -> None:
    world = World(proof=refused(Reason.UNPROVEN))
    with pytest.raises(Refused):
        rehearse(replace(REQUEST, dry_run=True), CALLER, world.rooms())
    assert world.refused_for == [None]

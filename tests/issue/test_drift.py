"""What the controller found, or did not look for, on the way of a request."""

from dataclasses import replace

import pytest

from broker.errors import Reason, Refused
from broker.issue import issue
from broker.model.applied import DriftKind
from broker.model.issuance import OutcomeKind
from broker.model.names import VcenterId
from broker.model.policy import DriftMode
from tests.support.issuing import APPLIED, CALLER, GRANT, POLICY, REQUEST, World, drift


def refusal_of(world: World) -> Reason:
    with pytest.raises(Refused) as caught:
        issue(REQUEST, CALLER, world.rooms())
    return caught.value.reason


@pytest.mark.parametrize(
    ("kind", "reason"), [(DriftKind.WIDENED, Reason.DRIFTED), (DriftKind.NARROWED, Reason.NARROWED)]
)
def test_a_drift_drops_the_proofs_from_before_it(kind: DriftKind, reason: Reason) -> None:
    world = World(grants_applied={GRANT.id: replace(APPLIED, drift=drift(kind))})
    assert refusal_of(world) is reason
    assert "drop" in world.trail


def test_a_strict_grant_gives_no_ticket_while_nobody_watches() -> None:
    strict = replace(GRANT, drift=DriftMode.STRICT)
    world = World(policy=replace(POLICY, grants={strict.id: strict}))
    assert refusal_of(world) is Reason.CONTROLLER_SILENT
    world.heard_at[VcenterId("prod")] = world.clock.now()
    issue(REQUEST, CALLER, world.rooms())
    assert [outcome.kind for outcome in world.outcomes] == [OutcomeKind.ISSUED]

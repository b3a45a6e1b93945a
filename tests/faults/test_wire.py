"""The network to vCenter breaks: tickets go on when it is whole again, and none is off the record."""

import pytest

from tests.faults.conftest import CALL_TIMEOUT_S, MINT, Scene
from tests.support.stack import until

UNAVAILABLE = ("ticket_unknown", "vcenter_unavailable")
TIMED_OUT = ("ticket_unknown", "vcenter_timeout")


def test_a_slow_vcenter_is_waited_for(scene: Scene) -> None:
    for method in ("*", MINT):
        scene.stack.lab.control.set_latency(method, CALL_TIMEOUT_S / 4)
    assert scene.witness.ask().status == 200


def test_a_slow_network_is_waited_for(scene: Scene) -> None:
    scene.wire.delay(CALL_TIMEOUT_S / 10)
    assert scene.witness.ask().status == 200


def test_a_ticket_that_is_made_after_our_patience_ended_is_unknown_and_never_asked_for_again(
    scene: Scene,
) -> None:
    before, minted = scene.witness.log_size(), len(scene.witness.minted)
    scene.stack.lab.control.set_latency(MINT, CALL_TIMEOUT_S + 1)
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (504, "vcenter_timeout")
    assert scene.ends(before) == [TIMED_OUT]
    until(lambda: len(scene.witness.minted) > minted, "the ticket that nobody waits for")
    assert len(scene.witness.minted) == minted + 1


def test_connections_reset_while_idle_are_made_anew_unnoticed(scene: Scene) -> None:
    scene.wire.reset()
    assert scene.witness.ask().status == 200


@pytest.mark.parametrize("after_bytes", [0, 100], ids=["before it begins", "in its middle"])
def test_a_ticket_whose_answer_is_cut_is_unknown_and_exposed(scene: Scene, after_bytes: int) -> None:
    before, minted = scene.witness.log_size(), len(scene.witness.minted)
    scene.witness.at_next_mint(lambda: scene.wire.cut_answers(after_bytes))
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (503, "vcenter_unavailable")
    assert scene.ends(before) == [UNAVAILABLE]
    assert len(scene.witness.minted) == minted + 1, "asked once"
    assert scene.witness.ask().status == 200


def test_a_ticket_whose_answer_is_swallowed_is_unknown_when_patience_ends(scene: Scene) -> None:
    before = scene.witness.log_size()
    scene.witness.at_next_mint(scene.wire.swallow)
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (504, "vcenter_timeout")
    assert scene.ends(before) == [TIMED_OUT]


def test_without_a_network_nothing_is_asked_for(scene: Scene) -> None:
    before, minted = scene.witness.log_size(), len(scene.witness.minted)
    scene.wire.refuse()
    heard = scene.witness.ask()
    assert (heard.status, heard.code) == (503, "vcenter_unavailable")
    assert {event for event, _ in scene.ends(before)} <= {"ticket_failed"}, "nothing is unknown"
    assert len(scene.witness.minted) == minted

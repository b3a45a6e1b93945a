"""An app goes away while it is served: what was asked of vCenter for it is on record all the same."""

from tests.faults.conftest import Scene
from tests.support.stack import until


def test_a_ticket_whose_app_is_gone_when_it_is_made_has_its_outcome_on_record(scene: Scene) -> None:
    before, heard = scene.witness.log_size(), len(scene.witness.heard)
    scene.witness.leave_at_the_mint()
    until(lambda: bool(scene.ends(before)), "the outcome")
    assert scene.ends(before) == [("ticket_issued", "")]
    assert len(scene.witness.heard) == heard

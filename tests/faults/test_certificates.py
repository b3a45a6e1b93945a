"""vCenter shows another certificate: trusted where the same authority vouches for it, else not spoken to."""

from tests.faults.conftest import Scene
from tests.support.stack import until


def test_a_certificate_renewed_by_the_same_authority_is_trusted(scene: Scene) -> None:
    scene.stack.lab.control.renew_vcenter_certificate()
    scene.wire.reset()
    assert scene.witness.ask().status == 200


def test_a_certificate_of_another_authority_is_not_until_its_anchor_lies_in_the_file(scene: Scene) -> None:
    control, before = scene.stack.lab.control, scene.witness.log_size()
    next_ca_file = control.exchange_authority()
    heard_by_vcenter = control.calls()
    scene.wire.reset()
    assert {scene.witness.ask().code for _ in range(3)} == {"vcenter_unavailable"}
    assert control.calls() == heard_by_vcenter, "not a word was said to it"
    details = [r["fields"]["detail"] for r in scene.stack.records()[before:] if "detail" in r["fields"]]
    assert all("certificate" in detail for detail in details)
    scene.stack.lab.ca_file.write_bytes(next_ca_file.read_bytes())
    until(scene.witness.gets_a_ticket, "a ticket")

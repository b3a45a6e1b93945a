"""The templates that are shipped: as they were promised, with reasons, and without a fault of their own."""

from datetime import date
from pathlib import Path

import pytest

from broker.lint.findings import Material
from broker.lint.run import lint
from broker.model.names import TemplateId, VcenterId
from broker.model.policy import Policy, Template, TemplateKind, TicketKind
from broker.policy.controller_needs import MANAGING, controller_needs
from broker.policy.load import load_policy, load_with_places
from broker.policy.schema import TEMPLATE_SCHEMA
from broker.privileges.catalogue import CIM_INTERACTION, SYSTEM_MANAGEMENT, shipped

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "roles").glob("*.yaml"))
CIM_ACCESS = "cim_access: decided by ESXi, assume full"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(ROOT / "config")


def template(policy: Policy, name: str) -> Template:
    return policy.templates[TemplateId(name)]


def test_these_are_shipped(policy: Policy) -> None:
    assert set(policy.templates) == {
        "broker-controller",
        "cim-ticket",
        "cim-ticket-write",
        "encryption-auditor",
        "hardware-health-reader",
        "host-load-reader",
        "network-policy-reader",
        "port-mirror-auditor",
    }


def test_they_pass_our_own_lint_and_the_one_override_covers_writing_by_cim() -> None:
    policy, written = load_with_places(ROOT / "config")
    findings = lint(Material(policy, shipped(), date(2026, 12, 1)), written)
    assert [(each.subject.id, each.rule.name) for each in findings] == [("cim-ticket-write", "cim-write")]
    assert findings[0].override is not None


def test_each_privilege_has_its_reason_and_source(policy: Policy) -> None:
    for each in policy.templates.values():
        assert each.reasons.keys() == each.sources.keys(), each.id
        assert each.privileges <= each.reasons.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_first_line_names_the_schema_that_lies_beside_it(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={TEMPLATE_SCHEMA}"
    assert (file.parent / TEMPLATE_SCHEMA).is_file()


def test_only_the_two_for_cim_take_tickets_and_say_who_decides_on_access(policy: Policy) -> None:
    taking = {each.id for each in policy.templates.values() if TicketKind.CIM in each.ticket_kinds}
    assert taking == {"cim-ticket", "cim-ticket-write"}
    for name in taking:
        assert CIM_ACCESS in template(policy, name).description


def test_the_one_that_writes_is_disabled(policy: Policy) -> None:
    assert template(policy, "cim-ticket").privileges == {CIM_INTERACTION}
    assert template(policy, "cim-ticket-write").privileges == {CIM_INTERACTION, SYSTEM_MANAGEMENT}
    assert [each.id for each in policy.templates.values() if not each.enabled] == ["cim-ticket-write"]


@pytest.mark.parametrize(
    "name",
    [
        "hardware-health-reader",
        "host-load-reader",
        "network-policy-reader",
        "port-mirror-auditor",
        "encryption-auditor",
    ],
)
def test_those_that_read_hold_nothing_beside_what_every_role_holds(policy: Policy, name: str) -> None:
    reader = template(policy, name)
    assert reader.privileges == frozenset()
    assert reader.reasons.keys() <= {"System.Read", "System.View"}


def test_the_controllers_is_for_it_alone_and_the_rest_is_computed(policy: Policy) -> None:
    controller = template(policy, "broker-controller")
    assert controller.kind is TemplateKind.CONTROLLER
    assert controller.privileges == MANAGING
    (root, *_) = controller_needs(policy, VcenterId("prod"))
    assert root.privileges <= MANAGING | {CIM_INTERACTION}

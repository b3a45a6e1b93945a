"""A template decides whether anything may be issued under the grants that name it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.errors import Reason, Refused
from broker.model.names import GrantId, TemplateId
from broker.model.policy import Policy, TemplateKind
from broker.policy.decide import standing_grants, usable_grants
from tests.support.clock import HandClock
from tests.support.issuing import GRANT, POLICY, REQUEST

NOW = HandClock().now()
NONE: frozenset[GrantId] = frozenset()


def usable(policy: Policy, disabled: frozenset[GrantId] = NONE) -> list[str]:
    return [g.id for g in usable_grants(policy, GRANT.app, REQUEST, disabled.__contains__, NOW)]


def refusal(caught: pytest.ExceptionInfo[Refused]) -> tuple[Reason, str]:
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enabled": False}, Reason.TEMPLATE_DISABLED),
        ({"kind": TemplateKind.CONTROLLER}, Reason.TEMPLATE_DISABLED),
        ({"ticket_kinds": frozenset()}, Reason.TICKET_KIND_REFUSED),
        ({"max_days": (GRANT.valid_until - NOW).days - 1}, Reason.GRANT_TOO_LONG),
    ],
    ids=["disabled", "the controller's", "without tickets of CIM", "for shorter grants"],
)
def test_a_template_that_does_not_let_the_grant_issue_refuses(change: dict[str, Any], reason: Reason) -> None:
    template = replace(POLICY.templates[GRANT.template], **change)
    policy = replace(POLICY, templates={template.id: template})
    with pytest.raises(Refused) as caught:
        usable(policy)
    assert refusal(caught) == (reason, "nagios-dc1")
    assert standing_grants(policy, [GRANT], NONE.__contains__, NOW) == ()


def test_a_grant_that_ends_as_late_as_its_template_lets_it_is_usable() -> None:
    days = timedelta(days=30)
    template = replace(POLICY.templates[GRANT.template], max_days=30)
    policy = replace(POLICY, templates={template.id: template})
    assert usable(replace(policy, grants={GRANT.id: replace(GRANT, valid_until=NOW + days)}))


def test_of_several_objections_the_one_nearest_to_a_ticket_is_told() -> None:
    template = replace(POLICY.templates[GRANT.template], id=TemplateId("off"), enabled=False)
    expired = replace(GRANT, id=GrantId("nagios-dc0"), valid_until=NOW)
    off = replace(GRANT, id=GrantId("nagios-dc2"), template=template.id)
    policy = replace(
        POLICY,
        grants={each.id: each for each in (expired, GRANT, off)},
        templates={**POLICY.templates, template.id: template},
    )
    with pytest.raises(Refused) as caught:
        usable(policy, disabled=frozenset({GRANT.id}))
    assert refusal(caught) == (Reason.TEMPLATE_DISABLED, "nagios-dc2")

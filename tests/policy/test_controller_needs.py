"""What the controller's account needs follows from the templates and scopes in use, and from nothing else."""

from dataclasses import replace

from broker.model.names import GrantId, TemplateId, VcenterId
from broker.model.policy import Grant, Policy
from broker.policy.controller_needs import ROOT, Need, controller_needs, needed_at
from tests.support.issuing import CIM, GRANT, POLICY
from tests.support.templates import template

ROLES, PERMISSIONS = "Authorization.ModifyRoles", "Authorization.ModifyPermissions"
PROD = VcenterId("prod")
READER = template("reader", {"Global.Health"})


def with_grants(*grants: Grant) -> Policy:
    templates = {**POLICY.templates, READER.id: READER}
    return replace(POLICY, templates=templates, grants={grant.id: grant for grant in grants})


def needs(*grants: Grant) -> tuple[Need, ...]:
    return controller_needs(with_grants(*grants), PROD)


def test_a_scope_takes_its_roles_privileges_and_permissions_on_what_it_lies_in() -> None:
    assert needs(GRANT) == (
        Need(ROOT, frozenset({ROLES, CIM}), propagate=False),
        Need("/DC1", frozenset({PERMISSIONS}), propagate=False),
        Need("/DC1/host/cluster-01", frozenset({PERMISSIONS, CIM}), propagate=True),
    )


def test_a_datacenter_takes_permissions_on_the_root_folder() -> None:
    assert needs(replace(GRANT, scope=("/DC1",))) == (
        Need(ROOT, frozenset({ROLES, PERMISSIONS, CIM}), propagate=False),
        Need("/DC1", frozenset({PERMISSIONS, CIM}), propagate=True),
    )


def test_scopes_of_several_templates_take_the_privileges_of_each_on_its_own() -> None:
    other = replace(GRANT, id=GrantId("reads"), template=READER.id, scope=("/DC1/host/rack/esx01",))
    root, _, cluster, rack, host = needs(GRANT, other)
    assert root.privileges == {ROLES, CIM, "Global.Health"}
    assert (cluster, rack, host) == (
        Need("/DC1/host/cluster-01", frozenset({PERMISSIONS, CIM}), propagate=True),
        Need("/DC1/host/rack", frozenset({PERMISSIONS}), propagate=False),
        Need("/DC1/host/rack/esx01", frozenset({PERMISSIONS, "Global.Health"}), propagate=True),
    )


def test_what_propagates_from_above_is_no_surplus_below() -> None:
    other = replace(GRANT, id=GrantId("all"), template=READER.id, scope=("/DC1",))
    found = needs(GRANT, other)
    assert needed_at(found, "/DC1/host/cluster-01") == {PERMISSIONS, CIM, "Global.Health"}
    assert needed_at(found, "/DC10/host/cluster-01") == frozenset()


def test_what_is_not_in_use_needs_nothing() -> None:
    assert needs() == (Need(ROOT, frozenset({ROLES}), propagate=False),)
    disabled = replace(POLICY.templates[TemplateId("cim-ticket")], enabled=False)
    policy = replace(POLICY, templates={disabled.id: disabled})
    assert controller_needs(policy, PROD) == needs()
    assert controller_needs(POLICY, VcenterId("test")) == needs()

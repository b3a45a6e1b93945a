"""Adopting what vCenter holds, and restoring what the policy says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.plan import ProblemKind
from broker.controller.resolving.adopt import Adoption, adopt
from broker.controller.resolving.look import drifted, look_now
from broker.controller.resolving.restore import restore
from broker.controller.rooms import kept_open
from broker.errors import BrokerError, Reason, Refused
from broker.model.applied import AppliedGrant, Standing
from broker.model.names import GrantId, Moid, TemplateId
from broker.model.policy import Policy
from broker.model.record import Event
from broker.model.survey import Permission, Role
from broker.model.tree import Kind
from broker.policy.places import Places
from broker.policy.problems import Problems
from broker.policy.written import read_policy
from broker.ports.listening import AccessEvent
from tests.controller.conftest import Controller
from tests.support import drifts
from tests.support.administration import CIM, CONFIG, READER, FakeVcenter, failing, grant, policy
from tests.support.templates import template

CLUSTER = "/DC1/host/cluster"
ALONE = "/DC2/host/rack%2f7/esx09/esx09"
G1, G2 = GrantId("g1"), GrantId("g2")
UNWRITTEN = Places(read_policy(Path("nowhere"), Problems()))
WANTED = policy(grant("g1", CLUSTER), grant("g2", ALONE))


def look(controller: Controller, wanted: Policy = WANTED) -> tuple[GrantId, ...]:
    """What a look finds drifted."""
    with kept_open(controller.rooms) as rooms:
        return tuple(applied.grant for applied in look_now(wanted, rooms).drifted)


def restored(controller: Controller, *grants: GrantId, wanted: Policy = WANTED) -> ApplyReport:
    chosen = grants or drifted(wanted, controller.store.all())
    with kept_open(controller.rooms) as rooms:
        return restore(wanted, rooms, chosen, "alice", lambda _: None)


def adopted(controller: Controller, *grants: GrantId, wanted: Policy = WANTED) -> tuple[Adoption, ...]:
    with kept_open(controller.rooms) as rooms:
        return adopt(wanted, UNWRITTEN, rooms, grants, "alice")


def applied(controller: Controller, name: GrantId = G1) -> AppliedGrant:
    found = controller.store.applied(name)
    assert found is not None
    return found


def test_a_look_names_who_did_it_and_marks_as_the_controller_does(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.widen_role(controller.prod)
    role = controller.prod.role("cim-broker-cim-ticket")
    controller.prod.events.append(AccessEvent(controller.clock.now(), "CORP\\bob", role.id, None, ""))
    assert look(controller) == (G1, G2)
    assert "changed by CORP\\bob" in applied(controller).finding
    assert controller.heard.heard(WANTED.accounts[WANTED.grants[G1].account].vcenter) is not None
    assert controller.prod.logins == controller.prod.logouts


def test_a_vcenter_that_cannot_be_looked_at_is_named(controller: Controller) -> None:
    controller.apply(WANTED)
    controller.prod.fail = failing("survey", "", Refused(Reason.VCENTER_UNAVAILABLE))
    with kept_open(controller.rooms) as rooms:
        looked = look_now(WANTED, rooms)
    assert dict(looked.unasked) == {"prod": "vcenter_unavailable"}
    assert [each.grant for each in looked.grants] == [G1, G2]


PUT_BACK = [
    drifts.rename_role,
    drifts.delete_role,
    drifts.widen_role,
    drifts.narrow_role,
    drifts.take_permission,
    drifts.other_role,
    drifts.less_role,
    drifts.same_role,
    drifts.other_reach,
]


@pytest.mark.parametrize("change", PUT_BACK, ids=lambda change: change.__name__)
def test_what_somebody_changed_is_put_back(
    controller: Controller, change: Callable[[FakeVcenter], None]
) -> None:
    controller.apply(WANTED)
    change(controller.prod)
    assert G1 in look(controller)
    assert restored(controller).problems == ()
    role = controller.prod.role("cim-broker-cim-ticket")
    assert role.privileges == {CIM}
    held = [p for p in controller.prod.permissions[Moid("domain-c-DC1")] if not p.group]
    assert held == [Permission(READER, group=False, role_id=role.id, propagate=True)]
    assert all(each.standing is Standing.HOLDS for each in controller.store.all())
    assert look(controller) == ()


def test_a_restore_is_on_record_with_who_asked_for_it(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.rename_role(controller.prod)
    drifts.take_permission(controller.prod)
    look(controller)
    before = len(controller.log.events())
    restored(controller, G1)
    events, fields = controller.log.events()[before:], controller.log.fields()[before:]
    assert events[:2] == [Event.CHANGE_BEGAN, Event.ROLE_RENAMED]
    assert {Event.PERMISSION_SET, Event.GRANT_APPLIED} <= set(events)
    assert {each["by"] for each in fields} == {"alice"}
    assert fields[0]["was_called"] == "mine now"


def test_a_role_that_is_renamed_back_gets_no_privilege_that_was_just_taken_from_it(
    controller: Controller,
) -> None:
    controller.apply(WANTED)
    drifts.widen_role(controller.prod)
    drifts.rename_role(controller.prod)
    look(controller)
    narrowed = replace(controller.prod.role("mine now"), privileges=frozenset({CIM}))

    def meddle(call: str, _subject: str) -> BrokerError | None:
        if call == "after survey":
            controller.prod.roles[narrowed.id] = narrowed
        return None

    controller.prod.fail = meddle
    before = len(controller.prod.writes)
    (problem,) = restored(controller).problems
    assert "is not as it was seen just now" in problem.text
    assert len(controller.prod.writes) == before
    controller.prod.fail = lambda _call, _subject: None
    assert restored(controller).problems == ()
    assert look(controller) == ()


def test_a_restore_leaves_all_other_grants_alone(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.take_permission(controller.prod)
    controller.prod.permissions[Moid("domain-s-DC2")] = []
    assert look(controller) == (G1, G2)
    assert restored(controller, G1).problems == ()
    assert controller.prod.permissions[Moid("domain-s-DC2")] == []
    assert look(controller) == (G2,)


def test_a_restore_applies_nothing_else_that_the_policy_says_by_now(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.take_permission(controller.prod)
    look(controller)
    changed = policy(grant("g1", CLUSTER), grant("g3", "/DC2/host/cluster"))
    assert restored(controller, wanted=changed).problems == ()
    assert {each.grant for each in controller.store.all()} == {G1, G2}


@pytest.mark.parametrize("change", [drifts.move_path, drifts.lose_path, drifts.swap_clusters])
def test_a_path_that_leads_elsewhere_is_not_followed_by_a_restore(
    controller: Controller, change: Callable[[FakeVcenter], None]
) -> None:
    controller.apply(WANTED)
    change(controller.prod)
    look(controller)
    before = len(controller.prod.writes)
    (problem,) = restored(controller).problems
    assert problem.kind in (ProblemKind.MOVED, ProblemKind.UNRESOLVED)
    assert applied(controller).standing is Standing.DRIFTED
    assert len(controller.prod.writes) == before


def test_a_role_of_our_name_that_is_not_ours_stays_and_is_named(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.delete_role(controller.prod)
    controller.prod.roles[8] = Role(8, "cim-broker-cim-ticket", False, frozenset({CONFIG}))  # noqa: FBT003
    look(controller)
    kinds = {problem.kind for problem in restored(controller).problems}
    assert kinds == {ProblemKind.CONFLICT}
    assert controller.prod.roles[8].privileges == {CONFIG}


def test_a_permission_below_that_is_not_ours_stays_and_is_named(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.more_below(controller.prod)
    assert look(controller) == (G1,)
    (problem,) = restored(controller).problems
    assert (problem.kind, problem.subject) == (ProblemKind.CONFLICT, "g1")
    assert "/DC1/host/cluster/esx01" in problem.text
    assert len(controller.prod.permissions[Moid("host-DC1-1")]) == 1
    assert applied(controller).standing is Standing.DRIFTED


def recreate(vcenter: FakeVcenter) -> None:
    """Somebody deletes role and permission, and makes both anew just as they were."""
    drifts.delete_role(vcenter)
    vcenter.roles[8] = Role(8, "cim-broker-cim-ticket", False, frozenset({CIM}))  # noqa: FBT003
    for entity in ("domain-c-DC1", "domain-s-DC2"):
        vcenter.permissions[Moid(entity)] = [Permission(READER, group=False, role_id=8, propagate=True)]


def test_what_is_as_the_policy_wants_is_adopted_on_record_and_becomes_ours(controller: Controller) -> None:
    controller.apply(WANTED)
    recreate(controller.prod)
    assert look(controller) == (G1, G2)
    before = len(controller.prod.writes)
    assert adopted(controller, G1, G2) == (Adoption(G1, ()), Adoption(G2, ()))
    assert len(controller.prod.writes) == before
    assert controller.log.events()[-2:] == [Event.GRANT_ADOPTED] * 2
    last = controller.log.fields()[-1]
    assert (last["by"], last["role_id"]) == ("alice", 8)
    assert "is gone" in last["finding"]
    assert look(controller) == ()
    assert controller.plan(WANTED).empty


def test_grants_below_one_another_are_adopted_together(controller: Controller) -> None:
    nested = policy(grant("g1", CLUSTER), grant("g2", f"{CLUSTER}/esx01"))
    controller.apply(nested)
    recreate(controller.prod)
    below = Permission(READER, group=False, role_id=8, propagate=False)
    controller.prod.permissions[Moid("host-DC1-1")] = [below]
    assert look(controller, nested) == (G1, G2)
    assert adopted(controller, G1, G2, wanted=nested) == (Adoption(G1, ()), Adoption(G2, ()))
    assert look(controller, nested) == ()


def granted_on(kind: Kind) -> Policy:
    """What is wanted, by a template that may be granted on objects of this type alone."""
    narrowed = {
        name: replace(each, entity_types=frozenset({kind})) for name, each in WANTED.templates.items()
    }
    return replace(WANTED, templates=narrowed)


def test_a_stand_alone_host_is_adopted_as_it_is_applied_by_the_type_that_takes_its_permission(
    controller: Controller,
) -> None:
    controller.apply(WANTED)
    recreate(controller.prod)
    (refused,) = adopted(controller, G2, wanted=granted_on(Kind.HOST))
    assert (
        f"{ALONE} is a ComputeResource, which template cim-ticket may not be granted on" in refused.unlike[0]
    )
    assert adopted(controller, G2, wanted=granted_on(Kind.COMPUTE_RESOURCE)) == (Adoption(G2, ()),)


def test_a_path_that_leads_elsewhere_is_adopted_where_all_that_is_wanted_stands_there(
    controller: Controller,
) -> None:
    controller.apply(WANTED)
    drifts.move_path(controller.prod)
    held = controller.prod.permissions[Moid("domain-c-DC1")]
    assert adopted(controller, G1)[0].unlike
    controller.prod.permissions[Moid("domain-c77")] = list(held)
    assert adopted(controller, G1) == (Adoption(G1, ()),)
    assert [entry.moid for entry in applied(controller).scope] == ["domain-c77"]


def test_a_widened_role_is_adopted_once_the_template_says_so(controller: Controller) -> None:
    controller.apply(WANTED)
    drifts.widen_role(controller.prod)
    look(controller)
    (refused,) = adopted(controller, G1)
    (why,) = refused.unlike
    assert why.startswith(f"template cim-ticket: role cim-broker-cim-ticket holds {CONFIG}: add it to")
    assert applied(controller).standing is Standing.DRIFTED
    wider = template("cim-ticket", {CIM, CONFIG}, "template-2")
    changed = replace(
        WANTED,
        templates={**WANTED.templates, TemplateId("cim-ticket"): wider},
        grants={name: replace(each, digest="new") for name, each in WANTED.grants.items()},
    )
    assert adopted(controller, G1, wanted=changed) == (Adoption(G1, ()),)
    assert applied(controller).digest == "new"
    assert applied(controller).standing is Standing.HOLDS


NOT_WANTED: list[tuple[Callable[[FakeVcenter], None], str]] = [
    (drifts.rename_role, "the role is called mine now, and the policy calls it cim-broker-cim-ticket"),
    (drifts.narrow_role, f"role cim-broker-cim-ticket lacks {CIM}: take it out of `privileges`"),
    (drifts.lose_path, "names nothing that this vCenter shows: name what is meant in `scope`"),
    (drifts.take_permission, "has no permission there"),
    (drifts.other_role, "the role is called storage"),
    (drifts.other_reach, "has another reach than it should"),
    (drifts.delete_role, "has no permission there"),
    (drifts.more_below, "has role 7 (storage) there, and that decides for some hosts"),
    (drifts.less_below, "has role 8 (nothing) there, and that decides for some hosts"),
]


@pytest.mark.parametrize(("change", "why"), NOT_WANTED, ids=[change.__name__ for change, _ in NOT_WANTED])
def test_what_the_policy_wants_otherwise_is_not_adopted_and_says_why(
    controller: Controller, change: Callable[[FakeVcenter], None], why: str
) -> None:
    controller.apply(WANTED)
    change(controller.prod)
    look(controller)
    before = (controller.store.all(), len(controller.log.events()))
    (refused,) = adopted(controller, G1)
    assert any(why in text for text in refused.unlike)
    assert (controller.store.all(), len(controller.log.events())) == before

"""Whatever stands in vCenter, an apply makes the grants true or names what stands in the way.

On the lab's own permission model, with roles, groups, NoAccess and permissions that somebody else
set, over what an earlier apply left, and with the process killed before every single call.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.controller.apply import apply_policy
from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Plan, ProblemKind
from broker.controller.rooms import ControllerRooms
from broker.lab.authorization.catalogue import Role
from broker.lab.authorization.permissions import Permission as Held
from broker.lab.authorization.refusals import Refusal
from broker.model.names import AccountId, Moid, TemplateId, VcenterId
from broker.model.policy import Grant, Policy
from broker.model.tree import Tree
from broker.ports.administration import Administration
from broker.store.applied import StoredGrants
from broker.store.database import Database
from tests.support.administration import CIM, CONFIG, RememberingLog, grant, policy
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS
from tests.support.modelled_vcenter import (
    ACCOUNTS,
    ADMINISTRATOR,
    Fuse,
    Killed,
    ModelAdministration,
    ModelledVcenter,
)
from tests.support.templates import template as template_of

HEALTH = "Global.Health"
EVERYTHING = frozenset({CIM, CONFIG, HEALTH})
PATHS = (
    "/DC1",
    "/DC1/host/cluster-01",
    "/DC1/host/cluster-01/esx0001.lab.example",
    "/DC1/host/Racks",
    "/DC1/host/Racks/cluster-02",
    "/DC1/host/cluster-03/esx0005.lab.example",
    "/DC1/host/esx0007.lab.example",
    "/DC2",
    "/DC2/host/esx0008.lab.example/esx0008.lab.example",
)
PRINCIPALS = (
    ("VSPHERE.LOCAL\\svc-cim-a", False),
    ("VSPHERE.LOCAL\\svc-cim-b", False),
    ("VSPHERE.LOCAL\\monitoring", True),
    ("VSPHERE.LOCAL\\storage", True),
)
PRIVILEGES = st.frozensets(st.sampled_from(sorted(EVERYTHING)), min_size=1)
TEMPLATES = ("t1", "t2", "t3")


@dataclass(frozen=True)
class Said:
    """One grant, as a policy of this test has it."""

    account: str
    template: str
    scope: tuple[str, ...]


@dataclass(frozen=True)
class Foreign:
    """What somebody else does: a permission somewhere, with a role of these privileges, or NoAccess."""

    path: str
    principal: tuple[str, bool]
    privileges: frozenset[str] | None
    propagate: bool


@dataclass(frozen=True)
class Meddling:
    """What somebody else does to a role of ours: set other privileges, or remove it and all that uses it."""

    template: str
    privileges: frozenset[str] | None


SAID = st.builds(
    Said,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(TEMPLATES),
    st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True).map(tuple),
)
FOREIGN = st.builds(
    Foreign, st.sampled_from(PATHS), st.sampled_from(PRINCIPALS), st.none() | PRIVILEGES, st.booleans()
)
MEDDLING = st.builds(Meddling, st.sampled_from(TEMPLATES), st.none() | PRIVILEGES)
POLICIES = st.tuples(st.lists(SAID, max_size=4), st.fixed_dictionaries(dict.fromkeys(TEMPLATES, PRIVILEGES)))


def policy_of(said: list[Said], templates: Mapping[str, frozenset[str]]) -> Policy:
    base = policy()
    accounts = {
        AccountId(name): replace(
            base.accounts[AccountId("reader")], id=AccountId(name), user=f"{name}@vsphere.local"
        )
        for name in ACCOUNTS
    }
    grants = [written(f"g{number}", each, templates) for number, each in enumerate(said)]
    return replace(
        base,
        vcenters={VcenterId("prod"): base.vcenters[VcenterId("prod")]},
        accounts=accounts,
        templates={
            TemplateId(name): template_of(name, held, f"cim-broker-{name}")
            for name, held in templates.items()
        },
        grants={each.id: each for each in grants},
    )


def written(name: str, said: Said, templates: Mapping[str, frozenset[str]]) -> Grant:
    made = grant(name, *said.scope, template=said.template, account=said.account)
    return replace(made, digest=f"{made.digest} {sorted(templates[said.template])}")


class Trial:
    """One vCenter and one store, on which applies are killed."""

    def __init__(self, database: Database) -> None:
        self.vcenter = ModelledVcenter(EVERYTHING)
        self.store = StoredGrants(database)
        self.clock = HandClock()
        self.fuse = Fuse()

    def rooms(self) -> ControllerRooms:
        administration: Administration = self.fuse.guard(ModelAdministration(self.vcenter))
        log = RememberingLog()
        store, heard = self.fuse.guard(self.store), self.fuse.guard(log)
        return ControllerRooms(
            store, heard, self.fuse.guard(log), self.clock, lambda _: administration, self.clock.advance
        )

    def plan(self, wanted: Policy, asked: Asked) -> Plan:
        return plan_policy(wanted, self.rooms(), asked)

    def apply(self, wanted: Policy, asked: Asked) -> ApplyReport:
        return apply_policy(wanted, self.rooms(), asked, "alice")

    def meddle(self, foreign: list[Foreign], meddling: list[Meddling]) -> None:
        model = self.vcenter.model
        for each in meddling:
            role = next((r for r in model.roles() if r.name == f"cim-broker-{each.template}"), None)
            if role is not None and each.privileges is None:
                model.remove_role(role.role_id, fail_if_used=False)
            elif role is not None and each.privileges is not None:
                model.put_role(model.revised_role(ADMINISTRATOR, role.role_id, role.name, each.privileges)[1])
        for number, one in enumerate(foreign):
            role_id = -5
            if one.privileges is not None:
                role_id = model.add_role(f"foreign-{number}", one.privileges).role_id
            entity = self.vcenter.tree.locate(one.path).entity.moid
            try:
                model.set_permission(
                    ADMINISTRATOR, Held(entity, one.principal[0], one.principal[1], role_id, one.propagate)
                )
            except Refusal:
                continue

    def foreign(self) -> tuple[set[Role], set[Held]]:
        """All roles and permissions that are not ours."""
        ours = {
            role.role_id for role in self.store.own_roles(ModelAdministration(self.vcenter).instance_uuid())
        }
        named = {r.role_id for r in self.vcenter.model.roles() if r.name.startswith("cim-broker-")} | ours
        roles = {r for r in self.vcenter.model.roles() if r.role_id not in named}
        permissions = {p for p in self.vcenter.model.permissions() if p.role_id not in named}
        return roles, permissions

    def of_others(self, account: str, host: str) -> frozenset[str]:
        """What permissions that are not ours could give the account there."""
        model, tree = self.vcenter.model, self.vcenter.tree
        holders = {f"VSPHERE.LOCAL\\{account}", *self.vcenter.users.groups_of(f"VSPHERE.LOCAL\\{account}")}
        _, permissions = self.foreign()
        reaching = {Moid(host), *tree.lineage(Moid(host))}
        return frozenset().union(
            *(
                model.role(held.role_id).privileges
                for held in permissions
                if held.principal in holders and held.entity in reaching
            )
        )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """In memory where the machine can: what a disk keeps is proved elsewhere."""
    shared = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield made
    shutil.rmtree(made)


def try_out(
    folder: Path,
    earlier: tuple[list[Said], dict[str, frozenset[str]]],
    foreign: list[Foreign],
    meddling: list[Meddling],
    later: tuple[list[Said], dict[str, frozenset[str]]],
    prune: bool,  # noqa: FBT001 - drawn
) -> None:
    place = Path(tempfile.mkdtemp(dir=folder))
    database = Database.open(place / "store.db", HandClock(), LOG_KEYS)
    try:
        trial = Trial(database)
        trial.apply(policy_of(*earlier), Asked())
        trial.meddle(foreign, meddling)
        _apply_killed_everywhere(trial, policy_of(*later), Asked(prune=prune))
    finally:
        database.close()
        shutil.rmtree(place)


def _apply_killed_everywhere(trial: Trial, wanted: Policy, asked: Asked) -> None:
    before, foreign = trial.vcenter.effective(), trial.foreign()
    states = []
    for calls in range(10_000):
        trial.fuse.calls_left = calls
        try:
            report = trial.apply(wanted, asked)
        except Killed:
            states.append(trial.vcenter.effective())
            assert trial.foreign() == foreign
            continue
        break
    trial.fuse.calls_left = None
    after = trial.vcenter.effective()
    for state in states:
        for where, held in state.items():
            assert held <= before[where] or held <= after[where], (where, held, before[where], after[where])
    assert trial.foreign() == foreign
    _check_end(trial, wanted, report, before)
    again = trial.plan(wanted, asked)
    assert (again.empty, again.problems) == (True, report.problems)


def _check_end(
    trial: Trial, wanted: Policy, report: ApplyReport, before: Mapping[tuple[str, str], frozenset[str]]
) -> None:
    named = {problem.subject: problem.kind for problem in report.problems}
    in_force = [each for each in wanted.grants.values() if trial.store.applied(each.id) is not None]
    for each in wanted.grants.values():
        assert (each.id in named) != (each in in_force), (each.id, named)
    assert set(named.values()) <= {ProblemKind.CONFLICT, ProblemKind.SHARED}
    after, tree = trial.vcenter.effective(), trial.vcenter.tree
    for account in ACCOUNTS:
        scopes = {
            tree.locate(path).entity.moid: wanted.templates[each.template].privileges
            for each in in_force
            if each.account == account
            for path in each.scope
        }
        for host in trial.vcenter.inventory.hosts():
            nearest = next((m for m in tree.lineage(Moid(host.moid)) if m in scopes), None)
            if nearest is not None:
                assert after[account, host.moid] == scopes[nearest], (account, host.name)
            else:
                uncovered = before[account, host.moid] | trial.of_others(account, host.moid)
                uncovered |= _written(wanted, account, Moid(host.moid), tree)
                assert after[account, host.moid] <= uncovered, (account, host.name)
        assert after[account, "group-d1"] == before[account, "group-d1"]


def _written(wanted: Policy, account: str, host: Moid, tree: Tree) -> frozenset[str]:
    """What the policy would give the account there, whether or not something stands in the way."""
    lineage = tree.lineage(host)
    covering = (
        wanted.templates[each.template].privileges
        for each in wanted.grants.values()
        if each.account == account and any(tree.locate(path).entity.moid in lineage for path in each.scope)
    )
    return frozenset().union(*covering)


LEAN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LEAN
@given(
    earlier=POLICIES,
    foreign=st.lists(FOREIGN, max_size=3),
    meddling=st.lists(MEDDLING, max_size=1),
    later=POLICIES,
    prune=st.booleans(),
)
def test_killed_before_every_call_an_apply_makes_the_grants_true_or_names_a_conflict(
    folder: Path,
    earlier: tuple[list[Said], dict[str, frozenset[str]]],
    foreign: list[Foreign],
    meddling: list[Meddling],
    later: tuple[list[Said], dict[str, frozenset[str]]],
    prune: bool,  # noqa: FBT001 - drawn
) -> None:
    try_out(folder, earlier, foreign, meddling, later, prune)


@pytest.mark.timeout(1800)
@pytest.mark.soak
@settings(LEAN, max_examples=2_000)
@given(
    earlier=POLICIES,
    foreign=st.lists(FOREIGN, max_size=6),
    meddling=st.lists(MEDDLING, max_size=3),
    later=POLICIES,
    prune=st.booleans(),
)
def test_so_it_is_for_many_more(
    folder: Path,
    earlier: tuple[list[Said], dict[str, frozenset[str]]],
    foreign: list[Foreign],
    meddling: list[Meddling],
    later: tuple[list[Said], dict[str, frozenset[str]]],
    prune: bool,  # noqa: FBT001 - drawn
) -> None:
    try_out(folder, earlier, foreign, meddling, later, prune)

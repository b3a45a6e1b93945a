"""(g) The controller's CPU for one look at a whole vCenter, all of its grants compared.

In the bench's own process, which does nothing else meanwhile; the vCenter is another one. Everything stands
as it was applied, as it mostly does: nothing is marked, so nothing is written but that it was looked at.
"""

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import process_time
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.audit.system import AuditSystemLog
from broker.clock import SystemClock
from broker.controller.changes import Changes
from broker.controller.comparing import look, standing_as_written
from broker.controller.rooms import ControllerRooms
from broker.demo.files import CONTROLLER_USER
from broker.lab.control.client import LabControl
from broker.model.applied import AppliedGrant, ScopeEntry, Standing
from broker.model.names import GrantId, Moid, TemplateId, VcenterId
from broker.model.policy import Policy, Vcenter
from broker.model.secret import SecretFile
from broker.model.settings import ControllerLogin
from broker.ports.administration import Administration, OwnPermission, OwnRole
from broker.secrets import read_secret
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.vsphere.administration import administration_of
from tests.bench.figures import Figure, Sample
from tests.bench.labs import ADMINISTRATOR, ANY_CALL_S, LabSize, RunningLab, running_labs
from tests.bench.plan import Plan
from tests.support.administration import CIM, grant, policy
from tests.support.log_keys import LOG_KEYS

HOSTS, TEMPLATES, GRANTS = 2_500, 500, 2_000
PRINCIPAL = "VSPHERE.LOCAL\\svc-cim-a"
PROD = VcenterId("prod")


def figures(plan: Plan) -> list[Figure]:
    """Looks on one session, the first left out."""
    root = plan.root / "drift"
    root.mkdir()
    with running_labs(root, 1, LabSize(HOSTS)) as (lab,), _estate(plan, lab) as estate:
        administration = estate.rooms.administration(estate.policy.vcenters[PROD])
        try:
            _look(administration, estate)  # logs in
            taken = [_round(plan, number, administration, estate) for number in range(1, plan.rounds + 1)]
        finally:
            administration.close()
    name = f"CPU of a look, {TEMPLATES} templates, {GRANTS} grants, {HOSTS} hosts"
    return [
        Figure("g", name, "s", "", tuple(Sample(each.seconds) for each in taken)),
        Figure("g.calls", "vCenter calls of a look", "", "", tuple(Sample(each.calls) for each in taken)),
    ]


@dataclass(frozen=True, slots=True)
class _Taken:
    seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class _Estate:
    """What is watched, and how often its vCenter was called."""

    policy: Policy
    rooms: ControllerRooms
    control: LabControl

    def calls(self) -> int:
        """All that the vCenter had so far."""
        return sum(self.control.calls().values())


def _round(plan: Plan, number: int, administration: Administration, estate: _Estate) -> _Taken:
    plan.say(f"(g) look {number}")
    calls, before = estate.calls(), process_time()
    _look(administration, estate)
    seconds = process_time() - before
    if any(applied.standing is not Standing.HOLDS for applied in estate.rooms.store.all()):
        sys.exit("(g) something drifted, so it was not this that was measured")
    return _Taken(seconds, estate.calls() - calls)


def _look(administration: Administration, estate: _Estate) -> None:
    """As the watch looks, reading the store included."""
    standing = standing_as_written(estate.policy, estate.rooms.store.all())
    look(estate.policy, standing[PROD], administration, Changes(), estate.rooms)
    estate.rooms.heard.hear(PROD, estate.rooms.clock.now())


@contextmanager
def _estate(plan: Plan, lab: RunningLab) -> Iterator[_Estate]:
    """Roles and permissions in the vCenter, and in the store as applied."""
    plan.say(f"(g) {TEMPLATES} roles and {GRANTS} permissions are made")
    control = LabControl(lab.control)
    control.set_latency("*", 0)
    wanted = _policy(lab)
    with _administrator(lab) as content:
        role_ids = {
            template.id: int(content.authorizationManager.AddAuthorizationRole(template.role_name, [CIM]))
            for template in wanted.templates.values()
        }
        for each, (_, moid) in zip(wanted.grants.values(), lab.hosts, strict=False):
            held = vim.AuthorizationManager.Permission(
                principal=PRINCIPAL, group=False, roleId=role_ids[each.template], propagate=False
            )
            content.authorizationManager.SetEntityPermissions(vim.HostSystem(moid), [held])
        uuid = str(content.about.instanceUuid)
    control.set_latency("*", ANY_CALL_S)
    database = Database.open(plan.root / "drift.db", SystemClock(), LOG_KEYS)
    try:
        grants = StoredGrants(database)
        for template in wanted.templates.values():
            role_id, held_by_it = role_ids[template.id], frozenset({CIM})
            grants.own_role(OwnRole(uuid, template.role_name, template.id, role_id, held_by_it))
        for each, (_, moid) in zip(wanted.grants.values(), lab.hosts, strict=False):
            scope = (ScopeEntry(each.scope[0], uuid, Moid(moid)),)
            role_id, now = role_ids[each.template], SystemClock().now()
            grants.own_permission(OwnPermission(uuid, Moid(moid), PRINCIPAL, role_id))
            grants.put(AppliedGrant(each.id, each.digest, PROD, scope, role_id, now))
        yield _Estate(wanted, _rooms(lab, database), control)
    finally:
        database.close()


def _policy(lab: RunningLab) -> Policy:
    """A template for every fourth grant or so, and each grant on a host of its own."""
    paths = [host["path"] for host in LabControl(lab.control).hosts()]
    grants = [
        grant(f"g{number:04d}", paths[number], template=f"t{number % TEMPLATES:03d}")
        for number in range(GRANTS)
    ]
    some = policy(*grants)
    (template,) = (each for each in some.templates.values() if each.id == "cim-ticket")
    ids = [TemplateId(f"t{number:03d}") for number in range(TEMPLATES)]
    vcenter = Vcenter(PROD, "localhost", lab.port, lab.ca_file, 4, 5.0, 30.0, 9)
    return replace(
        some,
        vcenters={PROD: vcenter},
        accounts={key: replace(each, user="svc-cim-a@vsphere.local") for key, each in some.accounts.items()},
        templates={each: replace(template, id=each, role_name=f"cim-broker-{each}") for each in ids},
        grants={GrantId(each.id): each for each in grants},
    )


def _rooms(lab: RunningLab, database: Database) -> ControllerRooms:
    clock = SystemClock()
    login = ControllerLogin(CONTROLLER_USER, SecretFile(lab.controller_password))
    latch = StoredLatches(database)
    return ControllerRooms(
        StoredGrants(database),
        StoredHeard(database),
        AuditSystemLog(database),
        clock,
        partial(_administration, login, latch, clock),
    )


def _administration(login: ControllerLogin, latch: StoredLatches, clock: SystemClock, at: Vcenter) -> Any:
    return administration_of(at, login, latch, clock, read_secret)


@contextmanager
def _administrator(lab: RunningLab) -> Iterator[Any]:
    """The ServiceContent of somebody with all rights."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    stub = SoapStubAdapter("localhost", lab.port, version="vim.version.v8_0_2_0", sslContext=context)
    try:
        content: Any = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
        content.sessionManager.Login(ADMINISTRATOR, lab.administrator_password.read_text(), None)
        yield content
    finally:
        stub.DropConnections()

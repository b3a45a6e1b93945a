"""A lab and the controller's rooms on it, and somebody else with all rights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyVmomi import vim

from broker.clock import SystemClock
from broker.controller.apply import apply_policy
from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Plan
from broker.controller.rooms import ControllerRooms, kept_open
from broker.lab.authorization.seed import seed_controller
from broker.model.applied import Standing
from broker.model.names import GrantId, VcenterId
from broker.model.policy import Grant, Policy, Vcenter
from broker.model.secret import Secret, SecretReference, SecretVariable
from broker.model.settings import ControllerLogin
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.vsphere.administration import VcenterAdministration, administration_of
from tests.support.administration import CIM, CONFIG, RememberingLog, policy
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, lab_vcenter

CONTROLLER = "broker-controller@vsphere.local"
READER = "VSPHERE.LOCAL\\svc-cim-a"
CLUSTER = "/DC1/host/cluster-01"
ALONE = "/DC1/host/esx0009.lab.example"
WRITES = ("AddAuthorizationRole", "UpdateAuthorizationRole", "SetEntityPermissions", "RemoveEntityPermission")


RoleRow = tuple[int, str, frozenset[str]]
PermissionRow = tuple[str, str, bool, int, bool]


@dataclass
class Site:
    """A lab, what applies to it, and what somebody else with all rights does to it."""

    lab: LabVCenter
    database: Database
    other: Any
    password: str = PASSWORDS["broker-controller"]

    @property
    def store(self) -> StoredGrants:
        return StoredGrants(self.database)

    @property
    def log(self) -> RememberingLog:
        return RememberingLog()

    def policy(
        self,
        *grants: Grant,
        user: str = "svc-cim-a@vsphere.local",
        privileges: frozenset[str] = frozenset({CIM}),
    ) -> Policy:
        wanted = policy(*grants, privileges=privileges)
        vcenter = Vcenter(VcenterId("prod"), "localhost", self.lab.port, self.lab.ca_file, 4, 5.0, 10.0, 9)
        accounts = {key: replace(account, user=user) for key, account in wanted.accounts.items()}
        return replace(wanted, vcenters={vcenter.id: vcenter}, accounts=accounts)

    def administration(self, vcenter: Vcenter) -> VcenterAdministration:
        login = ControllerLogin(CONTROLLER, SecretVariable("UNUSED"))
        latch = StoredLatches(self.database)
        return administration_of(vcenter, login, latch, SystemClock(), self._secret)

    def session(self) -> VcenterAdministration:
        return self.administration(self.policy().vcenters[VcenterId("prod")])

    def _secret(self, _: SecretReference) -> Secret:
        return Secret(self.password)

    @property
    def rooms(self) -> ControllerRooms:
        return ControllerRooms(
            self.store, StoredHeard(self.database), self.log, SystemClock(), self.administration
        )

    def plan(self, wanted: Policy, asked: Asked = Asked()) -> Plan:  # noqa: B008 - immutable
        with kept_open(self.rooms) as rooms:
            return plan_policy(wanted, rooms, asked)

    def apply(self, wanted: Policy, asked: Asked = Asked()) -> ApplyReport:  # noqa: B008 - immutable
        return apply_policy(wanted, self.rooms, asked, "alice")

    def writes(self) -> int:
        calls = self.lab.knobs.calls()
        return sum(calls.get(method, 0) for method in WRITES)

    def everything(self) -> tuple[set[RoleRow], set[PermissionRow]]:
        """All roles and all permissions of the vCenter."""
        model = self.lab.model
        roles = {(r.role_id, r.name, r.privileges) for r in model.roles()}
        permissions = {(p.entity, p.principal, p.group, p.role_id, p.propagate) for p in model.permissions()}
        return roles, permissions

    def entity(self, path: str) -> Any:
        return self.other.searchIndex.FindByInventoryPath(path)

    def set_permission(self, path: str, principal: str, role_id: int) -> None:
        held = vim.AuthorizationManager.Permission(
            principal=principal, group=False, roleId=role_id, propagate=True
        )
        self.other.authorizationManager.SetEntityPermissions(self.entity(path), [held])

    def role_id(self, name: str = "cim-broker-cim-ticket") -> int:
        return next(int(r.role_id) for r in self.lab.model.roles() if r.name == name)

    def standing(self, name: str = "g1") -> tuple[Standing, str]:
        applied = self.store.applied(GrantId(name))
        assert applied is not None
        return applied.standing, applied.finding


@contextmanager
def controlled_lab(folder: Path, database: Database) -> Iterator[Site]:
    """The lab as it is before anything was applied; the controller may hand on CIM and CONFIG."""
    with lab_vcenter(folder) as lab:
        inventory = lab.world.inventory
        datacenters = [lab.moid("DC1"), lab.moid("DC2")]
        seed_controller(
            lab.model,
            inventory.root(),
            datacenters,
            "VSPHERE.LOCAL\\broker-controller",
            frozenset({CIM, CONFIG}),
        )
        yield Site(lab, database, lab.login())

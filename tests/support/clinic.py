"""A lab with a controller's account that holds just enough, two low-privilege accounts, and the doctor."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pyVmomi import vim

from broker.clock import SystemClock
from broker.controller.apply import apply_policy
from broker.controller.planning.plan import Asked
from broker.controller.rooms import ControllerRooms
from broker.doctor.catalogue import Check
from broker.doctor.examine import examine
from broker.doctor.finding import Finding, Report
from broker.doctor.visit import Instruments, Wanted
from broker.errors import SecretUnavailable
from broker.lab.authorization.permissions import Permission
from broker.model.names import AccountId, VcenterId
from broker.model.policy import Account, Grant, Policy, Vcenter
from broker.model.secret import Secret, SecretReference, SecretVariable
from broker.model.settings import ControllerLogin
from broker.policy.controller_needs import ROOT, controller_needs
from broker.ports.inspection import Inspection
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.vsphere.administration import administration_of
from broker.vsphere.greeting import TlsGreeter
from broker.vsphere.inspection import PasswordTrial, inspection_of
from tests.support.administration import RememberingLog, grant, policy
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, lab_vcenter

PROD = VcenterId("prod")
READER = "VSPHERE.LOCAL\\svc-cim-a"
CONTROLLER = "broker-controller@vsphere.local"
EMPOWERED = "VSPHERE.LOCAL\\broker-controller"
READ_ONLY = -2
CLUSTER = "/DC1/host/cluster-01"
HOST = "esx0001.lab.example"
LOGIN = ControllerLogin(CONTROLLER, SecretVariable("CONTROLLER"))
READERS = Account(
    AccountId("reader"),
    PROD,
    "svc-cim-a@vsphere.local",
    SecretVariable("READER"),
    frozenset(),
    frozenset(),
)


@dataclass
class Clinic:
    """Everything that a test turns, and one examination after the other."""

    lab: LabVCenter
    database: Database
    other: Any
    grants: tuple[Grant, ...] = (grant("g1", CLUSTER),)
    login: ControllerLogin | None = LOGIN
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            "CONTROLLER": PASSWORDS["broker-controller"],
            "READER": PASSWORDS["svc-cim-a"],
        }
    )
    account: Account = READERS
    vcenter: Vcenter | None = None
    wanted: Wanted = field(default_factory=Wanted)
    progress: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def entry(self) -> Vcenter:
        return self.vcenter or Vcenter(PROD, "localhost", self.lab.port, self.lab.ca_file, 4, 5.0, 10.0, 9)

    @property
    def policy(self) -> Policy:
        return replace(
            policy(*self.grants), vcenters={PROD: self.entry}, accounts={self.account.id: self.account}
        )

    @property
    def latches(self) -> StoredLatches:
        return StoredLatches(self.database)

    def empower(self) -> None:
        """Give the controller's account just what it needs for these grants."""
        for need in controller_needs(self.policy, PROD):
            moid = (
                self.lab.moid(need.where.strip("/"))
                if need.where != ROOT
                else self.lab.world.inventory.root()
            )
            role = self.lab.model.add_role(f"controller-{len(self.lab.model.roles())}", need.privileges)
            held = Permission(moid, EMPOWERED, group=False, role_id=role.role_id, propagate=need.propagate)
            self.lab.model.seed(held)

    def apply(self) -> None:
        self.empower()
        rooms = ControllerRooms(
            StoredGrants(self.database),
            StoredHeard(self.database),
            RememberingLog(),
            SystemClock(),
            lambda vcenter: administration_of(vcenter, LOGIN, self.latches, SystemClock(), self.secret),
        )
        assert apply_policy(self.policy, rooms, Asked(), "alice").problems == ()

    def examine(self) -> Report:
        instruments = Instruments(
            clock=SystemClock(),
            greeter=TlsGreeter(),
            inspection=self.inspection,
            latched_since=lambda vcenter, user: next(
                (la.at for la in self.latches.latched() if (la.vcenter, la.user) == (vcenter, user)), None
            ),
            trial=lambda vcenter: PasswordTrial(vcenter, self.latches, SystemClock(), self.secret),
            progress=lambda *told: self.progress.append(told),
        )
        return examine(self.policy, self.wanted, instruments)

    def found(self, check: Check) -> list[Finding]:
        return [finding for finding in self.examine().findings if finding.check is check]

    def one(self, check: Check) -> Finding:
        (finding,) = self.found(check)
        return finding

    def inspection(self, vcenter: Vcenter) -> Inspection | None:
        if self.login is None:
            return None
        return inspection_of(vcenter, self.login, self.latches, SystemClock(), self.secret)

    def secret(self, reference: SecretReference) -> Secret:
        assert isinstance(reference, SecretVariable)
        if reference.name not in self.secrets:
            raise SecretUnavailable(f"environment variable {reference.name} is not set")
        return Secret(self.secrets[reference.name])

    def permit(self, path: str, principal: str, *privileges: str, group: bool = False) -> None:
        """As somebody with all rights: a role of these for the principal, at a path or the root."""
        manager = self.other.authorizationManager
        entity = (
            self.other.searchIndex.FindByInventoryPath(path.strip("/")) if path else self.other.rootFolder
        )
        role = manager.AddRole(f"foreign-{path}-{principal}", list(privileges))
        held = vim.AuthorizationManager.Permission(
            principal=principal, group=group, roleId=role, propagate=True
        )
        manager.SetEntityPermissions(entity, [held])

    def fail_logins(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(vim.fault.InvalidLogin):
                self.lab.connect().RetrieveContent().sessionManager.Login(self.account.user, "wrong")


@contextmanager
def opened_clinic(folder: Path, database: Database) -> Iterator[Clinic]:
    """Applied, and well."""
    with lab_vcenter(folder) as lab:
        made = Clinic(lab, database, lab.login())
        lab.model.seed(Permission(lab.moid("DC2"), EMPOWERED, group=False, role_id=READ_ONLY, propagate=True))
        made.apply()
        yield made

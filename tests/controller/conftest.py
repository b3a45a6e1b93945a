from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.audit.reading import AuditReading
from broker.audit.system import AuditSystemLog
from broker.controller.apply import apply_policy
from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Plan
from broker.controller.rooms import ControllerRooms, kept_open
from broker.controller.watch import Watch
from broker.lab.authorization.seed import seed_controller
from broker.model.policy import Policy, Vcenter
from broker.model.record import Event
from broker.ports.administration import Administration
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from tests.support.administration import CIM, FakeAdministration, FakeVcenter
from tests.support.clock import HandClock
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, lab_vcenter
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles


class ReadableLog(AuditSystemLog):
    """The real log of the controller's doings, to be read in a test."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._reading = AuditReading(database)

    def events(self) -> list[Event]:
        return [Event[record["event"].upper()] for record in self._reading.records()]

    def fields(self) -> list[dict[str, Any]]:
        return [record["fields"] for record in self._reading.records()]


@dataclass
class Controller:
    """The controller's rooms on a real store, with vCenters in memory."""

    store: StoredGrants
    heard: StoredHeard
    log: ReadableLog
    clock: HandClock
    vcenters: dict[str, FakeVcenter]

    @property
    def prod(self) -> FakeVcenter:
        return self.vcenters["prod"]

    @property
    def rooms(self) -> ControllerRooms:
        rooms = (self.store, self.heard, self.log, self.clock, self.administration)
        return ControllerRooms(*rooms, self.clock.advance)

    def administration(self, vcenter: Vcenter) -> Administration:
        return FakeAdministration(self.vcenters[vcenter.id])

    def plan(self, policy: Policy, asked: Asked = Asked()) -> Plan:  # noqa: B008 - immutable
        with kept_open(self.rooms) as rooms:
            return plan_policy(policy, rooms, asked)

    def apply(self, policy: Policy, asked: Asked = Asked()) -> ApplyReport:  # noqa: B008 - immutable
        return apply_policy(policy, self.rooms, asked, "alice")

    def watch(self) -> Watch:
        return Watch(self.rooms)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "store.db", HandClock(), LOG_KEYS)
    yield opened
    opened.close()


@pytest.fixture
def controller(database: Database) -> Controller:
    vcenters = {"prod": FakeVcenter(), "test": FakeVcenter(uuid="9f000000-0000-4000-8000-000000000002")}
    return Controller(
        StoredGrants(database), StoredHeard(database), ReadableLog(database), HandClock(), vcenters
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabVCenter]:
    with lab_vcenter(tmp_path / "lab") as running:
        datacenters = [running.moid("DC1"), running.moid("DC2")]
        root = running.world.inventory.root()
        controller = "VSPHERE.LOCAL\\broker-controller"
        seed_controller(running.model, root, datacenters, controller, frozenset({CIM}))
        yield running


@pytest.fixture
def files(tmp_path: Path, lab: LabVCenter) -> PolicyFiles:
    written = PolicyFiles(tmp_path / "site")
    written.change("vcenters.yaml", "host: vc.example.com", f"host: localhost\n    port: {lab.port}")
    written.change("vcenters.yaml", "ca_file: ca.pem", f"ca_file: {lab.ca_file}")
    written.change("controller.yaml", "svc-controller@vsphere.local", "broker-controller@vsphere.local")
    written.change("controller.yaml", "{credential: prod-password}", "{file: controller.password}")
    password = written.put("controller.password", PASSWORDS["broker-controller"])
    password.chmod(0o600)
    return written

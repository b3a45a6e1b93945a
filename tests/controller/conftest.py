from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.controller.apply import ControllerRooms, apply_policy
from broker.controller.report import ApplyReport
from broker.controller.watch import Watch
from broker.model.policy import Policy, Vcenter
from broker.ports.administration import Administration
from broker.store.applied import StoredGrants
from broker.store.database import Database
from tests.support.administration import FakeAdministration, FakeVcenter, RememberingLog
from tests.support.clock import HandClock


@dataclass
class Controller:
    """The controller's rooms on a real store, with vCenters in memory."""

    store: StoredGrants
    log: RememberingLog
    clock: HandClock
    vcenters: dict[str, FakeVcenter]

    @property
    def prod(self) -> FakeVcenter:
        return self.vcenters["prod"]

    @property
    def rooms(self) -> ControllerRooms:
        return ControllerRooms(self.store, self.log, self.clock, self.administration)

    def administration(self, vcenter: Vcenter) -> Administration:
        return FakeAdministration(self.vcenters[vcenter.id])

    def apply(self, policy: Policy) -> ApplyReport:
        return apply_policy(policy, self.rooms)

    def watch(self) -> Watch:
        return Watch(self.rooms)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "store.db", HandClock())
    yield opened
    opened.close()


@pytest.fixture
def controller(database: Database) -> Controller:
    vcenters = {"prod": FakeVcenter(), "test": FakeVcenter(uuid="9f000000-0000-4000-8000-000000000002")}
    return Controller(StoredGrants(database), RememberingLog(), HandClock(), vcenters)

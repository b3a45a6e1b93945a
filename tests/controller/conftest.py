from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.audit.reading import AuditReading
from broker.audit.system import AuditSystemLog
from broker.controller.apply import ControllerRooms, apply_policy
from broker.controller.report import ApplyReport
from broker.controller.watch import Watch
from broker.model.policy import Policy, Vcenter
from broker.model.record import Event
from broker.ports.administration import Administration
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from tests.support.administration import FakeAdministration, FakeVcenter
from tests.support.clock import HandClock


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
        return ControllerRooms(self.store, self.heard, self.log, self.clock, self.administration)

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
    return Controller(
        StoredGrants(database), StoredHeard(database), ReadableLog(database), HandClock(), vcenters
    )

"""The broker's own rooms on a simulator: real vSphere, controller and store; the log is written down."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from broker.clock import SystemClock
from broker.controller.apply import apply_policy
from broker.controller.carrying.report import ApplyReport
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Plan
from broker.controller.rooms import ControllerRooms, kept_open
from broker.issue import issue
from broker.model.issuance import IssuedTicket
from broker.model.names import VcenterId, parse_host_name
from broker.model.policy import Policy, ReadinessMode, Vcenter
from broker.model.record import Record
from broker.model.secret import Secret, SecretReference, SecretVariable
from broker.model.settings import ControllerLogin
from broker.ports.issuing import Rooms
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.latches import StoredLatches
from broker.vsphere.administration import VcenterAdministration, administration_of
from broker.vsphere.gate import Gates
from broker.vsphere.service import Vsphere
from tests.support.clock import HandClock
from tests.support.issuing import CALLER, GRANT, POLICY, REQUEST, World
from tests.support.log_keys import LOG_KEYS
from tests.support.vcsim import ADMIN, MONITOR, Simulator

PROD = VcenterId("prod")
ACCOUNT = GRANT.account
MONITORS_PASSWORD = SecretVariable("MONITOR")
ADMINS_PASSWORD = SecretVariable("ADMIN")
DEADLINE_S = 30.0


def policy_for(simulator: Simulator, scope: Sequence[str]) -> Policy:
    """One grant of one account on the simulator; a stopped CIM service is only worth a warning there."""
    vcenter = Vcenter(PROD, simulator.host, simulator.port, simulator.anchor, 4, 5.0, 5.0, 9)
    account = replace(POLICY.accounts[ACCOUNT], user=MONITOR.name, password=MONITORS_PASSWORD)
    grant = replace(GRANT, scope=tuple(scope), readiness=ReadinessMode.ADVISE)
    return replace(POLICY, vcenters={PROD: vcenter}, accounts={ACCOUNT: account}, grants={grant.id: grant})


class Site:
    """A policy on a simulator, applied by the controller's room and served by the vSphere room."""

    def __init__(self, policy: Policy, database: Database) -> None:
        self.policy = policy
        self.passwords = {"MONITOR": MONITOR.password, "ADMIN": ADMIN.password}
        self.clock = SystemClock()
        self.grants = StoredGrants(database)
        self.latches = StoredLatches(database)
        self.told = World(clock=HandClock(self.clock.now()))
        self.records: list[Record] = []
        self.vsphere = Vsphere(self, self.latches, self.clock, self.read_secret, 0.0, Gates(16, self.clock))

    def current(self) -> Policy:
        return self.policy

    def read_secret(self, reference: SecretReference) -> Secret:
        assert isinstance(reference, SecretVariable)
        return Secret(self.passwords[reference.name])

    def append(self, records: Sequence[Record]) -> None:
        self.records.extend(records)

    def hear(self, vcenter: VcenterId, at: datetime) -> None:
        self.told.heard_at[vcenter] = at

    def administration(self, vcenter: Vcenter | None = None) -> VcenterAdministration:
        login = ControllerLogin(ADMIN.name, ADMINS_PASSWORD)
        return administration_of(
            vcenter or self.policy.vcenters[PROD], login, self.latches, self.clock, self.read_secret
        )

    @property
    def rooms(self) -> ControllerRooms:
        return ControllerRooms(self.grants, self, self, self.clock, self.administration)

    def plan(self) -> Plan:
        with kept_open(self.rooms) as rooms:
            return plan_policy(self.policy, rooms, Asked())

    def apply(self, asked: Asked = Asked()) -> ApplyReport:  # noqa: B008 - immutable
        return apply_policy(self.policy, self.rooms, asked, "alice")

    def issue(self, host: str) -> IssuedTicket:
        self.told.grants_applied = {applied.grant: applied for applied in self.grants.all()}
        rooms = Rooms(
            clock=self.clock,
            policy=self,
            entitlements=self.told,
            hosts=self.vsphere,
            prover=self.vsphere,
            tickets=self.vsphere,
            limits=self.told,
            ledger=self.told,
            fingerprints=self.told,
        )
        return issue(replace(REQUEST, host=parse_host_name(host)), CALLER, rooms)

    def synced(self) -> "Site":
        """Wait for the account's first full inventory."""
        eventually(lambda: all(state.synced for state in self.vsphere.states().values()))
        return self


@contextmanager
def broker_on(simulator: Simulator, folder: Path, scope: Sequence[str]) -> Iterator[Site]:
    """The rooms, not started yet; closed with the block."""
    database = Database.open(folder / "broker.db", SystemClock(), LOG_KEYS)
    site = Site(policy_for(simulator, scope), database)
    try:
        yield site
    finally:
        site.vsphere.close()
        database.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Poll until it holds; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)

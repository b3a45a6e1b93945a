"""The controller, put together from its own file: the one place here that names implementations.

It stands beside `broker/wiring.py`, since what serves must not know the controller.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from broker.audit.housekeeping import BEAT_S, Housekeeping
from broker.audit.orphans import OrphanRule
from broker.audit.system import AuditSystemLog
from broker.clock import SystemClock
from broker.controller.apply import ControllerRooms, apply_policy
from broker.controller.process import ControllerProcess, NextSignal
from broker.controller.report import ApplyReport
from broker.controller.site import NoLogin
from broker.controller.watch import Watch
from broker.model.policy import Vcenter
from broker.model.settings import ControllerSettings
from broker.policy.holder import PolicyHolder
from broker.policy.load import load_controller, load_policy, load_server
from broker.policy.presence import Presence
from broker.ports.administration import Administration
from broker.ports.clock import Clock
from broker.ports.operation import LoginLatch
from broker.secrets import read_secret
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.store.processes import StoredProcesses
from broker.vsphere.administration import administration_of


def apply_from(file: Path) -> ApplyReport:
    """`broker roles apply` with the controller's configuration.

    Raises ConfigurationErrors, LogUnavailable; everything else is a problem in the report.
    """
    settings = load_controller(file)
    policy = load_policy(settings.policy)
    with _store(settings) as database:
        return apply_policy(policy, _rooms(settings, database))


def run_from(file: Path, next_signal: NextSignal) -> None:
    """`broker controller`, until SIGTERM or SIGINT. Raises ConfigurationErrors, LogUnavailable."""
    settings = load_controller(file)
    load = partial(load_policy, settings.policy)
    with _store(settings) as database:
        presence = Presence(database.boot, "controller", StoredProcesses(database), database.clock)
        holder = PolicyHolder(load())
        rooms = _rooms(settings, database)
        process = ControllerProcess(
            presence,
            holder,
            load,
            Watch(rooms),
            rooms.log,
            settings.interval_s,
        )
        with _kept_house(settings, database):
            process.run(next_signal)


@contextmanager
def _kept_house(settings: ControllerSettings, database: Database) -> Iterator[None]:
    """What `serve` leaves open is closed here too, and a jammed store recovers."""
    orphans = OrphanRule(database, load_server(settings.policy).orphan_grace_s)
    housekeeping = Housekeeping(database, orphans, interval_s=min(BEAT_S, settings.interval_s))
    housekeeping.start()
    try:
        yield
    finally:
        housekeeping.stop()


@contextmanager
def _store(settings: ControllerSettings) -> Iterator[Database]:
    database = Database.open(settings.store, SystemClock())
    try:
        yield database
    finally:
        database.close()


def _rooms(settings: ControllerSettings, database: Database) -> ControllerRooms:
    clock = SystemClock()
    latch = StoredLatches(database)
    return ControllerRooms(
        store=StoredGrants(database),
        heard=StoredHeard(database),
        log=AuditSystemLog(database),
        clock=clock,
        administration=partial(_administration, settings, latch, clock),
    )


def _administration(
    settings: ControllerSettings, latch: LoginLatch, clock: Clock, vcenter: Vcenter
) -> Administration:
    login = settings.logins.get(vcenter.id)
    if login is None:
        raise NoLogin(f"the controller's file has no log-in for vCenter {vcenter.id}")
    return administration_of(vcenter, login, latch, clock, read_secret)

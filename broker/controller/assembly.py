"""The controller, put together from its own file: the one place here that names implementations.

It stands beside `broker/wiring.py`, since what serves must not know the controller.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from broker.audit.custody.high_water import HighWater
from broker.audit.custody.keeping import LogKeeping
from broker.audit.housekeeping import BEAT_S, Housekeeping
from broker.audit.orphans import OrphanRule
from broker.audit.reading import AuditReading
from broker.audit.system import AuditSystemLog
from broker.clock import SystemClock
from broker.controller.apply import apply_policy, apply_saved
from broker.controller.carrying.report import ApplyReport
from broker.controller.carrying.steps import Progress
from broker.controller.looking import inspection
from broker.controller.planning.document import SavedPlan
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Plan, VcenterPlan
from broker.controller.process import ControllerProcess, NextSignal
from broker.controller.replay.asked import CODES, on_record
from broker.controller.replay.decided import After, Replay, applied_after, replayed
from broker.controller.resolving.adopt import Adoption, adopt
from broker.controller.resolving.look import Looked, drifted, look_now
from broker.controller.resolving.restore import restore
from broker.controller.rooms import ControllerRooms, NoLogin, kept_open
from broker.controller.store import mark_file, opened_store
from broker.controller.watch import Watch
from broker.errors import BrokerError, InvalidName, PolicyRefused
from broker.lint.findings import Material
from broker.lint.run import lint
from broker.lint.told import explained
from broker.model.inventory import Host
from broker.model.names import GrantId
from broker.model.policy import Policy, Vcenter
from broker.model.settings import ControllerSettings
from broker.policy.holder import PolicyHolder
from broker.policy.load import load_controller, load_policy, load_server, load_with_places
from broker.policy.places import Places
from broker.policy.presence import Presence
from broker.ports.administration import Administration
from broker.ports.clock import Clock
from broker.ports.operation import LoginLatch
from broker.privileges.catalogue import shipped
from broker.secrets import read_secret
from broker.store.applied import StoredGrants
from broker.store.database import Database
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.store.processes import StoredProcesses
from broker.store.switches import GrantSwitches
from broker.vsphere.administration import administration_of


class ApplyRuns(BrokerError):
    """Another apply works on this store."""


def plan_from(file: Path, asked: Asked) -> Plan:
    """`broker roles plan` with the controller's configuration. Raises as `apply_from` does."""
    settings = load_controller(file)
    policy, _ = _policy(settings)
    _among(asked.follow, policy.grants, "one of grants.yaml")
    with opened_store(settings) as database, kept_open(_rooms(settings, database)) as rooms:
        return plan_policy(policy, rooms, asked)


def replay_from(file: Path, plan: Plan, back: timedelta) -> Replay:
    """What the plan would have made of the requests of that time. Raises as `plan_from` does, and Refused."""
    settings = load_controller(file)
    policy = load_policy(settings.policy)
    with opened_store(settings) as database:
        now = database.clock.now()
        past = on_record(AuditReading(database).since(now - back, CODES))
        after = After(
            policy=policy,
            applied=applied_after(plan, StoredGrants(database).all(), now),
            hosts={each.vcenter: _hosts(settings, policy, each, database) for each in plan.vcenters},
            disabled=GrantSwitches(database).grant_disabled,
            now=now,
        )
        return replayed(past, now - back, after)


def _hosts(
    settings: ControllerSettings, policy: Policy, plan: VcenterPlan, database: Database
) -> tuple[Host, ...]:
    """The vCenter's hosts; none where it could not be planned on either."""
    vcenter = policy.vcenters[plan.vcenter]
    looked = inspection(settings, StoredLatches(database), database.clock, vcenter)
    if looked is None or not plan.instance_uuid:
        return ()
    try:
        return looked.hosts()
    finally:
        looked.close()


def apply_from(file: Path, wanted: Asked | SavedPlan, by: str, progress: Progress) -> ApplyReport:
    """`broker roles apply` with the controller's configuration, of a saved plan or of one made now.

    Raises ConfigurationErrors, PolicyRefused, InvalidName, LogUnavailable, ApplyRuns, PlanOutdated;
    everything else is a problem in the report.
    """
    settings = load_controller(file)
    policy, _ = _policy(settings)
    if isinstance(wanted, Asked):
        _among(wanted.follow, policy.grants, "one of grants.yaml")
    with opened_store(settings) as database, _turn(database):
        rooms = _rooms(settings, database)
        if isinstance(wanted, SavedPlan):
            return apply_saved(wanted, policy, rooms, by, progress)
        return apply_policy(policy, rooms, wanted, by, progress)


def drift_from(file: Path) -> Looked:
    """`broker roles drift`: one look now. Raises ConfigurationErrors, LogUnavailable."""
    settings = load_controller(file)
    policy = load_policy(settings.policy)
    with opened_store(settings) as database, kept_open(_rooms(settings, database)) as rooms:
        return look_now(policy, rooms)


def adopt_from(file: Path, grants: Collection[GrantId], by: str) -> tuple[Adoption, ...]:
    """`broker roles adopt`, of all that drifted where none is named.

    Raises ConfigurationErrors, PolicyRefused, InvalidName, LogUnavailable, ApplyRuns, and Refused
    where a vCenter cannot be asked.
    """
    with _resolving(file) as (policy, places, rooms):
        _among(grants, policy.grants, "one of grants.yaml")
        chosen = sorted(grants or drifted(policy, rooms.store.all()))
        return adopt(policy, places, rooms, chosen, by)


def restore_from(file: Path, grants: Collection[GrantId], by: str, progress: Progress) -> ApplyReport:
    """`broker roles restore`, of all that drifted where none is named.

    Raises ConfigurationErrors, PolicyRefused, InvalidName, LogUnavailable, ApplyRuns; everything
    else is a problem in the report.
    """
    with _resolving(file) as (policy, _, rooms):
        standing = drifted(policy, rooms.store.all())
        _among(grants, standing, "one that drifted")
        return restore(policy, rooms, sorted(grants or standing), by, progress)


@contextmanager
def _resolving(file: Path) -> Iterator[tuple[Policy, Places, ControllerRooms]]:
    """One at a time with every apply."""
    settings = load_controller(file)
    policy, places = _policy(settings)
    with (
        opened_store(settings) as database,
        _turn(database),
        kept_open(_rooms(settings, database)) as rooms,
    ):
        yield policy, places, rooms


def _among(named: Collection[GrantId], possible: Collection[GrantId], which: str) -> None:
    """Raises InvalidName for one that is none of those possible."""
    if any(grant not in possible for grant in named):
        raise InvalidName("grant", f"{which}: {', '.join(sorted(possible)) or 'there is none'}")


@contextmanager
def _turn(database: Database) -> Iterator[None]:
    with database.turn("apply", within_s=0.0) as mine:
        if not mine:
            raise ApplyRuns("another apply works on this store; wait for its end")
        yield


def run_from(file: Path, next_signal: NextSignal) -> None:
    """`broker controller`, until SIGTERM or SIGINT. Raises ConfigurationErrors, LogUnavailable."""
    settings = load_controller(file)
    load = partial(load_policy, settings.policy)
    with opened_store(settings) as database:
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


def _policy(settings: ControllerSettings) -> tuple[Policy, Places]:
    """The policy to make true, and where it is written. What lint refuses is not put into vCenter."""
    policy, written = load_with_places(settings.policy)
    findings = lint(Material(policy, shipped(), SystemClock().now().date()), written)
    if refused := [line for each in findings if each.refuses for line in explained(each, Path.cwd())]:
        raise PolicyRefused("\n".join(refused))
    return policy.to_apply(), Places(written)


@contextmanager
def _kept_house(settings: ControllerSettings, database: Database) -> Iterator[None]:
    """What `serve` leaves open is closed here too, a jammed store recovers, and the log's mark moves on."""
    orphans = OrphanRule(database, load_server(settings.policy).orphan_grace_s)
    housekeeping = Housekeeping(database, orphans, interval_s=min(BEAT_S, settings.interval_s))
    keeping = LogKeeping(database, HighWater(database, mark_file(settings)), None)
    housekeeping.start()
    keeping.start()
    try:
        yield
    finally:
        housekeeping.stop()
        keeping.stop()


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

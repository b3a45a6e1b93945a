"""`broker serve`, put together: the one place on the serving side that names implementations.

The privileged credential is not here: neither the controller's room nor its file is known.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from broker.audit.access import AuditAccessLog
from broker.audit.custody.checkpoints import Checkpoints
from broker.audit.custody.high_water import HighWater
from broker.audit.custody.keeping import LogKeeping
from broker.audit.custody.mark import mark_of
from broker.audit.custody.opening import kept
from broker.audit.desk import RecordingDesk
from broker.audit.fingerprint import TicketFingerprints
from broker.audit.housekeeping import Housekeeping
from broker.audit.keys import LogKeys
from broker.audit.ledger import AuditLedger
from broker.audit.orphans import OrphanRule
from broker.audit.proofs import StoredProofs
from broker.audit.refusals import RefusalBudget
from broker.audit.system import AuditSystemLog
from broker.background import Beat
from broker.clock import SystemClock
from broker.errors import LogUnavailable, Reason
from broker.http.app import AccessRooms, create_app
from broker.http.health import WATCH_EVERY_S, HealthWatch
from broker.http.limits import RequestLimits, WindowStore
from broker.http.oauth.keys import KeyRing, SigningKeys
from broker.http.oauth.tokens import AccessTokens
from broker.metrics.assembly import Metrics
from broker.metrics.exposition import Exposition
from broker.metrics.meter import Questions
from broker.metrics.way import watched
from broker.model.health import Degraded
from broker.model.policy import Policy
from broker.model.settings import ServerSettings, TlsListener
from broker.policy.follower import PolicyFollower
from broker.policy.holder import PolicyHolder
from broker.policy.load import load_policy, load_server, load_share, load_worker
from broker.policy.presence import Presence
from broker.policy.watched import DriftSummary
from broker.ports.issuing import Rooms
from broker.ports.turns import FOR_NOBODY, Turns
from broker.secrets import read_secret
from broker.server.application import BrokerServer
from broker.server.life import Served
from broker.server.running import RunningRequests
from broker.server.threads import FairThreads
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.entitlements import StoredEntitlements
from broker.store.issuances import StoredIssuances
from broker.store.latches import StoredLatches
from broker.store.processes import StoredProcesses
from broker.store.replay import StoredReplayGuard
from broker.tls import ServerContext
from broker.vsphere.gate import Gates
from broker.vsphere.service import Vsphere

_log = logging.getLogger(__name__)

FOLLOW_EVERY_S = 0.5
"""How often a process looks whether a reload was asked for."""

OUTCOME_WITHIN_S = 3.0
"""How long a request whose call was ended at shutdown may take to put its outcome on record."""

_CALLS_PER_ATTEMPT = 4
"""Log-in, proof, one log-in anew and the ticket call: the most that one attempt waits for."""


def server(directory: Path) -> BrokerServer:
    """A server that is ready to run: every file, key and the store were tried out.

    Raises ConfigurationErrors, SecretUnavailable, LogUnavailable.
    """
    settings = load_server(directory)
    load_policy(directory)
    _try_out(settings)
    return BrokerServer(
        settings,
        build=lambda threads: _serve(directory, settings, threads),
        on_hangup=lambda: _ask_reload(settings),
    )


def _serve(directory: Path, started: ServerSettings, threads: FairThreads) -> Served:
    """Build and start everything behind the app, in a worker process.

    Policy and settings are read here, not in the arbiter: a worker that takes the place of
    another must not bring back what a reload has taken away. Raises ConfigurationErrors, LogUnavailable,
    SecretUnavailable.
    """
    clock, metrics = SystemClock(), Metrics()
    signer = LogKeys(started.audit.keys)
    database = Database.open(started.store, clock, signer, started.disk_reserve_mib, metrics.meter, threads)
    keeping = _keeping(started, database)
    presence = Presence(database.boot, "serve", StoredProcesses(database), clock)
    policy, settings = load_share(directory, started.workers), load_worker(directory, started)
    holder, ring = PolicyHolder(policy), KeyRing(_signing_keys(settings))
    refusals = RefusalBudget(database, settings.recorded_refusals.shared(settings.workers))
    gates = Gates(settings.threads, clock, turns=threads)
    vsphere = Vsphere(
        holder, StoredLatches(database), clock, read_secret, settings.proof_max_age_s, gates, metrics.meter
    )
    limits = RequestLimits(
        holder, settings.service_rate, settings.failed_authentications, _windows(settings, threads), clock
    )
    rooms = watched(_rooms(settings, database, holder, refusals, vsphere, limits), metrics.meter)
    requests = RunningRequests(clock)
    drift = DriftSummary(holder, rooms.entitlements, clock)
    health = ProcessHealth(database, keeping, vsphere, drift)
    access = AccessRooms(
        credentials=StoredCredentials(database),
        replay=StoredReplayGuard(database),
        log=AuditAccessLog(database, refusals),
        issuances=StoredIssuances(database),
        listing=vsphere,
        health=HealthWatch(health, limits),
        leaving=requests.leaving,
        turned_away=threads.turns_away,
        turns=threads,
        desk=RecordingDesk(database),
        proofs=StoredProofs(database),
        meter=metrics.meter,
    )
    metrics.ask(Questions(access.health.look, vsphere.loads, drift.look, keeping.standing))
    tokens = AccessTokens(ring, settings.issuer, clock)
    app = create_app(settings, rooms, access, limits, tokens)
    app.wsgi_app = requests.counted(app.wsgi_app)  # type: ignore[assignment, method-assign]  # as Flask says
    reload = _Reload(directory, started, ring, vsphere)
    follower = PolicyFollower(presence, holder, reload.load, reload.swapped, AuditSystemLog(database))
    watch = Beat("watch-health", WATCH_EVERY_S, access.health.look)
    exposition = metrics.exposition(settings, clock)
    running = _running(settings, database, keeping, refusals, vsphere, follower, watch, requests, exposition)
    running.start()
    _log.info("this worker serves", extra={"boot": database.boot, "revision": policy.revision})
    return Served(app, requests.leave, running.close, health.settled, tokens.holder, metrics.meter)


def _keeping(settings: ServerSettings, database: Database) -> LogKeeping:
    """The log, held against its mark before this process adds to it. Raises LogUnavailable."""
    water = HighWater(database, mark_of(settings.store, settings.audit.high_water))
    water.begin()
    out = settings.audit.checkpoints
    return LogKeeping(database, water, Checkpoints(database, out) if out else None)


def _rooms(
    settings: ServerSettings,
    database: Database,
    holder: PolicyHolder,
    refusals: RefusalBudget,
    vsphere: Vsphere,
    limits: RequestLimits,
) -> Rooms:
    """What `issue()` is handed."""
    return Rooms(
        clock=database.clock,
        policy=holder,
        entitlements=StoredEntitlements(database),
        hosts=vsphere,
        prover=vsphere,
        tickets=vsphere,
        limits=limits,
        ledger=AuditLedger(database, refusals, lambda: _attempt_deadline_s(holder.current())),
        fingerprints=_fingerprints(settings),
    )


def _running(
    settings: ServerSettings,
    database: Database,
    keeping: LogKeeping,
    refusals: RefusalBudget,
    vsphere: Vsphere,
    follower: PolicyFollower,
    watch: Beat,
    requests: RunningRequests,
    exposition: Exposition | None,
) -> "_Running":
    """What works beside the requests."""
    return _Running(
        database=database,
        keeping=keeping,
        vsphere=vsphere,
        follower=follower,
        beat=Beat("follow-policy", FOLLOW_EVERY_S, follower.step),
        housekeeping=Housekeeping(database, OrphanRule(database, settings.orphan_grace_s), refusals),
        watch=watch,
        requests=requests,
        exposition=exposition,
    )


@dataclass(frozen=True, slots=True)
class _Running:
    """What works beside the requests, and the order in which it begins and ends."""

    database: Database
    keeping: LogKeeping
    vsphere: Vsphere
    follower: PolicyFollower
    beat: Beat
    housekeeping: Housekeeping
    watch: Beat
    requests: RunningRequests
    exposition: Exposition | None

    def start(self) -> None:
        self.follower.start()
        self.keeping.start()
        self.housekeeping.start()
        self.vsphere.start()
        self.beat.start()
        self.watch.start()
        if self.exposition is not None:
            self.exposition.start()

    def close(self) -> None:
        self.watch.close()
        self.beat.close()
        self.vsphere.close()
        if not self.requests.ended(OUTCOME_WITHIN_S):
            _log.error("requests still run: what becomes of them is not on record")
        self.housekeeping.stop()
        try:
            self.follower.stop()
        except LogUnavailable as unavailable:
            _log.error("the end of this process is not on record: %s", unavailable)
        self.keeping.stop()
        self.database.close()
        if self.exposition is not None:
            self.exposition.close()


class _Reload:
    """Reads policy and signing keys, and swaps both only when all of it is good."""

    def __init__(self, directory: Path, started: ServerSettings, ring: KeyRing, vsphere: Vsphere) -> None:
        self._directory = directory
        self._started = started
        self._ring = ring
        self._vsphere = vsphere
        self._keys = ring.current()

    def load(self) -> Policy:
        """Raises ConfigurationErrors, SecretUnavailable."""
        policy = load_share(self._directory, self._started.workers)
        self._keys = _signing_keys(load_worker(self._directory, self._started))
        return policy

    def swapped(self, policy: Policy) -> None:
        """The policy is in force: follow it with keys and accounts."""
        self._ring.swap(self._keys)
        self._vsphere.follow(policy)


_CODES = {
    Reason.LOGIN_LATCHED: Degraded.LOGIN_LATCHED,
    Reason.NOT_APPLIED: Degraded.NOT_APPLIED,
    Reason.VCENTER_UNAVAILABLE: Degraded.VCENTER_UNREACHABLE,
    Reason.VCENTER_TIMEOUT: Degraded.VCENTER_UNREACHABLE,
    Reason.VCENTER_BUSY: Degraded.VCENTER_BUSY,
    Reason.VCENTER_FAULT: Degraded.VCENTER_FAULT,
    Reason.INVENTORY_STALE: Degraded.INVENTORY_STALE,
    Reason.LOG_UNAVAILABLE: Degraded.STORE_UNAVAILABLE,
}
"""What the trouble of an account is called; anything else is ACCOUNT_UNUSABLE."""


class ProcessHealth:
    """The Health port: what ails this process, in codes of a closed list."""

    def __init__(
        self, database: Database, keeping: LogKeeping, vsphere: Vsphere, drift: DriftSummary
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._vsphere = vsphere
        self._drift = drift

    def degraded(self) -> tuple[str, ...]:
        """What ails accounts, store, log and controller."""
        states = self._vsphere.states().values()
        trouble = {_CODES.get(state.trouble, Degraded.ACCOUNT_UNUSABLE) for state in states if state.trouble}
        trouble |= self._keeping.troubles()
        if (unavailable := self._database.trouble()) is not None:
            trouble.add(Degraded(unavailable.trouble))
        if any(vcenter.silent for vcenter in self._drift.look().values()):
            trouble.add(Degraded.CONTROLLER_SILENT)
        if any(not state.usable and not state.trouble for state in states):
            trouble.add(Degraded.INVENTORY_STALE)
        return tuple(sorted(trouble))

    def can_issue(self) -> bool:
        """False while nothing can be recorded, or no account can get a ticket."""
        return self._database.healthy() and self._vsphere.reachable()

    def settled(self) -> bool:
        """Whether a ticket can be issued, and no account is still about to log in or to see its hosts."""
        states = self._vsphere.states().values()
        return self.can_issue() and all(state.synced or state.trouble for state in states)


def _ask_reload(settings: ServerSettings) -> None:
    """What SIGHUP does, in the arbiter: it must hold no connection across a fork."""
    database = Database.open_existing(settings.store, SystemClock(), LogKeys(settings.audit.keys))
    try:
        StoredProcesses(database).ask_reload()
    finally:
        database.close()


def _try_out(settings: ServerSettings) -> None:
    """Meet in this process what would stop a worker, where it ends in an error that says what to do."""
    _signing_keys(settings)
    _fingerprints(settings)
    _windows(settings, FOR_NOBODY)
    if isinstance(settings.listener, TlsListener):
        listener = settings.listener
        ServerContext(listener.certificate, listener.key)
    Metrics().exposition(settings, SystemClock())
    signer, mark = LogKeys(settings.audit.keys), mark_of(settings.store, settings.audit.high_water)
    with kept(Database.open(settings.store, SystemClock(), signer, settings.disk_reserve_mib), mark):
        pass


def _fingerprints(settings: ServerSettings) -> TicketFingerprints:
    return TicketFingerprints(read_secret(settings.fingerprint_key))


def _signing_keys(settings: ServerSettings) -> SigningKeys:
    return SigningKeys([read_secret(reference) for reference in settings.signing_keys])


def _windows(settings: ServerSettings, turns: Turns) -> WindowStore:
    if settings.redis_url is None:
        return WindowStore.memory()
    return WindowStore.redis(read_secret(settings.redis_url), settings.workers, turns)


def _attempt_deadline_s(policy: Policy) -> float:
    """The longest that an attempt may take; a later outcome meets the orphan rule's fence."""
    slowest = max((v.connect_timeout_s + v.call_timeout_s for v in policy.vcenters.values()), default=0.0)
    return max(60.0, _CALLS_PER_ATTEMPT * slowest)

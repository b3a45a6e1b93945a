"""One vCenter, once logged in to it: what is asked there, and handed to the pure parts.

A question that vCenter answers with a fault costs what hangs on it, and is a finding; a vCenter that
does not answer ends the visit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.certificates import read_certificate
from broker.doctor.accounts import WINDOW_S, AccountFacts, of_account, places_of
from broker.doctor.catalogue import Check
from broker.doctor.connection import TYPICAL_SESSIONS, of_sessions
from broker.doctor.finding import Finding
from broker.doctor.hosts import HostView, of_host
from broker.doctor.privileged import of_controller, places
from broker.doctor.reach import Reach, grants_by_host, of_account_grants
from broker.errors import LogUnavailable, Reason, Refused, SecretUnavailable
from broker.model.inventory import Host, HostFacts, HostRef, Sighting
from broker.model.names import AccountId, HostName, Moid, VcenterId
from broker.model.policy import Account, Policy, ReadinessMode, Vcenter
from broker.model.principals import canonical_user
from broker.model.survey import Survey
from broker.policy.controller_needs import controller_needs
from broker.policy.decide import meant
from broker.ports.clock import Clock
from broker.ports.inspection import Greeter, Inspection, LogInTrial

_TOGETHER = 50
"""Hosts whose facts are read in one call: some 5 MB."""

_SEES_SESSIONS = "Sessions.TerminateSession"

_OF_ONE_QUESTION = frozenset({Reason.VCENTER_FAULT, Reason.NOT_APPLIED, Reason.HOST_DISCONNECTED})
"""Refusals that say nothing of the next question: a fault, or a privilege that is missing."""

Progress = Callable[[str, int, int], None]
"""Told what is looked at, how much of it is done, and of how much."""

LatchedSince = Callable[[VcenterId, str], datetime | None]
"""Since when log-ins of a canonical user are stopped. Raises LogUnavailable."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """What an examination is handed."""

    clock: Clock
    greeter: Greeter
    inspection: Callable[[Vcenter], Inspection | None]
    """None where the controller has no log-in for the vCenter."""
    latched_since: LatchedSince
    trial: Callable[[Vcenter], LogInTrial]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at: every vCenter of the policy unless some are named, hosts likewise."""

    vcenters: tuple[VcenterId, ...] = ()
    hosts: tuple[HostName, ...] = ()
    most_sessions: int = TYPICAL_SESSIONS
    log_in: bool = False
    """Whether the accounts' passwords are tried: a refused one counts toward the lock."""


@dataclass(slots=True)
class Seen:
    """What is known at the end of it all."""

    hosts: int = 0
    found: set[HostName] = field(default_factory=set)
    unseen: dict[VcenterId, None] = field(default_factory=dict)
    """vCenters of which something could not be looked at, in order."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A vCenter in one look, and what was asked for. `user` is the controller's, as vCenter writes it."""

    policy: Policy
    vcenter: Vcenter
    inspection: Inspection
    user: str
    survey: Survey
    reached: tuple[Reach, ...]
    theirs: datetime
    """vCenter's time when the visit began."""
    wanted: Wanted
    instruments: Instruments
    seen: Seen

    def guarded(self, subject: str, found: Iterator[Finding]) -> Iterator[Finding]:
        """What is found, up to a question that is not answered."""
        try:
            yield from found
        except LogUnavailable:
            raise
        except Refused as refusal:
            if refusal.reason not in _OF_ONE_QUESTION:
                raise
            self.seen.unseen[self.vcenter.id] = None
            yield Finding(Check.CANNOT_LOOK, self.vcenter.id, subject, str(refusal))

    def progress(self, what: str, done: int, of: int) -> None:
        """Tell who waits."""
        self.instruments.progress(f"{what} of {self.vcenter.id}", done, of)


def of_visit(visit: Visit) -> Iterator[Finding]:
    """The controller's account, each low-privilege account, the hosts."""
    yield from visit.guarded(f"controller {visit.user}", _controller(visit))
    yield from _accounts(visit)
    yield from visit.guarded("hosts", _hosts(visit))


def _controller(visit: Visit) -> Iterator[Finding]:
    needed = places(controller_needs(visit.policy, visit.vcenter.id), visit.survey)
    held = visit.inspection.effective(visit.user, [place.entity for place in needed])
    yield from of_controller(visit.vcenter.id, visit.user, needed, held, visit.survey)
    may_see = _SEES_SESSIONS in held.get(visit.survey.tree.root, frozenset())
    sessions = visit.inspection.session_users() if may_see else None
    yield from of_sessions(visit.vcenter.id, sessions, visit.wanted.most_sessions)


def _accounts(visit: Visit) -> Iterator[Finding]:
    accounts = [a for _, a in sorted(visit.policy.accounts.items()) if a.vcenter == visit.vcenter.id]
    refused: dict[str, int] = {}
    yield from visit.guarded("accounts", _refused_logins(visit, refused))
    for done, account in enumerate(accounts):
        visit.progress("accounts", done, len(accounts))
        yield from visit.guarded(f"account {account.id}", _account(visit, account, refused))
    if accounts:
        yield from _not_known(visit)


def _refused_logins(visit: Visit, into: dict[str, int]) -> Iterator[Finding]:
    """Nothing by itself: what is read goes `into` what each account is told from."""
    into.update(visit.inspection.refused_logins(visit.theirs - timedelta(seconds=WINDOW_S)))
    yield from ()


def _account(visit: Visit, account: Account, refused: Mapping[str, int]) -> Iterator[Finding]:
    own = of_account_grants(visit.reached, account.id)
    canonical = canonical_user(account.user)
    known = visit.inspection.knows(account.user)
    where = places_of(account.user, own, visit.survey)
    facts = AccountFacts(
        known=known,
        latched_since=visit.instruments.latched_since(visit.vcenter.id, canonical),
        refused_lately=refused.get(canonical, 0),
        held={} if known is False else visit.inspection.effective(account.user, where),
    )
    yield from of_account(account, facts, own, visit.survey, visit.policy.templates)
    if visit.wanted.log_in and known is not False:
        yield from _tried(visit, account)


def _tried(visit: Visit, account: Account) -> Iterator[Finding]:
    """The account's own log-in. One that vCenter does not answer says nothing of the controller's session."""
    subject = f"account {account.id}"
    try:
        visit.instruments.trial(visit.vcenter).log_in(account)
    except LogUnavailable:
        raise
    except SecretUnavailable as error:
        yield Finding(Check.UNTRIED, visit.vcenter.id, subject, str(error))
    except Refused as refusal:
        yield Finding(Check.CANNOT_LOG_IN, visit.vcenter.id, subject, str(refusal))


def _not_known(visit: Visit) -> Iterator[Finding]:
    limits = "effective privileges are shown, not where each of them comes from"
    yield Finding(Check.GLOBAL_UNVERIFIED, visit.vcenter.id, "accounts", limits)
    if not visit.wanted.log_in:
        yield Finding(Check.LOCK_UNKNOWN, visit.vcenter.id, "accounts", "no password was tried")


def _hosts(visit: Visit) -> Iterator[Finding]:
    covered = grants_by_host(visit.reached)
    hosts = _chosen(visit, visit.inspection.hosts(), covered)
    now = visit.instruments.clock.now()
    for first in range(0, len(hosts), _TOGETHER):
        visit.progress("hosts", first, len(hosts))
        some = hosts[first : first + _TOGETHER]
        refs = [host.ref for host in some]
        facts, thumbprints = _facts(visit.inspection, refs), visit.inspection.thumbprints(refs)
        for host in some:
            modes = frozenset(visit.policy.grants[g].readiness for g in covered.get(host.ref.moid, ()))
            view = _view(host, facts.get(host.ref), thumbprints.get(host.ref), modes)
            yield from of_host(view, visit.vcenter, now)
        visit.seen.hosts += len(some)


def _view(
    host: Host, facts: HostFacts | None, thumbprint: str | None, modes: frozenset[ReadinessMode]
) -> HostView:
    pem = facts.certificate_pem if facts else None
    return HostView(host, facts, read_certificate(pem) if pem else None, thumbprint, modes)


def _facts(inspection: Inspection, refs: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
    """All in one call; where that is refused, one by one, since one host may be to blame."""
    try:
        return inspection.facts(refs)
    except Refused as refusal:
        if refusal.reason not in _OF_ONE_QUESTION:
            raise
        if len(refs) == 1:
            return {}
    return {ref: told for each in refs for ref, told in _facts(inspection, [each]).items()}


def _chosen(visit: Visit, hosts: Sequence[Host], covered: Mapping[Moid, object]) -> list[Host]:
    """Those that were named, else all that grants are for."""
    if not visit.wanted.hosts:
        return [host for host in hosts if host.ref.moid in covered]
    sightings = [Sighting(_NOBODY, host, 0.0) for host in hosts]
    chosen: dict[HostRef, Host] = {}
    for name in visit.wanted.hosts:
        named = meant(name, sightings)
        if len(named) == 1:
            visit.seen.found.add(name)
            chosen[named[0].host.ref] = named[0].host
    return list(chosen.values())


_NOBODY = AccountId("")
"""Whoever looks is none of the low-privilege accounts."""

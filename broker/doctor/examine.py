"""The examination: reads through ports, vCenter by vCenter, and hands what it read to the pure parts.

In this order, since one thing makes sense only after another: TLS, log-in, clock; what stands in the
whole vCenter, in one look; the controller's account; each low-privilege account; the hosts. What could
not be asked ends the look at that vCenter, and is a finding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.certificates import read_certificate
from broker.doctor.accounts import WINDOW_S, AccountFacts, of_account, places_of
from broker.doctor.catalogue import Check
from broker.doctor.connection import TYPICAL_SESSIONS, of_clock, of_greeting, of_sessions
from broker.doctor.finding import Finding, Report
from broker.doctor.hosts import HostView, of_host
from broker.doctor.privileged import of_controller, places
from broker.doctor.reach import Reach, grants_by_host, of_account_grants, reaches, unresolved
from broker.errors import LogUnavailable, Refused, SecretUnavailable
from broker.model.inventory import Host, Sighting
from broker.model.names import AccountId, HostName, VcenterId
from broker.model.policy import Account, Policy, Vcenter
from broker.model.principals import canonical_user
from broker.model.survey import Survey
from broker.policy.controller_needs import controller_needs
from broker.policy.decide import meant
from broker.ports.clock import Clock
from broker.ports.inspection import Greeter, Handshake, Inspection, LogInTrial

_TOGETHER = 50
"""Hosts whose facts are read in one call: some 5 MB."""

_SEES_SESSIONS = "Sessions.TerminateSession"

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
class _Seen:
    """What is known at the end of it all."""

    hosts: int = 0
    found: set[HostName] = field(default_factory=set)
    unseen: list[VcenterId] = field(default_factory=list)


def examine(policy: Policy, wanted: Wanted, instruments: Instruments) -> Report:
    """Look at all of it. Raises LogUnavailable; everything else that fails is a finding."""
    seen = _Seen()
    vcenters = wanted.vcenters or tuple(sorted(policy.vcenters))
    findings = [
        finding
        for vcenter in vcenters
        for finding in _Examination(policy, policy.vcenters[vcenter], wanted, instruments, seen).findings()
    ]
    findings += (_not_found(name) for name in wanted.hosts if name not in seen.found)
    return Report(tuple(findings), vcenters, seen.hosts, tuple(seen.unseen))


def _not_found(name: HostName) -> Finding:
    return Finding(
        Check.HOST_NOT_FOUND, None, f"host {name}", "no vCenter shows exactly one host of that name"
    )


class _Examination:
    """Of one vCenter."""

    def __init__(
        self, policy: Policy, vcenter: Vcenter, wanted: Wanted, instruments: Instruments, seen: _Seen
    ) -> None:
        self._policy = policy
        self._vcenter = vcenter
        self._wanted = wanted
        self._with = instruments
        self._seen = seen

    def findings(self) -> Iterator[Finding]:
        greeting = self._with.greeter.greet(self._vcenter)
        yield from of_greeting(self._vcenter.id, greeting, self._with.clock.now())
        inspection = self._with.inspection(self._vcenter)
        if inspection is None:
            yield Finding(Check.NO_LOGIN, self._vcenter.id, "vcenter", "the controller's file names none")
        if inspection is None or greeting.handshake is not Handshake.VERIFIED:
            self._seen.unseen.append(self._vcenter.id)
            return
        refused_at = Check.LOGIN_REFUSED
        try:
            user = inspection.user()
            refused_at = Check.CANNOT_LOOK
            yield from self._inside(inspection, user)
        except LogUnavailable:
            raise
        except Refused as refusal:
            self._seen.unseen.append(self._vcenter.id)
            yield Finding(refused_at, self._vcenter.id, "vcenter", str(refusal))
        finally:
            inspection.close()

    def _inside(self, inspection: Inspection, user: str) -> Iterator[Finding]:
        before = self._with.clock.now()
        theirs = inspection.now()
        yield from of_clock(self._vcenter.id, theirs, before, self._with.clock.now())
        survey = inspection.survey()
        reached = reaches(self._policy, self._vcenter.id, survey)
        yield from unresolved(self._policy, self._vcenter.id, survey)
        yield from self._controller(inspection, user, survey)
        yield from self._accounts(inspection, survey, reached, theirs)
        yield from self._hosts(inspection, reached)

    def _controller(self, inspection: Inspection, user: str, survey: Survey) -> Iterator[Finding]:
        needed = places(controller_needs(self._policy, self._vcenter.id), survey)
        held = inspection.effective(user, [place.entity for place in needed])
        yield from of_controller(self._vcenter.id, user, needed, held, survey)
        may_see = _SEES_SESSIONS in held.get(survey.tree.root, frozenset())
        sessions = inspection.session_users() if may_see else None
        yield from of_sessions(self._vcenter.id, sessions, self._wanted.most_sessions)

    def _accounts(
        self, inspection: Inspection, survey: Survey, reached: tuple[Reach, ...], now: datetime
    ) -> Iterator[Finding]:
        accounts = sorted(
            (a for a in self._policy.accounts.values() if a.vcenter == self._vcenter.id), key=lambda a: a.id
        )
        refused = inspection.refused_logins(now - timedelta(seconds=WINDOW_S)) if accounts else {}
        for done, account in enumerate(accounts):
            self._with.progress(f"accounts of {self._vcenter.id}", done, len(accounts))
            own = of_account_grants(reached, account.id)
            facts = AccountFacts(
                known=inspection.knows(account.user),
                latched_since=self._with.latched_since(self._vcenter.id, canonical_user(account.user)),
                refused_lately=refused.get(canonical_user(account.user), 0),
                held=inspection.effective(account.user, places_of(account.user, own, survey)),
            )
            yield from of_account(account, facts, own, survey, self._policy.templates)
            if facts.known is not False:
                yield from self._tried(account)
        if accounts:
            yield from self._not_known()

    def _tried(self, account: Account) -> Iterator[Finding]:
        """The account's own log-in, where it was asked for."""
        if not self._wanted.log_in:
            return
        subject = f"account {account.id}"
        try:
            self._with.trial(self._vcenter).log_in(account)
        except LogUnavailable:
            raise
        except SecretUnavailable as error:
            yield Finding(Check.UNTRIED, self._vcenter.id, subject, str(error))
        except Refused as refusal:
            yield Finding(Check.CANNOT_LOG_IN, self._vcenter.id, subject, str(refusal))

    def _not_known(self) -> Iterator[Finding]:
        limits = "effective privileges are shown, not where each of them comes from"
        yield Finding(Check.GLOBAL_UNVERIFIED, self._vcenter.id, "accounts", limits)
        if not self._wanted.log_in:
            untried = "no password was tried"
            yield Finding(Check.LOCK_UNKNOWN, self._vcenter.id, "accounts", untried)

    def _hosts(self, inspection: Inspection, reached: tuple[Reach, ...]) -> Iterator[Finding]:
        covered = grants_by_host(reached)
        hosts = self._chosen(inspection.hosts(), covered)
        now = self._with.clock.now()
        for first in range(0, len(hosts), _TOGETHER):
            self._with.progress(f"hosts of {self._vcenter.id}", first, len(hosts))
            some = hosts[first : first + _TOGETHER]
            facts = inspection.facts([host.ref for host in some])
            for host in some:
                grants = covered.get(host.ref.moid, ())
                read = facts.get(host.ref)
                pem = read.certificate_pem if read else None
                modes = frozenset(self._policy.grants[grant].readiness for grant in grants)
                view = HostView(host, read, read_certificate(pem) if pem else None, modes)
                if not grants:
                    yield view.found(Check.HOST_UNCOVERED, "it is in no scope")
                yield from of_host(view, self._vcenter, now)
            self._seen.hosts += len(some)

    def _chosen(self, hosts: Sequence[Host], covered: Iterable[object]) -> list[Host]:
        """Those that were named, else all that grants are for."""
        if not self._wanted.hosts:
            wanted = set(covered)
            return [host for host in hosts if host.ref.moid in wanted]
        sightings = [Sighting(_NOBODY, host, 0.0) for host in hosts]
        chosen: dict[object, Host] = {}
        for name in self._wanted.hosts:
            named = meant(name, sightings)
            if len(named) == 1:
                self._seen.found.add(name)
                chosen[named[0].host.ref] = named[0].host
        return list(chosen.values())


_NOBODY = AccountId("")
"""Whoever looks is none of the low-privilege accounts."""

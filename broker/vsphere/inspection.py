"""One vCenter, looked at on the privileged session or as one of our accounts. Reads only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from pyVmomi import vim

from broker.model.inventory import Host, HostFacts, HostRef
from broker.model.names import Moid, VcenterId
from broker.model.policy import Account, Vcenter
from broker.model.principals import canonical_user
from broker.model.settings import ControllerLogin
from broker.model.survey import Survey
from broker.model.tree import Entity
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.ports.clock import Clock
from broker.ports.operation import LoginLatch
from broker.secrets import SecretReader
from broker.vsphere.connection import Link
from broker.vsphere.facts import read_facts
from broker.vsphere.faults import answered
from broker.vsphere.gate import Gates
from broker.vsphere.listing import read_inventory
from broker.vsphere.login import SecretSource
from broker.vsphere.properties import properties_of_each, property_of
from broker.vsphere.remote import Remote
from broker.vsphere.sessions import Session, session_of
from broker.vsphere.survey import survey_of
from broker.vsphere.users import held_by, in_directory

_PLACES = 1
"""Calls at a time: who looks is in no hurry, and takes no ticket's place."""

_LARGE_ANSWER_S = 60.0
"""Patience for what is read of many hosts at once: vCenter asks the hosts themselves for some of it."""

_THUMBPRINT = "summary.config.sslThumbprint"
_VIEW = "System.View"


class VcenterInspection:
    """ports.inspection.Inspection over one session, logged in at first use."""

    def __init__(self, vcenter: VcenterId, session: Session) -> None:
        self._vcenter = vcenter
        self._session = session

    def survey(self) -> Survey:
        """Roles, permissions and tree."""
        return self._session.run(survey_of)

    def now(self) -> datetime:
        """ServiceInstance.CurrentTime, asked in a session, so that no log-in stands between."""
        return self._session.run(lambda link: _current_time(link).astimezone(UTC))

    def user(self) -> str:
        """As currentSession gives it."""
        return self._session.run(lambda link: link.user_name)

    def session_users(self) -> tuple[str, ...]:
        """SessionManager.sessionList."""
        listed = self._session.run(_sessions)
        return tuple(str(session.userName) for session in listed)

    def effective(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """FetchUserPrivilegeOnEntities, without System.*."""
        held = self._held(user, entities)
        return {moid: privileges - SYSTEM_PRIVILEGES for moid, privileges in held.items()}

    def seen_by(self, user: str, entities: Sequence[Entity]) -> frozenset[Moid]:
        """FetchUserPrivilegeOnEntities, System.View alone."""
        held = self._held(user, entities)
        return frozenset(moid for moid, privileges in held.items() if _VIEW in privileges)

    def knows(self, user: str) -> bool | None:
        """UserDirectory.RetrieveUserGroups, by exact name in the user's own domain."""
        return self._session.run(partial(in_directory, user=user))

    def refused_logins(self, since: datetime) -> Mapping[str, int]:
        """EventManager.QueryEvents of BadUsernameSessionEvent."""
        events = self._session.run(partial(_refused_logins, since=since))
        return Counter(canonical_user(str(event.userName)) for event in events if event.userName)

    def hosts(self) -> tuple[Host, ...]:
        """Every host whose place in the tree is known."""
        return self._session.run(partial(_hosts, vcenter=self._vcenter))

    def facts(self, hosts: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
        """One RetrievePropertiesEx over all of them."""
        return self._session.run(partial(_facts, refs=hosts))

    def thumbprints(self, hosts: Sequence[HostRef]) -> Mapping[HostRef, str]:
        """One RetrievePropertiesEx of HostSystem.summary.config.sslThumbprint."""
        return self._session.run(partial(_thumbprints, refs=hosts))

    def close(self) -> None:
        """Log out. Never raises."""
        self._session.close()

    def _held(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        return self._session.run(partial(held_by, user=user, entities=entities))


def inspection_of(
    vcenter: Vcenter, login: ControllerLogin, latch: LoginLatch, clock: Clock, read_secret: SecretReader
) -> VcenterInspection:
    """A vCenter as the privileged account sees it; nothing is asked of it yet."""
    secret = partial(read_secret, login.password)
    return VcenterInspection(vcenter.id, _session(vcenter, login.user, secret, latch, clock))


class PasswordTrial:
    """ports.inspection.LogInTrial on one vCenter."""

    def __init__(self, vcenter: Vcenter, latch: LoginLatch, clock: Clock, read_secret: SecretReader) -> None:
        self._vcenter = vcenter
        self._latch = latch
        self._clock = clock
        self._read_secret = read_secret

    def log_in(self, account: Account) -> None:
        """In and out again, once."""
        secret = self._read_secret(account.password)
        session = _session(self._vcenter, account.user, lambda: secret, self._latch, self._clock)
        try:
            session.run(lambda link: link.user_name)
        finally:
            session.close()


def _session(vcenter: Vcenter, user: str, secret: SecretSource, latch: LoginLatch, clock: Clock) -> Session:
    gate = Gates(_PLACES, clock).of(replace(vcenter, concurrency=_PLACES))
    return session_of(vcenter, user, secret, latch, gate, clock)


def _hosts(link: Link, vcenter: VcenterId) -> tuple[Host, ...]:
    with link.stub.patience(_LARGE_ANSWER_S):
        return read_inventory(vcenter, link).all


def _facts(link: Link, refs: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
    with link.stub.patience(_LARGE_ANSWER_S):
        return read_facts(link, refs)


def _thumbprints(link: Link, refs: Sequence[HostRef]) -> Mapping[HostRef, str]:
    told = properties_of_each(link.content, [link.host(ref) for ref in refs], [_THUMBPRINT])
    shown = {ref: told.get(ref.moid, {}).get(_THUMBPRINT) for ref in refs}
    return {ref: text for ref, text in shown.items() if isinstance(text, str)}


def _current_time(link: Link) -> datetime:
    told: datetime = vim.ServiceInstance("ServiceInstance", link.stub).CurrentTime()
    return told


def _sessions(link: Link) -> list[Remote]:
    return property_of(link.content, link.content.sessionManager, "sessionList") or []


def _refused_logins(link: Link, since: datetime) -> list[Remote]:
    spec = vim.event.EventFilterSpec(
        eventTypeId=["BadUsernameSessionEvent"],
        time=vim.event.EventFilterSpec.ByTime(beginTime=since),
    )
    return list(answered(lambda: link.content.eventManager.QueryEvents(spec)) or ())

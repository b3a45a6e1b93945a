"""Hosts and privileges of the low-privilege accounts, told by the controller's session.

What `broker serve` learns as the account itself is asked here about the account: which hosts it may see,
what it effectively holds. Everything is asked once.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from broker.errors import Reason, Refused
from broker.model.inventory import Firewall, Host, HostFacts, HostRef, Sighting
from broker.model.issuance import Proof
from broker.model.names import AccountId, HostName, VcenterId
from broker.model.policy import Account, Policy, Vcenter
from broker.model.principals import canonical_user
from broker.model.survey import Survey
from broker.model.tree import Entity, Kind
from broker.policy.decide import found_by, meant
from broker.ports.inspection import Inspection

OpenInspection = Callable[[Vcenter], Inspection | None]
LatchedSince = Callable[[VcenterId, str], datetime | None]

_UNKNOWN = HostFacts(None, Firewall(None, None, ()), None)


class ControllersView:
    """ports.issuing.Hosts and Prover. `trail` holds what was asked since it was last emptied."""

    def __init__(self, policy: Policy, inspection: OpenInspection, latched_since: LatchedSince) -> None:
        self._policy = policy
        self._open = inspection
        self._latched_since = latched_since
        self._inspections: dict[VcenterId, Inspection | None] = {}
        self._hosts: dict[VcenterId, tuple[Host, ...]] = {}
        self._surveys: dict[VcenterId, Survey] = {}
        self._sightings: dict[tuple[AccountId, HostName], tuple[Sighting, ...]] = {}
        self._facts: dict[HostRef, HostFacts] = {}
        self._proofs: dict[tuple[AccountId, HostRef], Proof] = {}
        self.trail: list[str] = []

    def find(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """See `Hosts.find`: the hosts of that name that each account may see."""
        self.trail.append("find")
        return found_by(name, accounts, lambda account: self._seen(self._policy.accounts[account], name))

    def seen(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """See `Hosts.seen`: nothing is made ready here."""
        return ()

    def expect_facts(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """See `Hosts.expect_facts`."""
        return False

    def facts(self, account: AccountId, host: Host) -> HostFacts:
        """See `Hosts.facts`."""
        self.trail.append("facts")
        if host.ref not in self._facts:
            told = self._of(host.ref.vcenter).facts([host.ref])
            self._facts[host.ref] = told.get(host.ref, _UNKNOWN)
        return self._facts[host.ref]

    def forget_facts(self, account: AccountId, host: Host) -> None:
        """See `Hosts.forget_facts`."""

    def prove(self, account: AccountId, host: Host) -> Proof:
        """See `Prover.prove`. Refused where the account's log-ins are stopped, since it has to log in."""
        self.trail.append("prove")
        entry = self._policy.accounts[account]
        since = self._latched_since(entry.vcenter, canonical_user(entry.user))
        if since is not None:
            stopped = f"{entry.user}: stopped since {since.isoformat()}; a session from before may live on"
            raise Refused(Reason.LOGIN_LATCHED, stopped)
        if (account, host.ref) not in self._proofs:
            self._proofs[account, host.ref] = self._proved(entry, host)
        return self._proofs[account, host.ref]

    def expect_proofs(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """See `Prover.expect_proofs`."""
        return False

    def drop(self, account: AccountId, host: Host) -> None:
        """See `Prover.drop`."""

    def known_as(self, name: HostName, vcenter: VcenterId) -> tuple[Host, ...]:
        """Every host that the controller itself finds under that name. Raises Refused."""
        sightings = (Sighting(AccountId(""), host, 0.0) for host in self._all(vcenter))
        return tuple(sighting.host for sighting in meant(name, sightings))

    def survey(self, vcenter: VcenterId) -> Survey:
        """One look at the vCenter. Raises Refused."""
        if vcenter not in self._surveys:
            self._surveys[vcenter] = self._of(vcenter).survey()
        return self._surveys[vcenter]

    def close(self) -> None:
        """Log out everywhere. Never raises."""
        for inspection in self._inspections.values():
            if inspection is not None:
                inspection.close()

    def _of(self, vcenter: VcenterId) -> Inspection:
        if vcenter not in self._inspections:
            self._inspections[vcenter] = self._open(self._policy.vcenters[vcenter])
        inspection = self._inspections[vcenter]
        if inspection is None:
            missing = f"the controller's file has no log-in for vCenter {vcenter}: it cannot be looked at"
            raise Refused(Reason.VCENTER_UNAVAILABLE, missing)
        return inspection

    def _all(self, vcenter: VcenterId) -> tuple[Host, ...]:
        if vcenter not in self._hosts:
            self._hosts[vcenter] = self._of(vcenter).hosts()
        return self._hosts[vcenter]

    def _seen(self, account: Account, name: HostName) -> tuple[Sighting, ...]:
        key = (account.id, name)
        if key not in self._sightings:
            named = [h for h in self._all(account.vcenter) if name in (h.name, *h.addresses)]
            entities = [Entity(Kind.HOST, host.ref.moid) for host in named]
            seen = self._of(account.vcenter).seen_by(account.user, entities) if named else frozenset()
            self._sightings[key] = tuple(Sighting(account.id, h, 0.0) for h in named if h.ref.moid in seen)
        return self._sightings[key]

    def _proved(self, account: Account, host: Host) -> Proof:
        root = Entity(Kind.FOLDER, self.survey(account.vcenter).tree.root)
        asked = [Entity(Kind.HOST, host.ref.moid), root]
        held = self._of(account.vcenter).effective(account.user, asked)
        if not {entity.moid for entity in asked} <= set(held):
            raise Refused(Reason.UNPROVEN, "vCenter does not say what the account holds")
        return Proof(held[host.ref.moid], held[root.moid], digest="", age_s=0.0)

"""Which hosts an app may have tickets for: the decision of a ticket request, asked for every host.

Pure: `listed` is given what the rooms know, and uses `broker.policy.decide` as `issue()` does, so
that nothing is listed that a request would not find, and nothing is found that is not listed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.errors import REASONS, Reason, Refused
from broker.model.applied import AppliedGrant
from broker.model.inventory import Host, HostFacts, Sighting
from broker.model.names import AccountId, GrantId, HostName, VcenterId
from broker.model.policy import Grant, Policy
from broker.policy.decide import Granted, covering_grant, judge_connection, judge_readiness, meant, one_host
from broker.policy.watched import judge_watch
from broker.ports.issuing import InForce

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One host under one grant.

    `reason` is why a request would be refused now, as far as is known. `ready` is None where
    nothing speaks against the host and its CIM service was not asked about: a request asks.
    """

    host: Host
    grant: Grant
    age_s: float
    reason: Reason | None
    ready: bool | None

    @property
    def key(self) -> Key:
        """The order of the listing, and where a page goes on."""
        return (self.host.ref.vcenter, self.host.name, self.host.ref.moid, self.grant.id)


Known = Callable[[AccountId, Host], HostFacts | None]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the rooms know without asking vCenter: the policy, what was applied, facts of hosts."""

    policy: Policy
    in_force: InForce
    now: datetime
    facts: Known


def listed(known: Knowledge, grants: Iterable[Grant], sightings: Iterable[Sighting]) -> list[Listed]:
    """Every host under every grant that covers it, in order."""
    grants = tuple(grants)
    rows: list[Listed] = []
    for vcenter, seen in _by_vcenter(sightings).items():
        names = _by_name(seen)
        here = tuple(g for g in grants if known.policy.accounts[g.account].vcenter == vcenter)
        for same in _by_host(seen).values():
            rows += (row for grant in here if (row := _judged(known, grant, names[same[0].host.name], same)))
    return sorted(rows, key=lambda row: row.key)


def _judged(
    known: Knowledge, grant: Grant, namesakes: tuple[Sighting, ...], same: tuple[Sighting, ...]
) -> Listed | None:
    """The host under this grant, or None where a request would be told that nothing covers it."""
    own = next((s for s in same if s.account == grant.account), None)
    if own is None or own not in namesakes:
        return None
    reason = ready = None
    try:
        found = one_host(namesakes)
        ready = _ready(known, covering_grant(known.policy, (grant,), found, known.in_force.applied))
    except Refused as refusal:
        reason, ready = refusal.reason, False
    if reason and REASONS[reason].shown_as is Reason.NOT_GRANTED:
        return None
    if reason is Reason.INVENTORY_STALE and not _covers(grant, own.host, known.in_force.applied):
        return None
    return Listed(own.host, grant, own.age_s, reason, ready)


def _ready(known: Knowledge, granted: Granted) -> bool | None:
    """Judge as a request would be, with the facts at hand. Raises Refused."""
    host, account = granted.host, granted.grant.account
    judge_watch(granted.grant, granted.applied, known.in_force, known.now)
    judge_connection(host, known.policy.vcenters[host.ref.vcenter])
    facts = known.facts(account, host)
    if facts is None:
        return None
    judge_readiness(host, facts, granted.grant.readiness)
    return True


def _covers(grant: Grant, host: Host, applied: Callable[[GrantId], AppliedGrant | None]) -> bool:
    """Whether a stale host is this app's business at all."""
    standing = applied(grant.id)
    return standing is not None and standing.covers(host.ref.instance_uuid, (host.ref.moid, *host.ancestors))


def _by_vcenter(sightings: Iterable[Sighting]) -> Mapping[VcenterId, list[Sighting]]:
    found: dict[VcenterId, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        found[sighting.host.ref.vcenter].append(sighting)
    return found


def _by_host(sightings: Iterable[Sighting]) -> Mapping[tuple[str, str], tuple[Sighting, ...]]:
    found: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        found[(sighting.host.ref.instance_uuid, sighting.host.ref.moid)].append(sighting)
    return {key: tuple(same) for key, same in found.items()}


def _by_name(sightings: Iterable[Sighting]) -> Mapping[HostName, tuple[Sighting, ...]]:
    """Under each name all that it means: two hosts under one name are none."""
    found: dict[HostName, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        for name in _names(sighting.host):
            found[name].append(sighting)
    return {name: meant(name, same) for name, same in found.items()}


def _names(host: Host) -> Iterator[HostName]:
    yield from dict.fromkeys((host.name, *host.addresses))

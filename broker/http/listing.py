"""Which hosts an app may have tickets for: the decision of a ticket request, asked for every host.

Pure: `listed` is given what the rooms know, and uses `broker.policy.decide` as `issue()` does, so
that nothing is listed that a request would not find, and nothing is found that is not listed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from broker.errors import REASONS, Reason, Refused
from broker.model.applied import AppliedGrant
from broker.model.inventory import Host, Sighting
from broker.model.names import GrantId, HostName, VcenterId
from broker.model.policy import Grant, Policy
from broker.policy.decide import covering_grant, judge_connection, one_host

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One host under one grant. `reason` is why a request would be refused now; None when it would not."""

    host: Host
    grant: Grant
    age_s: float
    reason: Reason | None

    @property
    def key(self) -> Key:
        """The order of the listing, and where a page goes on."""
        return (self.host.ref.vcenter, self.host.name, self.host.ref.moid, self.grant.id)


Applied = Callable[[GrantId], AppliedGrant | None]


def listed(
    policy: Policy, grants: Iterable[Grant], sightings: Iterable[Sighting], applied: Applied
) -> list[Listed]:
    """Every host under every grant that covers it, in order."""
    grants = tuple(grants)
    rows: list[Listed] = []
    for vcenter, seen in _by_vcenter(sightings).items():
        names = _by_name(seen)
        here = tuple(g for g in grants if policy.accounts[g.account].vcenter == vcenter)
        for same in _by_host(seen).values():
            rows += (
                row
                for grant in here
                if (row := _judged(policy, grant, names[same[0].host.name], same, applied))
            )
    return sorted(rows, key=lambda row: row.key)


def _judged(
    policy: Policy,
    grant: Grant,
    namesakes: tuple[Sighting, ...],
    same: tuple[Sighting, ...],
    applied: Applied,
) -> Listed | None:
    """The host under this grant, or None where a request would be told that nothing covers it."""
    own = next((s for s in same if s.account == grant.account), None)
    if own is None:
        return None
    reason = None
    try:
        granted = covering_grant(policy, (grant,), one_host(namesakes), applied)
        judge_connection(granted.host, policy.vcenters[own.host.ref.vcenter])
    except Refused as refusal:
        reason = refusal.reason
    if reason and REASONS[reason].shown_as is Reason.NOT_GRANTED:
        return None
    if reason is Reason.INVENTORY_STALE and not _covers(grant, own.host, applied):
        return None
    return Listed(own.host, grant, own.age_s, reason)


def _covers(grant: Grant, host: Host, applied: Applied) -> bool:
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
    """Under each name all that answer to it: two hosts under one name are none."""
    found: dict[HostName, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        for name in _names(sighting.host):
            found[name].append(sighting)
    return {name: tuple(same) for name, same in found.items()}


def _names(host: Host) -> Iterator[HostName]:
    yield from dict.fromkeys((host.name, *host.addresses))

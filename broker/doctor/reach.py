"""Which hosts each grant is for, by the paths that admins wrote, in the inventory as it is now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from broker.doctor.catalogue import Check
from broker.doctor.finding import Finding
from broker.model.names import AccountId, GrantId, Moid, VcenterId
from broker.model.policy import Grant, Policy
from broker.model.survey import Survey
from broker.model.tree import ScopeUnresolved, Target


@dataclass(frozen=True, slots=True)
class Reach:
    """A grant of this vCenter with what its scope names; what does not resolve is left out."""

    grant: Grant
    targets: tuple[Target, ...]
    hosts: tuple[Moid, ...]


def reaches(policy: Policy, vcenter: VcenterId, survey: Survey) -> tuple[Reach, ...]:
    """Every grant of that vCenter, in the order of their ids."""
    found: list[Reach] = []
    for _, grant in sorted(policy.grants.items()):
        if policy.accounts[grant.account].vcenter == vcenter:
            targets = tuple(_resolved(grant, survey))
            hosts = dict.fromkeys(h for t in targets for h in survey.tree.hosts_below(t.moid))
            found.append(Reach(grant, targets, tuple(hosts)))
    return tuple(found)


def of_account_grants(reached: tuple[Reach, ...], account: AccountId) -> tuple[Reach, ...]:
    """Those whose tickets this account takes."""
    return tuple(reach for reach in reached if reach.grant.account == account)


def grants_by_host(reached: tuple[Reach, ...]) -> Mapping[Moid, tuple[GrantId, ...]]:
    """The grants that are for each host."""
    found: dict[Moid, list[GrantId]] = {}
    for reach in reached:
        for host in reach.hosts:
            found.setdefault(host, []).append(reach.grant.id)
    return {host: tuple(grants) for host, grants in found.items()}


def unresolved(policy: Policy, vcenter: VcenterId, survey: Survey) -> Iterator[Finding]:
    """Scopes that name no single object."""
    for _, grant in sorted(policy.grants.items()):
        if policy.accounts[grant.account].vcenter != vcenter:
            continue
        for path in grant.scope:
            try:
                survey.tree.locate(path)
            except ScopeUnresolved as problem:
                yield Finding(
                    Check.SCOPE_UNRESOLVED, vcenter, f"grant {grant.id}", str(problem), {"path": path}
                )


def _resolved(grant: Grant, survey: Survey) -> Iterator[Target]:
    for path in grant.scope:
        try:
            yield survey.tree.locate(path)
        except ScopeUnresolved:
            continue  # said by `unresolved`

"""What a batch is about to need, told to the rooms beforehand, so that few calls to vCenter serve many hosts.

Nothing is decided here, recorded or asked of vCenter: `issue()` decides on each host when it
begins. Whoever foresees wrongly costs a host its place in a call, or another one's place.
"""

from collections.abc import Iterable, Mapping, Sequence

from broker.errors import LogUnavailable, Refused
from broker.model.inventory import Host
from broker.model.issuance import Caller, TicketRequest
from broker.model.names import AccountId
from broker.model.policy import Policy
from broker.policy.decide import Granted, covering_grant, judge_connection, one_host, usable_grants
from broker.ports.issuing import InForce, Rooms

Foreseen = Mapping[AccountId, Sequence[Host]]


def foresee(requests: Iterable[TicketRequest], caller: Caller, rooms: Rooms) -> Foreseen:
    """The hosts that will be asked for, by the account that will ask; hosts that will be refused are not."""
    try:
        in_force = rooms.entitlements.now()
    except LogUnavailable:
        return {}  # as each request is about to learn
    policy = rooms.policy.current()
    foreseen: dict[AccountId, list[Host]] = {}
    for request in requests:
        if granted := _granted(request, caller, rooms, policy, in_force):
            foreseen.setdefault(granted.grant.account, []).append(granted.host)
    return foreseen


def expect(foreseen: Foreseen, rooms: Rooms) -> bool:
    """Tell the rooms. Whether any of it is missing, so that the first of the hosts will bring it."""
    missing = False
    for account, hosts in foreseen.items():
        missing |= rooms.hosts.expect_facts(account, hosts)
        missing |= rooms.prover.expect_proofs(account, hosts)
    return missing


def places(foreseen: Foreseen, policy: Policy) -> int | None:
    """How many calls the tightest of the vCenters takes from this process; None where none is foreseen."""
    accounts = (policy.accounts[account] for account in foreseen if account in policy.accounts)
    return min((policy.vcenters[account.vcenter].concurrency for account in accounts), default=None)


def _granted(
    request: TicketRequest, caller: Caller, rooms: Rooms, policy: Policy, in_force: InForce
) -> Granted | None:
    try:
        grants = usable_grants(policy, caller.app, request, in_force.grant_disabled, rooms.clock.now())
        sightings = one_host(rooms.hosts.seen(request.host, {grant.account for grant in grants}))
        granted = covering_grant(policy, grants, sightings, in_force.applied)
        judge_connection(granted.host, policy.vcenters[policy.accounts[granted.grant.account].vcenter])
    except Refused:
        return None
    return granted

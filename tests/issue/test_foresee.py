"""What a batch is about to need: told to the rooms, decided by nobody, and nothing asked of vCenter."""

from dataclasses import replace

import pytest

from broker.foresee import expect, foresee, places
from broker.model.inventory import Connection
from broker.model.names import AccountId, GrantId, VcenterId
from tests.support.issuing import APPLIED, CALLER, GRANT, POLICY, REQUEST, World, crowd, expired, name

CIM_A = AccountId("cim-a")


def foreseen(world: World, *numbers: int) -> dict[AccountId, list[str]]:
    requests = [replace(REQUEST, host=name(number)) for number in numbers]
    found = foresee(requests, CALLER, world.rooms())
    return {account: [host.name for host in hosts] for account, hosts in found.items()}


def test_the_hosts_that_a_grant_covers_are_foreseen_by_account() -> None:
    assert foreseen(crowd(3), 0, 2) == {CIM_A: [name(0), name(2)]}


def test_what_will_be_refused_is_not_foreseen_and_not_recorded() -> None:
    world = crowd(3)
    lost = world.sightings[1]
    gone = replace(lost, host=replace(lost.host, connection=Connection.DISCONNECTED))
    world.sightings = (world.sightings[0], gone)

    assert foreseen(world, 0, 1, 2) == {CIM_A: [name(0)]}
    assert (world.trail, world.refusals) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.disabled.add(GRANT.id),
        lambda world: world.grants_applied.clear(),
        lambda world: world.grants_applied.update({GRANT.id: replace(APPLIED, scope=())}),
        lambda world: setattr(world, "policy", replace(POLICY, grants={GRANT.id: expired(GRANT)})),
        lambda world: setattr(world, "policy", replace(POLICY, grants={})),
    ],
)
def test_without_a_grant_in_force_nothing_is_foreseen(change: object) -> None:
    world = crowd(1)
    assert callable(change)
    change(world)

    assert foreseen(world, 0) == {}


def test_a_grant_that_is_named_is_the_one_whose_account_will_ask() -> None:
    world = crowd(1)
    other = replace(GRANT, id=GrantId("other"))
    world.policy = replace(POLICY, grants={GRANT.id: GRANT, other.id: other})
    world.grants_applied[other.id] = replace(APPLIED, grant=other.id)

    assert foreseen(world, 0) == {}
    named = replace(REQUEST, host=name(0), grant=other.id)
    assert list(foresee([named], CALLER, world.rooms())) == [CIM_A]


def test_the_rooms_are_told_of_each_account_once() -> None:
    world = crowd(3)
    requests = [replace(REQUEST, host=name(n)) for n in range(3)]
    missing = expect(foresee(requests, CALLER, world.rooms()), world.rooms())

    assert not missing
    hosts = (name(0), name(1), name(2))
    assert world.expected == [("facts", CIM_A, hosts), ("proofs", CIM_A, hosts)]
    assert world.trail == []
    world.proofs_missing = True
    assert expect(foresee(requests, CALLER, world.rooms()), world.rooms())


def test_the_tightest_vcenter_says_how_many_may_be_under_way() -> None:
    vcenter = POLICY.vcenters[VcenterId("prod")]
    tight = replace(vcenter, id=VcenterId("tight"), concurrency=2)
    account = replace(POLICY.accounts[CIM_A], id=AccountId("cim-b"), vcenter=tight.id)
    policy = replace(
        POLICY,
        vcenters={vcenter.id: vcenter, tight.id: tight},
        accounts={CIM_A: POLICY.accounts[CIM_A], account.id: account},
    )

    assert places({CIM_A: []}, policy) == 8
    assert places({CIM_A: [], account.id: []}, policy) == 2
    assert places({}, policy) is None
    assert places({AccountId("left-the-policy"): []}, policy) is None

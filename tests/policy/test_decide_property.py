"""Whatever the policy, the inventory and what was applied: no host without a grant that covers it.

The oracle is written from the words of the design, over plain facts, and shares no code with
the decision.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Refused
from broker.model.applied import AppliedGrant, DriftKind, ScopeEntry, Standing
from broker.model.inventory import Host, HostRef, Sighting
from broker.model.issuance import TicketRequest
from broker.model.names import AccountId, AppId, GrantId, HostName, Moid, VcenterId
from broker.model.policy import Account, Grant, Policy
from broker.policy.decide import Granted, covering_grant, one_host, usable_grants
from tests.support.clock import HandClock
from tests.support.issuing import APPLIED, GRANT, HOST, POLICY, REQUEST, drift

T = TypeVar("T")
NOW = HandClock().now()
PARENTS = {
    "host-1": "cluster-1",
    "host-2": "cluster-1",
    "host-3": "cluster-2",
    "cluster-1": "folder-1",
    "cluster-2": "folder-1",
    "folder-1": "datacenter-1",
}
HOSTS = ("host-1", "host-2", "host-3")
VCENTERS = {"vc-a": "uuid-a", "vc-b": "uuid-b"}
ACCOUNTS = {"account-a": "vc-a", "account-b": "vc-b", "account-c": "vc-a"}
APPS = ("app-1", "app-2")
GRANTS = ("grant-1", "grant-2", "grant-3")
NAMES = ("esx01", "esx02")


@dataclass(frozen=True)
class Seen:
    """One host as one account sees it."""

    account: str
    host: str
    name: str
    age_s: float


@dataclass(frozen=True)
class Case:
    """Everything that a decision rests on."""

    grants: tuple[Grant, ...]
    applied: tuple[AppliedGrant, ...]
    disabled: frozenset[str]
    seen: tuple[Seen, ...]
    app: str
    request: TicketRequest


def lineage(moid: str) -> tuple[Moid, ...]:
    parent = PARENTS.get(moid)
    return (Moid(moid), *(lineage(parent) if parent else ()))


_GRANT = st.builds(
    lambda app, account, digest, hours: replace(
        GRANT,
        app=AppId(app),
        account=AccountId(account),
        digest=digest,
        valid_until=NOW + timedelta(hours=hours),
    ),
    st.sampled_from(APPS),
    st.sampled_from(tuple(ACCOUNTS)),
    st.sampled_from(("digest-1", "digest-2")),
    st.sampled_from((-1, 0, 1, 1, 1)),
)
_ENTRY = st.builds(
    lambda uuid, moid: ScopeEntry("/words", uuid, Moid(moid)),
    st.sampled_from(tuple(VCENTERS.values())),
    st.sampled_from(("folder-1", "cluster-1", "cluster-2", *HOSTS)),
)
_APPLIED = st.builds(
    lambda digest, scope, found: replace(APPLIED, digest=digest, scope=scope, drift=found),
    st.sampled_from(("digest-1", "digest-2")),
    st.lists(_ENTRY, max_size=3).map(tuple),
    st.sampled_from((None, None, drift(), drift(DriftKind.NARROWED))),
)
_SEEN = st.builds(
    Seen,
    st.sampled_from(tuple(ACCOUNTS)),
    st.sampled_from(HOSTS),
    st.sampled_from(NAMES),
    st.sampled_from((0.0, 1.0, 60.0, 61.0)),
)


_GOOD = Case(
    grants=(
        replace(
            GRANT,
            id=GrantId("grant-1"),
            app=AppId("app-1"),
            account=AccountId("account-a"),
            digest="digest-1",
            valid_until=NOW + timedelta(hours=1),
        ),
    ),
    applied=(
        replace(
            APPLIED,
            grant=GrantId("grant-1"),
            digest="digest-1",
            scope=(ScopeEntry("/words", "uuid-a", Moid("cluster-1")),),
        ),
    ),
    disabled=frozenset(),
    seen=(Seen("account-a", "host-1", "esx01", 1.0),),
    app="app-1",
    request=replace(REQUEST, host=HostName("esx01")),
)
"""A request that is granted: drawn cases keep much of it, so that they lie around the border."""


def _mostly(value: T, others: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.one_of(st.just(value), st.just(value), others)


_NEAR_GRANT = st.one_of(
    st.just(_GOOD.grants[0]),
    st.sampled_from(APPS).map(lambda app: replace(_GOOD.grants[0], app=AppId(app))),
    st.sampled_from(tuple(ACCOUNTS)).map(lambda name: replace(_GOOD.grants[0], account=AccountId(name))),
    st.sampled_from((-1, 0)).map(
        lambda hours: replace(_GOOD.grants[0], valid_until=NOW + timedelta(hours=hours))
    ),
    _GRANT,
)
_NEAR_APPLIED = st.one_of(
    st.just(_GOOD.applied[0]),
    st.just(replace(_GOOD.applied[0], digest="digest-2")),
    st.just(replace(_GOOD.applied[0], drift=drift())),
    _ENTRY.map(lambda entry: replace(_GOOD.applied[0], scope=(entry,))),
    _APPLIED,
)
_NEAR_SEEN = st.one_of(
    st.just(_GOOD.seen[0]),
    st.sampled_from((60.0, 61.0)).map(lambda age_s: replace(_GOOD.seen[0], age_s=age_s)),
    st.sampled_from(HOSTS).map(lambda host: replace(_GOOD.seen[0], host=host)),
    _SEEN,
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    ids = draw(st.lists(st.sampled_from(GRANTS[1:]), unique=True))
    grants = [draw(_mostly(_GOOD.grants[0], _NEAR_GRANT)), *(draw(_NEAR_GRANT) for _ in ids)]
    applied = [draw(_mostly(_GOOD.applied[0], _NEAR_APPLIED)), *(draw(_NEAR_APPLIED) for _ in ids)]
    others = draw(st.lists(_SEEN, max_size=2))
    seen = {(each.account, each.name): each for each in (draw(_mostly(_GOOD.seen[0], _NEAR_SEEN)), *others)}
    named, vcenter = (
        draw(_mostly("", st.sampled_from(GRANTS))),
        draw(_mostly("", st.sampled_from(tuple(VCENTERS)))),
    )
    return Case(
        grants=tuple(replace(g, id=GrantId(each)) for g, each in zip(grants, (GRANTS[0], *ids), strict=True)),
        applied=tuple(
            replace(a, grant=GrantId(each)) for a, each in zip(applied, (GRANTS[0], *ids), strict=True)
        )[: draw(st.sampled_from((3, 3, 3, 0)))],
        disabled=draw(_mostly(frozenset(), st.frozensets(st.sampled_from(GRANTS), max_size=1))),
        seen=tuple(seen.values())[: draw(st.sampled_from((3, 3, 3, 0)))],
        app=draw(_mostly("app-1", st.sampled_from(APPS))),
        request=replace(
            REQUEST,
            host=HostName(draw(_mostly("esx01", st.sampled_from(NAMES)))),
            grant=GrantId(named) if named else None,
            vcenter=VcenterId(vcenter) if vcenter else None,
        ),
    )


def decided(case: Case) -> Granted | None:
    """What the decision says, asked as the way of a request asks it."""
    policy = _policy(case)
    try:
        grants = usable_grants(policy, AppId(case.app), case.request, case.disabled.__contains__, NOW)
        accounts = {grant.account for grant in grants}
        sightings = tuple(
            _sighting(seen)
            for seen in case.seen
            if seen.name == case.request.host and seen.account in accounts
        )
        return covering_grant(policy, grants, one_host(sightings), {a.grant: a for a in case.applied}.get)
    except Refused:
        return None


def _policy(case: Case) -> Policy:
    template = POLICY.accounts[AccountId("cim-a")]
    accounts: dict[AccountId, Account] = {
        AccountId(name): replace(template, id=AccountId(name), vcenter=VcenterId(vcenter))
        for name, vcenter in ACCOUNTS.items()
    }
    return replace(POLICY, accounts=accounts, grants={grant.id: grant for grant in case.grants})


def _sighting(seen: Seen) -> Sighting:
    vcenter = ACCOUNTS[seen.account]
    _, *ancestors = lineage(seen.host)
    ref = HostRef(VcenterId(vcenter), VCENTERS[vcenter], Moid(seen.host))
    host: Host = replace(HOST, ref=ref, name=HostName(seen.name), ancestors=tuple(ancestors))
    return Sighting(AccountId(seen.account), host, seen.age_s)


def allowed(case: Case) -> set[tuple[str, str]]:
    """The oracle: (grant, host) pairs that the words of the design allow."""
    candidates = [
        grant
        for grant in case.grants
        if grant.app == case.app
        and case.request.grant in (None, grant.id)
        and case.request.vcenter in (None, ACCOUNTS[grant.account])
        and grant.valid_until > NOW
        and grant.id not in case.disabled
    ]
    seen = [
        each
        for each in case.seen
        if each.name == case.request.host and any(each.account == g.account for g in candidates)
    ]
    if len({(ACCOUNTS[each.account], each.host) for each in seen}) != 1:
        return set()
    covered = [
        (grant, standing)
        for grant in candidates
        for standing in case.applied
        for each in seen
        if standing.grant == grant.id and each.account == grant.account and each.age_s <= 60
        if any(
            entry.instance_uuid == VCENTERS[ACCOUNTS[each.account]] and entry.moid in lineage(each.host)
            for entry in standing.scope
        )
    ]
    if len(covered) != 1:
        return set()
    grant, standing = covered[0]
    in_force = standing.digest == grant.digest and standing.standing is Standing.HOLDS
    return {(grant.id, seen[0].host)} if in_force else set()


@settings(max_examples=600, deadline=None)
@given(case=cases())
def test_a_host_is_granted_exactly_when_one_valid_enabled_applied_grant_covers_it(case: Case) -> None:
    granted = decided(case)
    assert ({(str(granted.grant.id), str(granted.host.ref.moid))} if granted else set()) == allowed(case)


@settings(max_examples=100, deadline=None)
@given(case=cases(), cut=st.sampled_from(GRANTS))
def test_taking_a_grant_away_never_grants_through_it(case: Case, cut: str) -> None:
    without = replace(case, grants=tuple(grant for grant in case.grants if grant.id != cut))
    granted = decided(without)
    assert granted is None or granted.grant.id != cut


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_an_app_is_never_granted_through_anothers_grant(case: Case) -> None:
    granted = decided(case)
    assert granted is None or granted.grant.app == case.app


def test_the_case_that_the_others_are_drawn_around_is_granted() -> None:
    """Without it the properties could hold because nothing is ever granted."""
    assert decided(_GOOD) is not None
    assert allowed(_GOOD) == {("grant-1", "host-1")}

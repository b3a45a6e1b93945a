"""Every refusal of the decision, and what does not refuse."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.errors import Reason, Refused
from broker.model.applied import AppliedGrant, DriftKind, ScopeEntry
from broker.model.inventory import Connection, Firewall, Host, HostFacts, HostRef, Sighting
from broker.model.issuance import TicketRequest
from broker.model.names import AccountId, AppId, GrantId, HostName, Moid, VcenterId
from broker.model.policy import Grant, Policy, ReadinessMode
from broker.policy.decide import (
    INVENTORY_MAX_AGE_S,
    Granted,
    covering_grant,
    judge_connection,
    judge_proof,
    judge_readiness,
    meant,
    one_host,
    usable_grants,
)
from tests.support.clock import HandClock
from tests.support.issuing import APPLIED, CIM, FACTS, GRANT, HOST, POLICY, PROOF, REQUEST, drift

NOW = HandClock().now()
APP = AppId("nagios")
SIGHTING = Sighting(AccountId("cim-a"), HOST, 1.0)
SECOND = replace(GRANT, id=GrantId("nagios-dc2"), digest="second")
NONE: frozenset[GrantId] = frozenset()


def with_grants(*grants: Grant) -> Policy:
    return replace(POLICY, grants={grant.id: grant for grant in grants})


def usable(
    policy: Policy = POLICY,
    app: AppId = APP,
    request: TicketRequest = REQUEST,
    disabled: frozenset[GrantId] = NONE,
) -> list[str]:
    return [g.id for g in usable_grants(policy, app, request, disabled.__contains__, NOW)]


def covering(
    *applied: AppliedGrant,
    grants: tuple[Grant, ...] = (GRANT,),
    sightings: tuple[Sighting, ...] = (SIGHTING,),
) -> Granted:
    return covering_grant(POLICY, grants, sightings, {a.grant: a for a in applied}.get)


def refusal(caught: pytest.ExceptionInfo[Refused]) -> tuple[Reason, str]:
    return caught.value.reason, caught.value.detail


def test_a_grant_of_the_app_is_usable() -> None:
    assert usable() == ["nagios-dc1"]
    assert usable(request=replace(REQUEST, grant=GRANT.id, vcenter=VcenterId("prod"))) == ["nagios-dc1"]


@pytest.mark.parametrize(
    ("app", "request_"),
    [
        ("other", REQUEST),
        ("nobody", REQUEST),
        ("nagios", replace(REQUEST, grant=GrantId("nagios-dc2"))),
        ("nagios", replace(REQUEST, vcenter=VcenterId("test"))),
        ("other", replace(REQUEST, grant=GRANT.id)),
    ],
)
def test_an_app_without_such_a_grant_is_refused(app: str, request_: TicketRequest) -> None:
    with pytest.raises(Refused) as caught:
        usable(app=AppId(app), request=request_)
    assert caught.value.reason is Reason.GRANT_UNKNOWN


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_grant_at_or_past_its_end_is_expired(seconds: int) -> None:
    ended = replace(GRANT, valid_until=NOW + timedelta(seconds=seconds))
    with pytest.raises(Refused) as caught:
        usable(with_grants(ended))
    assert refusal(caught) == (Reason.GRANT_EXPIRED, "nagios-dc1")


def test_a_grant_is_good_until_its_last_moment() -> None:
    assert usable(with_grants(replace(GRANT, valid_until=NOW + timedelta(microseconds=1))))


def test_a_disabled_grant_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        usable(disabled=frozenset({GRANT.id}))
    assert refusal(caught) == (Reason.GRANT_DISABLED, "nagios-dc1")


def test_of_several_grants_the_expired_and_disabled_are_left_out() -> None:
    expired = replace(GRANT, id=GrantId("nagios-dc0"), valid_until=NOW)
    assert usable(with_grants(expired, GRANT, SECOND), disabled=frozenset({SECOND.id})) == ["nagios-dc1"]


def test_a_host_that_nobody_sees_is_unknown() -> None:
    with pytest.raises(Refused) as caught:
        one_host(())
    assert caught.value.reason is Reason.HOST_UNKNOWN


@pytest.mark.parametrize(
    "other",
    [
        replace(HOST.ref, moid=Moid("host-12")),
        replace(HOST.ref, instance_uuid="another"),
        replace(HOST.ref, vcenter=VcenterId("claims-the-other-ones-uuid")),
    ],
)
def test_a_name_that_fits_two_hosts_fits_none(other: HostRef) -> None:
    twin = Sighting(AccountId("cim-b"), replace(HOST, ref=other), 1.0)
    with pytest.raises(Refused) as caught:
        one_host((SIGHTING, twin))
    assert caught.value.reason is Reason.HOST_AMBIGUOUS


def host(number: int, name: str, *addresses: str, self_named: bool = False) -> Host:
    ref = replace(HOST.ref, moid=Moid(f"host-{number}"))
    told = tuple(HostName(each) for each in addresses)
    return replace(HOST, ref=ref, name=HostName(name), addresses=told, self_named=self_named)


@pytest.mark.parametrize(
    ("name", "hosts", "found"),
    [
        ("esx01", [host(1, "esx01"), host(2, "esx02", "esx01")], [1]),
        ("192.0.2.1", [host(1, "192.0.2.1"), host(2, "esx02", "192.0.2.1")], [1]),
        ("esx01", [host(1, "esx01"), host(2, "esx01", self_named=True)], [1]),
        ("esx01", [host(1, "esx01"), host(2, "esx01"), host(3, "esx03", "esx01")], [1, 2]),
        ("192.0.2.1", [host(1, "esx01", "192.0.2.1"), host(2, "esx02", "192.0.2.1")], [1, 2]),
        ("esx01", [host(1, "a", "esx01"), host(2, "esx01", self_named=True)], [1, 2]),
        ("192.0.2.1", [host(1, "esx01", "192.0.2.1")], [1]),
        ("esx09", [host(1, "esx01", "192.0.2.1")], []),
    ],
    ids=[
        "a DNS name of its own making",
        "an address of its own making",
        "a name of its own making",
        "two of that name in vCenter",
        "one address of two hosts",
        "one DNS name of two hosts",
        "an address",
        "nobody",
    ],
)
def test_the_name_that_vcenter_shows_wins_over_what_a_host_says_of_itself(
    name: str, hosts: list[Host], found: list[int]
) -> None:
    sightings = [Sighting(AccountId("cim-a"), each, 1.0) for each in hosts]
    means = meant(HostName(name), sightings)
    assert [s.host.ref.moid for s in means] == [f"host-{number}" for number in found]


def test_a_host_that_two_accounts_see_is_one_host() -> None:
    sightings = (SIGHTING, Sighting(AccountId("cim-b"), HOST, 2.0))
    assert one_host(sightings) == sightings


def test_an_ambiguous_host_stays_ambiguous_when_one_inventory_is_stale() -> None:
    twin = Sighting(AccountId("cim-b"), replace(HOST, ref=replace(HOST.ref, moid=Moid("host-12"))), 3600.0)
    with pytest.raises(Refused) as caught:
        one_host((SIGHTING, twin))
    assert caught.value.reason is Reason.HOST_AMBIGUOUS


def test_an_inventory_older_than_a_minute_is_stale() -> None:
    assert one_host((replace(SIGHTING, age_s=INVENTORY_MAX_AGE_S),))
    with pytest.raises(Refused) as caught:
        one_host((replace(SIGHTING, age_s=INVENTORY_MAX_AGE_S + 0.1),))
    assert caught.value.reason is Reason.INVENTORY_STALE


@pytest.mark.parametrize("reason", [Reason.INVENTORY_STALE, Reason.VCENTER_UNAVAILABLE])
def test_while_an_account_cannot_be_asked_a_host_that_is_refused_looks_like_an_unknown_one(
    reason: Reason,
) -> None:
    found = replace(SIGHTING, unseen_as=reason)
    twin = replace(found, host=replace(HOST, ref=replace(HOST.ref, moid=Moid("host-12"))))
    with pytest.raises(Refused) as ambiguous:
        one_host((found, twin))
    with pytest.raises(Refused) as stale:
        one_host((replace(found, age_s=61.0),))
    with pytest.raises(Refused) as out_of_scope:
        covering(replace(APPLIED, scope=()), sightings=(found,))
    for caught, why in ((ambiguous, "host_ambiguous"), (stale, "61 s"), (out_of_scope, "out_of_scope")):
        assert caught.value.reason is reason
        assert why in caught.value.detail


def test_a_host_that_is_covered_is_granted_though_another_account_cannot_be_asked() -> None:
    found = replace(SIGHTING, unseen_as=Reason.INVENTORY_STALE)
    assert covering(APPLIED, sightings=one_host((found,))).host == HOST


def test_only_fresh_sightings_are_decided_on() -> None:
    stale = Sighting(AccountId("cim-b"), HOST, 61.0)
    assert one_host((stale, SIGHTING)) == (SIGHTING,)


def test_a_grant_covers_a_host_below_its_scope() -> None:
    granted = covering(APPLIED)
    assert (granted.grant, granted.applied, granted.host) == (GRANT, APPLIED, HOST)
    assert granted.template == POLICY.templates[GRANT.template]


@pytest.mark.parametrize(
    "entry",
    [
        ScopeEntry("/DC1/host/cluster-02", APPLIED.scope[0].instance_uuid, Moid("domain-c8")),
        ScopeEntry("/DC1/host/cluster-01", "another vCenter", Moid("domain-c7")),
    ],
)
def test_a_host_outside_what_was_applied_is_out_of_scope(entry: ScopeEntry) -> None:
    with pytest.raises(Refused) as caught:
        covering(replace(APPLIED, scope=(entry,)))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_path_text_decides_nothing() -> None:
    moved = replace(APPLIED, scope=(replace(APPLIED.scope[0], path="/Elsewhere"),))
    assert covering(moved).host == HOST


def test_a_host_moved_out_of_the_scope_is_out_of_scope_at_once() -> None:
    moved = replace(SIGHTING, host=replace(HOST, ancestors=(Moid("domain-c8"), *HOST.ancestors[1:])))
    with pytest.raises(Refused) as caught:
        covering(APPLIED, sightings=(moved,))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_a_grant_that_was_never_applied_covers_nothing() -> None:
    with pytest.raises(Refused) as caught:
        covering()
    assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_a_host_that_only_another_account_sees_is_out_of_scope() -> None:
    with pytest.raises(Refused) as caught:
        covering(APPLIED, sightings=(replace(SIGHTING, account=AccountId("cim-b")),))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_two_grants_over_one_host_ask_for_a_name() -> None:
    second = replace(APPLIED, grant=SECOND.id, digest=SECOND.digest)
    with pytest.raises(Refused) as caught:
        covering(APPLIED, second, grants=(GRANT, SECOND))
    assert refusal(caught) == (Reason.GRANT_AMBIGUOUS, "nagios-dc1, nagios-dc2")


def test_a_grant_that_changed_since_it_was_applied_is_not_in_force() -> None:
    with pytest.raises(Refused) as caught:
        covering(replace(APPLIED, digest="before"))
    assert caught.value.reason is Reason.NOT_APPLIED


@pytest.mark.parametrize(
    ("kind", "reason"), [(DriftKind.WIDENED, Reason.DRIFTED), (DriftKind.NARROWED, Reason.NARROWED)]
)
def test_a_grant_that_vcenter_no_longer_holds_is_drifted_or_narrowed(kind: DriftKind, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        covering(replace(APPLIED, drift=drift(kind, "the role changed", "CORP\\bob")))
    assert refusal(caught) == (reason, "the role changed (changed by CORP\\bob)")


VCENTER = POLICY.vcenters[VcenterId("prod")]


@pytest.mark.parametrize("connection", [Connection.DISCONNECTED, Connection.NOT_RESPONDING])
def test_a_host_that_is_not_connected_is_refused(connection: Connection) -> None:
    with pytest.raises(Refused) as caught:
        judge_connection(replace(HOST, connection=connection), VCENTER)
    assert caught.value.reason is Reason.HOST_DISCONNECTED


@pytest.mark.parametrize("version", ["9", "9.0.0", "10.1"])
def test_a_release_without_cim_is_refused(version: str) -> None:
    with pytest.raises(Refused) as caught:
        judge_connection(replace(HOST, version=version), VCENTER)
    assert caught.value.reason is Reason.HOST_VERSION_UNSUPPORTED


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, version="8.0.3"),
        replace(HOST, version=None),
        replace(HOST, version="unreadable"),
        replace(HOST, connection=Connection.UNKNOWN),
        replace(HOST, lockdown="lockdownStrict"),
    ],
)
def test_what_is_unknown_and_lockdown_never_refuse(host: Host) -> None:
    judge_connection(host, VCENTER)


def test_the_first_release_without_cim_is_a_setting() -> None:
    judge_connection(replace(HOST, version="9.0"), replace(VCENTER, first_unsupported_major=10))


STOPPED = replace(FACTS, cim_running=False)


def test_a_stopped_cim_service_refuses_under_require() -> None:
    with pytest.raises(Refused) as caught:
        judge_readiness(HOST, STOPPED, ReadinessMode.REQUIRE)
    assert caught.value.reason is Reason.CIM_SERVICE_STOPPED


@pytest.mark.parametrize(
    ("host", "facts", "warnings"),
    [
        (HOST, FACTS, ()),
        (HOST, STOPPED, ("cim_service_stopped",)),
        (HOST, replace(FACTS, cim_running=None), ("cim_service_unknown",)),
        (HOST, replace(FACTS, certificate_pem=None), ("certificate_unknown",)),
        (HOST, replace(FACTS, firewall=Firewall(False, None, ())), ("firewall_ruleset_disabled",)),  # noqa: FBT003
        (HOST, replace(FACTS, firewall=Firewall(None, None, ())), ("firewall_unknown",)),
        (
            HOST,
            replace(FACTS, firewall=Firewall(True, False, ("192.0.2.0/24",))),  # noqa: FBT003
            ("firewall_allows_listed_addresses_only",),
        ),
        (
            replace(HOST, connection=Connection.UNKNOWN, version=None),
            FACTS,
            ("connection_unknown", "version_unknown"),
        ),
    ],
)
def test_what_is_worth_a_warning_does_not_refuse(
    host: Host, facts: HostFacts, warnings: tuple[str, ...]
) -> None:
    assert judge_readiness(host, facts, ReadinessMode.ADVISE).warnings == warnings


GRANTED = Granted(GRANT, POLICY.templates[GRANT.template], APPLIED, HOST)
TOLERATES_NOTHING: frozenset[str] = frozenset()


def test_exactly_the_templates_privileges_are_enough() -> None:
    judge_proof(GRANTED, PROOF, TOLERATES_NOTHING)


def test_the_system_privileges_do_not_count() -> None:
    system = frozenset({"System.Anonymous", "System.View", "System.Read"})
    proof = replace(PROOF, host_privileges=system | {CIM}, root_privileges=system)
    judge_proof(GRANTED, proof, TOLERATES_NOTHING)


@pytest.mark.parametrize(
    ("host", "root", "tolerated"),
    [
        ({CIM, "Host.Config.Power"}, set(), set()),
        ({CIM}, {"Global.Health"}, set()),
        ({CIM}, {CIM}, set()),
        ({CIM, "Global.Health"}, set(), {"Global.Health"}),
        ({CIM}, {"Global.Health", "Global.Settings"}, {"Global.Health"}),
        ({CIM, "system.read"}, set(), set()),
        ({"Host.Config.Power"}, set(), set()),
    ],
)
def test_a_surplus_on_the_host_or_the_root_folder_refuses(
    host: set[str], root: set[str], tolerated: set[str]
) -> None:
    proof = replace(PROOF, host_privileges=frozenset(host), root_privileges=frozenset(root))
    with pytest.raises(Refused) as caught:
        judge_proof(GRANTED, proof, frozenset(tolerated))
    assert caught.value.reason is Reason.OVER_PRIVILEGED
    assert caught.value.detail.startswith("surplus: ")


def test_what_an_account_tolerates_on_the_root_folder_is_no_surplus() -> None:
    proof = replace(PROOF, root_privileges=frozenset({"Global.Health"}))
    judge_proof(GRANTED, proof, frozenset({"Global.Health"}))


def test_a_lack_on_the_host_refuses() -> None:
    with pytest.raises(Refused) as caught:
        judge_proof(GRANTED, replace(PROOF, host_privileges=frozenset()), TOLERATES_NOTHING)
    assert refusal(caught) == (Reason.NOT_APPLIED, f"lack: {CIM}")

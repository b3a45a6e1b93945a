"""Why an app gets a ticket for a host, or why not: told on the lab, and held against what a dry run meets."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from broker.clock import SystemClock
from broker.errors import Reason
from broker.explain.explain import explain
from broker.explain.explanation import Explanation, Question, State, Stop
from broker.explain.view import ControllersView
from broker.lab.authorization.permissions import Permission
from broker.model.applied import Drift, DriftKind, Finding
from broker.model.names import AccountId, AppId, GrantId, HostName, VcenterId
from broker.model.policy import DriftMode, Policy, ReadinessMode, Scope
from broker.model.record import Event, Record
from broker.store.applied import StoredGrants
from broker.store.credentials import StoredCredentials
from broker.store.entitlements import StoredEntitlements
from broker.store.switches import GrantSwitches
from tests.support.administration import CIM, CONFIG, grant
from tests.support.clinic import CLUSTER, HOST, PROD, READER, Clinic

NAGIOS = AppId("nagios")
FROM_HERE = Question(NAGIOS, HostName(HOST))
ALONE = "/DC1/host/esx0009.lab.example"


@pytest.fixture
def site(clinic: Clinic) -> Clinic:
    StoredCredentials(clinic.database).add(NAGIOS, b"hash", "test")
    return clinic


def told(site: Clinic, question: Question = FROM_HERE, policy: Policy | None = None) -> Explanation:
    view = ControllersView(
        policy or site.policy,
        site.inspection,
        lambda vcenter, user: next((la.at for la in site.latches.latched() if la.user == user), None),
    )
    try:
        entitlements = StoredEntitlements(site.database)
        return explain(question, policy or site.policy, entitlements, SystemClock(), view, ())
    finally:
        view.close()


def stops(explanation: Explanation) -> dict[Stop, State]:
    return {step.stop: step.state for step in explanation.steps}


def test_a_ticket_is_explained_stop_by_stop(site: Clinic) -> None:
    explanation = told(site)
    assert (explanation.verdict.reason, explanation.verdict.grant) == (None, "g1")
    assert explanation.advice == ()
    assert list(stops(explanation).values()) == [
        State.PASSED,
        State.NOT_KNOWN,
        State.PASSED,
        State.PASSED,
        State.PASSED,
        State.PASSED,
        State.NOT_KNOWN,
        State.PASSED,
    ]


def leave_policy(site: Clinic) -> Policy:
    return replace(site.policy, apps={})


def take_scope(site: Clinic) -> Policy:
    app = site.policy.apps[NAGIOS]
    return replace(site.policy, apps={NAGIOS: replace(app, scopes=frozenset({Scope.AUDIT_READ}))})


def disable_app(site: Clinic) -> None:
    StoredCredentials(site.database).disable(NAGIOS, "test")


def have_no_grant(site: Clinic) -> None:
    site.grants = ()


def expire(site: Clinic) -> None:
    site.grants = (replace(site.grants[0], valid_until=datetime(2020, 1, 1, tzinfo=UTC)),)


def cut(site: Clinic) -> None:
    GrantSwitches(site.database).disable(GrantId("g1"), "test")


def disable_template(site: Clinic) -> Policy:
    policy = site.policy
    template = replace(policy.templates[site.grants[0].template], enabled=False)
    return replace(policy, templates={**policy.templates, template.id: template})


def lose_sight(site: Clinic) -> None:
    cluster = site.other.searchIndex.FindByInventoryPath(CLUSTER[1:])
    site.other.authorizationManager.RemoveEntityPermission(cluster, READER, False)  # noqa: FBT003


def forget(site: Clinic) -> None:
    StoredGrants(site.database).remove(GrantId("g1"), Record(Event.GRANT_WITHDRAWN, {}))


def rewrite(site: Clinic) -> None:
    site.grants = (replace(site.grants[0], digest="another"),)


def mark(site: Clinic, kind: DriftKind) -> None:
    applied = StoredGrants(site.database).applied(GrantId("g1"))
    assert applied is not None
    StoredGrants(site.database).put(
        replace(
            applied, drift=Drift((Finding(kind, "somebody changed it"),), datetime(2026, 1, 1, tzinfo=UTC))
        )
    )


def drift(site: Clinic) -> None:
    mark(site, DriftKind.WIDENED)


def narrow(site: Clinic) -> None:
    mark(site, DriftKind.NARROWED)


def be_strict(site: Clinic) -> None:
    """Nobody has watched since it was applied, long ago."""
    site.grants = (replace(site.grants[0], drift=DriftMode.STRICT),)
    applied = StoredGrants(site.database).applied(GrantId("g1"))
    assert applied is not None
    StoredGrants(site.database).put(replace(applied, applied_at=datetime(2020, 1, 1, tzinfo=UTC)))


def cover_twice(site: Clinic) -> None:
    site.grants = (*site.grants, grant("g2", f"{CLUSTER}/{HOST}"))
    site.apply()


def disconnect(site: Clinic) -> None:
    site.lab.world.disconnect_host(HOST)


def upgrade(site: Clinic) -> None:
    site.lab.world.set_version(HOST, "9.0.1")


def stop_cim(site: Clinic) -> None:
    site.lab.world.set_wbem(HOST, False)  # noqa: FBT003


def widen(site: Clinic) -> None:
    site.permit("", READER, "Global.Licenses")


def mask(site: Clinic) -> None:
    held = Permission(site.lab.moid(f"{CLUSTER[1:]}/{HOST}"), READER, False, -2, False)  # noqa: FBT003
    site.lab.model.seed(held)


def latch(site: Clinic) -> None:
    site.latches.close(PROD, r"vsphere.local\svc-cim-a", "digest")


def stop_vcenter(site: Clinic) -> None:
    site.lab.listener.stop()


def have_no_login(site: Clinic) -> None:
    site.login = None


REFUSALS: list[tuple[Callable[[Clinic], Policy | None], Reason, Stop]] = [
    (leave_policy, Reason.UNAUTHENTICATED, Stop.APP),
    (take_scope, Reason.UNAUTHENTICATED, Stop.APP),
    (disable_app, Reason.UNAUTHENTICATED, Stop.APP),
    (have_no_grant, Reason.GRANT_UNKNOWN, Stop.GRANTS),
    (expire, Reason.GRANT_EXPIRED, Stop.GRANTS),
    (cut, Reason.GRANT_DISABLED, Stop.GRANTS),
    (disable_template, Reason.TEMPLATE_DISABLED, Stop.GRANTS),
    (lose_sight, Reason.HOST_UNKNOWN, Stop.HOST),
    (stop_vcenter, Reason.VCENTER_UNAVAILABLE, Stop.HOST),
    (have_no_login, Reason.VCENTER_UNAVAILABLE, Stop.HOST),
    (forget, Reason.OUT_OF_SCOPE, Stop.SCOPE),
    (rewrite, Reason.NOT_APPLIED, Stop.SCOPE),
    (drift, Reason.DRIFTED, Stop.SCOPE),
    (narrow, Reason.NARROWED, Stop.SCOPE),
    (be_strict, Reason.CONTROLLER_SILENT, Stop.SCOPE),
    (cover_twice, Reason.GRANT_AMBIGUOUS, Stop.SCOPE),
    (disconnect, Reason.HOST_DISCONNECTED, Stop.READINESS),
    (upgrade, Reason.HOST_VERSION_UNSUPPORTED, Stop.READINESS),
    (stop_cim, Reason.CIM_SERVICE_STOPPED, Stop.READINESS),
    (widen, Reason.OVER_PRIVILEGED, Stop.PROOF),
    (mask, Reason.NOT_APPLIED, Stop.PROOF),
    (latch, Reason.LOGIN_LATCHED, Stop.PROOF),
]


@pytest.mark.parametrize(("change", "reason", "stop"), REFUSALS, ids=[c.__name__ for c, _, _ in REFUSALS])
def test_a_refusal_is_explained_by_its_reason_its_stop_and_what_to_do(
    site: Clinic, change: Callable[[Clinic], Policy | None], reason: Reason, stop: Stop
) -> None:
    explanation = told(site, policy=change(site))
    assert explanation.verdict.reason is reason
    states = stops(explanation)
    assert [each for each, state in states.items() if state is State.REFUSED] == [stop]
    after = list(states.values())[list(states).index(stop) + 1 :]
    assert set(after) <= {State.NOT_REACHED}
    assert explanation.advice[-1]
    assert "docs/reasons.md" not in explanation.advice[-1]


def test_each_grant_is_judged_by_itself_and_one_that_nearly_does_says_why(site: Clinic) -> None:
    site.grants = (grant("g1", CLUSTER), grant("g2", ALONE), grant("g3", "/DC1"))
    GrantSwitches(site.database).disable(GrantId("g1"), "test")
    explanation = told(site)
    assert explanation.verdict.reason is Reason.OUT_OF_SCOPE
    assert [(g.grant, g.names_host, g.verdict.reason) for g in explanation.grants] == [
        ("g1", True, Reason.GRANT_DISABLED),
        ("g2", False, Reason.OUT_OF_SCOPE),
        ("g3", True, Reason.OUT_OF_SCOPE),
    ]
    assert explanation.advice[0].startswith("grant g1 names the host, and is refused as grant_disabled")
    assert "never applied, though the scope names the host: g3" in explanation.advice[1]


def test_a_host_that_a_permission_hides_from_the_account_of_its_grant_is_not_said_to_need_another_grant(
    site: Clinic,
) -> None:
    lose_sight(site)
    (advice,) = told(site).advice
    assert advice.startswith(
        "applied for the host, and the account does not see it: g1; look with `broker doctor`"
    )


def test_a_grant_that_was_never_applied_is_told_as_that_and_not_as_a_host_that_nobody_sees(
    site: Clinic,
) -> None:
    lose_sight(site)
    forget(site)
    disable_app(site)
    explanation = told(site)
    assert explanation.grants[0].verdict.reason is Reason.HOST_UNKNOWN
    assert explanation.advice[0].startswith("never applied, though the scope names the host: g1")


def test_a_host_that_no_account_sees_is_shown_where_the_controller_finds_it(site: Clinic) -> None:
    explanation = told(site, Question(NAGIOS, HostName("esx0010.lab.example")))
    assert explanation.verdict.reason is Reason.HOST_UNKNOWN
    assert [(p.vcenter, p.path) for p in explanation.places] == [
        (PROD, "/DC2/host/esx0010.lab.example/esx0010.lab.example")
    ]
    assert told(site, Question(NAGIOS, HostName("nobody.lab.example"))).places == ()


def test_a_host_is_looked_up_by_address_as_a_request_would(site: Clinic) -> None:
    address = site.lab.world.host(HOST).address
    assert told(site, Question(NAGIOS, HostName(address))).verdict.reason is None


def test_a_vcenter_that_cannot_be_asked_hides_no_host_of_another(site: Clinic) -> None:
    policy = site.policy
    other = replace(policy.vcenters[PROD], id=VcenterId("test"), port=1)
    account = replace(site.account, id=AccountId("test-reader"), vcenter=other.id)
    elsewhere = grant("g0", CLUSTER, account=account.id)
    policy = replace(
        policy,
        vcenters={**policy.vcenters, other.id: other},
        accounts={**policy.accounts, account.id: account},
        grants={**policy.grants, elsewhere.id: elsewhere},
    )
    assert told(site, policy=policy).verdict.grant == "g1"
    nobody = told(site, Question(NAGIOS, HostName("nobody.lab.example")), policy)
    assert nobody.verdict.reason is Reason.VCENTER_UNAVAILABLE


def test_a_named_grant_is_the_only_one_considered(site: Clinic) -> None:
    cover_twice(site)
    assert told(site, replace(FROM_HERE, grant=GrantId("g2"))).verdict.grant == "g2"


def test_warnings_are_told(site: Clinic) -> None:
    site.grants = (replace(site.grants[0], readiness=ReadinessMode.ADVISE),)
    stop_cim(site)
    assert "cim_service_stopped" in told(site).verdict.warnings


def test_nothing_is_recorded_issued_or_changed_and_no_session_left(site: Clinic) -> None:
    before = {m: n for m, n in site.lab.knobs.calls().items() if m.startswith(("Set", "Add", "Acquire"))}
    told(site)
    assert {
        m: n for m, n in site.lab.knobs.calls().items() if m.startswith(("Set", "Add", "Acquire"))
    } == before
    assert [live.session.user for live in site.lab.sessions.all()] == ["VSPHERE.LOCAL\\administrator"]


def test_many_grants_of_one_account_cost_no_further_calls(site: Clinic) -> None:
    def calls(*grants: str) -> int:
        site.grants = tuple(grant(name, CLUSTER) for name in grants)
        before = sum(site.lab.knobs.calls().values())
        told(site)
        return sum(site.lab.knobs.calls().values()) - before

    assert calls("g1") == calls("g1", *(f"more-{n}" for n in range(20)))


def test_what_the_account_holds_beyond_its_template_is_named(site: Clinic) -> None:
    role = next(r for r in site.lab.model.roles() if r.name == "cim-broker-cim-ticket")
    site.other.authorizationManager.UpdateRole(role.role_id, role.name, [CIM, CONFIG])
    assert told(site).verdict.detail == f"surplus: {CONFIG}"

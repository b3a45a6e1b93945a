"""The way of a request: its order, and that every way out stands in the log."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.errors import Limited, LogUnavailable, MintUnknown, Reason, Refused
from broker.issue import issue
from broker.model.inventory import Connection, Sighting
from broker.model.issuance import Caller, OutcomeKind, TicketRequest, VcenterTicket
from broker.model.names import AccountId, AppId, GrantId, HostName, Moid
from broker.model.policy import ReadinessMode, Scope
from broker.model.secret import Secret
from tests.support.certificates import self_signed
from tests.support.issuing import (
    APPLIED,
    CALLER,
    CERTIFICATE,
    CREDENTIAL,
    FACTS,
    GRANT,
    HOST,
    POLICY,
    PROOF,
    REQUEST,
    TICKET,
    World,
    drift,
    expired,
    refused,
)


def refusal_of(world: World, request: TicketRequest = REQUEST, caller: Caller = CALLER) -> Reason:
    with pytest.raises(Refused) as caught:
        issue(request, caller, world.rooms())
    return caught.value.reason


def test_a_ticket_is_issued_in_the_order_of_the_contract() -> None:
    world = World()
    issued = issue(REQUEST, CALLER, world.rooms())
    assert issued.session_id == Secret(TICKET)
    assert world.trail == [
        "charge_caller",
        "facts",
        "charge_grant",
        "intend",
        "prove",
        f"acquire {REQUEST.issuance}",
        "conclude",
    ]
    (outcome,) = world.outcomes
    assert outcome.kind is OutcomeKind.ISSUED
    assert outcome.proof == PROOF
    assert outcome.fingerprint == f"fp-of-{len(TICKET)}"


def test_a_ticket_expires_from_before_the_call_and_is_exposed_from_there_until_after_the_answer() -> None:
    world = World(call_takes_s=7)
    asked_at = world.clock.now()
    issued = issue(REQUEST, CALLER, world.rooms())
    assert issued.expires_at == asked_at + timedelta(seconds=120)
    assert world.outcomes[0].exposure_from == asked_at
    assert world.outcomes[0].exposure_until == asked_at + timedelta(seconds=127)


def test_the_endpoint_is_filled_in_where_vcenter_leaves_it_out() -> None:
    world = World(ticket=VcenterTicket(Secret(TICKET), None, None, None, None))
    endpoint = issue(REQUEST, CALLER, world.rooms()).endpoint
    assert (endpoint.address, endpoint.port) == (HOST.name, 5989)
    assert endpoint.certificate_pem == CERTIFICATE.pem
    assert endpoint.url == "https://esx01.example.com:5989"


def test_a_foreign_host_in_the_ticket_does_not_lead_the_app_elsewhere() -> None:
    world = World(ticket=VcenterTicket(Secret(TICKET), "evil.example.net", 5989, None, None))
    assert issue(REQUEST, CALLER, world.rooms()).endpoint.address == HOST.name


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(caller_limit=Limited(Reason.RATE_LIMITED, 3)), Reason.RATE_LIMITED),
        (World(grant_limit=Limited(Reason.RATE_LIMITED, 3)), Reason.RATE_LIMITED),
        (World(disabled={GRANT.id}), Reason.GRANT_DISABLED),
        (World(policy=replace(POLICY, grants={})), Reason.GRANT_UNKNOWN),
        (World(policy=replace(POLICY, grants={GRANT.id: expired(GRANT)})), Reason.GRANT_EXPIRED),
        (World(sightings=()), Reason.HOST_UNKNOWN),
        (World(sightings=(Sighting(AccountId("cim-a"), HOST, 61.0),)), Reason.INVENTORY_STALE),
        (World(grants_applied={}), Reason.OUT_OF_SCOPE),
        (World(grants_applied={GRANT.id: replace(APPLIED, scope=())}), Reason.OUT_OF_SCOPE),
        (World(grants_applied={GRANT.id: replace(APPLIED, digest="older")}), Reason.NOT_APPLIED),
        (World(grants_applied={GRANT.id: replace(APPLIED, drift=drift())}), Reason.DRIFTED),
        (World(facts_now=replace(FACTS, cim_running=False)), Reason.CIM_SERVICE_STOPPED),
        (World(facts_now=refused(Reason.VCENTER_UNAVAILABLE)), Reason.VCENTER_UNAVAILABLE),
        (World(facts_now=RuntimeError("a defect")), Reason.INTERNAL_ERROR),
    ],
)
def test_what_is_refused_before_the_intent_is_recorded_and_never_reaches_vcenter(
    world: World, reason: Reason
) -> None:
    assert refusal_of(world) is reason
    assert [r.reason for r in world.refusals] == [reason]
    assert not [step for step in world.trail if step.startswith(("intend", "prove", "acquire"))]


def sighted(**changes: Any) -> tuple[Sighting, ...]:
    return (Sighting(AccountId("cim-a"), replace(HOST, **changes), 1.0),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"connection": Connection.DISCONNECTED}, Reason.HOST_DISCONNECTED),
        ({"connection": Connection.NOT_RESPONDING}, Reason.HOST_DISCONNECTED),
        ({"version": "9.0.0"}, Reason.HOST_VERSION_UNSUPPORTED),
        ({"version": "10.1"}, Reason.HOST_VERSION_UNSUPPORTED),
        ({"ancestors": (Moid("domain-c8"),)}, Reason.OUT_OF_SCOPE),
    ],
)
def test_a_host_that_cannot_serve_or_is_elsewhere_now_is_refused(
    changes: dict[str, object], reason: Reason
) -> None:
    assert refusal_of(World(sightings=sighted(**changes))) is reason


def test_lockdown_and_unknown_state_do_not_refuse_and_unknown_warns() -> None:
    world = World(sightings=sighted(lockdown="lockdownStrict", connection=Connection.UNKNOWN, version=None))
    assert issue(REQUEST, CALLER, world.rooms()).warnings == ("connection_unknown", "version_unknown")


def test_a_stopped_cim_service_only_warns_under_a_grant_that_says_advise() -> None:
    grant = replace(GRANT, readiness=ReadinessMode.ADVISE)
    world = World(
        policy=replace(POLICY, grants={grant.id: grant}), facts_now=replace(FACTS, cim_running=False)
    )
    assert issue(REQUEST, CALLER, world.rooms()).warnings == ("cim_service_stopped",)


def test_a_name_that_fits_two_hosts_fits_none() -> None:
    twin = replace(HOST, ref=replace(HOST.ref, moid=Moid("host-12")))
    world = World(sightings=(*World().sightings, Sighting(AccountId("cim-a"), twin, 1.0)))
    assert refusal_of(world) is Reason.HOST_AMBIGUOUS


def test_a_host_out_of_scope_is_refused_as_an_unknown_one_while_an_account_cannot_be_asked() -> None:
    world = World(
        sightings=(Sighting(AccountId("cim-a"), HOST, 1.0, Reason.INVENTORY_STALE),),
        grants_applied={GRANT.id: replace(APPLIED, scope=())},
    )
    assert refusal_of(world) is Reason.INVENTORY_STALE
    assert "out_of_scope" in world.refusals[0].detail


def test_two_grants_over_one_host_ask_for_a_name() -> None:
    second = replace(GRANT, id=GrantId("nagios-all"))
    world = World(
        policy=replace(POLICY, grants={GRANT.id: GRANT, second.id: second}),
        grants_applied={GRANT.id: APPLIED, second.id: replace(APPLIED, grant=second.id)},
    )
    assert refusal_of(world) is Reason.GRANT_AMBIGUOUS
    assert issue(replace(REQUEST, grant=second.id), CALLER, world.rooms()).grant == second.id


def test_another_apps_grant_is_no_grant() -> None:
    world = World()
    assert refusal_of(world, caller=replace(CALLER, app=AppId("other"))) is Reason.GRANT_UNKNOWN
    stranger = replace(REQUEST, grant=GRANT.id)
    assert refusal_of(world, stranger, replace(CALLER, app=AppId("other"))) is Reason.GRANT_UNKNOWN


def test_a_host_is_found_by_its_address_too() -> None:
    assert issue(replace(REQUEST, host=HostName("192.0.2.11")), CALLER, World().rooms()).host == HOST


@pytest.mark.parametrize(
    ("proof", "reason", "kind"),
    [
        (
            replace(PROOF, host_privileges=PROOF.host_privileges | {"Host.Config.Settings"}),
            Reason.OVER_PRIVILEGED,
            OutcomeKind.REFUSED,
        ),
        (
            replace(PROOF, root_privileges=frozenset({"Global.LogEvent"})),
            Reason.OVER_PRIVILEGED,
            OutcomeKind.REFUSED,
        ),
        (replace(PROOF, host_privileges=frozenset()), Reason.NOT_APPLIED, OutcomeKind.REFUSED),
        (refused(Reason.UNPROVEN), Reason.UNPROVEN, OutcomeKind.REFUSED),
        (refused(Reason.LOGIN_LATCHED), Reason.LOGIN_LATCHED, OutcomeKind.REFUSED),
        (refused(Reason.VCENTER_UNAVAILABLE), Reason.VCENTER_UNAVAILABLE, OutcomeKind.FAILED),
        (ValueError("a defect"), Reason.INTERNAL_ERROR, OutcomeKind.FAILED),
    ],
)
def test_without_a_proof_no_ticket_is_asked_for(proof: object, reason: Reason, kind: OutcomeKind) -> None:
    world = World(proof=proof)  # type: ignore[arg-type]
    assert refusal_of(world) is reason
    assert not [step for step in world.trail if step.startswith("acquire")]
    (outcome,) = world.outcomes
    assert (outcome.kind, outcome.reason, outcome.exposure_until) == (kind, reason, None)


def test_a_tolerated_privilege_on_the_root_folder_is_no_surplus() -> None:
    account = replace(POLICY.accounts[AccountId("cim-a")], tolerated=frozenset({"Sessions.ValidateSession"}))
    world = World(
        policy=replace(POLICY, accounts={account.id: account}),
        proof=replace(PROOF, root_privileges=frozenset({"Sessions.ValidateSession", "System.View"})),
    )
    assert issue(REQUEST, CALLER, world.rooms()).grant == GRANT.id


def set_to(**changes: Any) -> Callable[[World], None]:
    """A change of the world, to be made while a request runs."""

    def change(world: World) -> None:
        for name, value in changes.items():
            setattr(world, name, value)

    return change


def outlive(world: World) -> None:
    world.clock.advance((GRANT.valid_until - world.clock.now()).total_seconds())


NARROWED = replace(POLICY.apps[AppId("nagios")], scopes=frozenset({Scope.AUDIT_READ}))
OFF = replace(POLICY.templates[GRANT.template], enabled=False)
CUTS = [
    (set_to(policy=replace(POLICY, grants={})), Reason.GRANT_CHANGED),
    (set_to(policy=replace(POLICY, templates={OFF.id: OFF})), Reason.GRANT_CHANGED),
    (set_to(disabled={GRANT.id}), Reason.GRANT_DISABLED),
    (
        set_to(grants_applied={GRANT.id: replace(APPLIED, drift=drift())}),
        Reason.GRANT_CHANGED,
    ),
    (outlive, Reason.GRANT_EXPIRED),
    (set_to(app_credential=replace(CREDENTIAL, disabled=True)), Reason.UNAUTHENTICATED),
    (set_to(app_credential=replace(CREDENTIAL, generation=2)), Reason.UNAUTHENTICATED),
    (set_to(app_credential=None), Reason.UNAUTHENTICATED),
    (set_to(policy=replace(POLICY, apps={})), Reason.UNAUTHENTICATED),
    (set_to(policy=replace(POLICY, apps={NARROWED.id: NARROWED})), Reason.UNAUTHENTICATED),
]


@pytest.mark.parametrize(("cut", "reason"), CUTS)
def test_what_is_cut_before_the_ticket_call_yields_no_call(
    cut: Callable[[World], None], reason: Reason
) -> None:
    world = World()
    world.after_intent = lambda: cut(world)
    assert refusal_of(world) is reason
    assert world.outcomes[0].kind is OutcomeKind.REFUSED
    assert world.outcomes[0].exposure_until is None
    assert not [step for step in world.trail if step.startswith("acquire")]


@pytest.mark.parametrize(("cut", "reason"), CUTS)
def test_what_is_cut_during_the_ticket_call_keeps_the_ticket_back_and_its_exposure_on_record(
    cut: Callable[[World], None], reason: Reason
) -> None:
    world = World()
    world.during_call = lambda: cut(world)
    assert refusal_of(world) is reason
    (outcome,) = world.outcomes
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.exposure_until is not None
    assert outcome.fingerprint is not None


def test_an_attempt_past_its_deadline_asks_for_no_ticket() -> None:
    world = World()
    world.after_intent = lambda: world.clock.advance(60)
    assert refusal_of(world) is Reason.VCENTER_TIMEOUT
    assert not [step for step in world.trail if step.startswith("acquire")]
    (outcome,) = world.outcomes
    assert (outcome.kind, outcome.exposure_from, outcome.exposure_until) == (OutcomeKind.FAILED, None, None)


def test_a_ticket_call_without_an_answer_is_unknown_and_exposed() -> None:
    world = World(ticket=MintUnknown(Reason.VCENTER_TIMEOUT), call_takes_s=10)
    assert refusal_of(world) is Reason.VCENTER_TIMEOUT
    (outcome,) = world.outcomes
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert outcome.exposure_until == world.clock.now() + timedelta(seconds=120)


def test_a_defect_in_the_ticket_call_counts_as_exposure() -> None:
    world = World(ticket=RuntimeError("a defect"))
    assert refusal_of(world) is Reason.INTERNAL_ERROR
    assert world.outcomes[0].exposure_until is not None


def test_no_permission_from_the_ticket_call_drops_the_proof() -> None:
    world = World(ticket=refused(Reason.NOT_APPLIED))
    assert refusal_of(world) is Reason.NOT_APPLIED
    assert world.trail[-2:] == ["drop", "conclude"]
    assert world.outcomes[0].exposure_until is None


@pytest.mark.parametrize(
    "ticket",
    [
        VcenterTicket(Secret(TICKET), None, None, None, self_signed("esx01.example.com").pem),
        VcenterTicket(Secret(TICKET), None, None, self_signed("esx01.example.com").sha1, None),
        VcenterTicket(Secret(TICKET), None, None, self_signed("esx01.example.com").sha256, None),
        VcenterTicket(Secret(TICKET), None, None, "AB:CD", None),
        VcenterTicket(Secret(TICKET), None, None, None, "no certificate"),
    ],
)
def test_a_certificate_on_which_vcenter_and_host_disagree_withholds_the_ticket(
    ticket: VcenterTicket,
) -> None:
    world = World(ticket=ticket)
    assert refusal_of(world) is Reason.CERTIFICATE_MISMATCH
    (outcome,) = world.outcomes
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.fingerprint is not None
    assert outcome.exposure_until is not None
    assert "forget_facts" in world.trail


def test_a_certificate_that_was_renewed_since_it_was_read_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(facts_now=replace(FACTS, certificate_pem=self_signed("esx01.example.com").pem))
    monkeypatch.setattr(world, "forget_facts", lambda *_: setattr(world, "facts_now", FACTS))
    assert issue(REQUEST, CALLER, world.rooms()).endpoint.certificate_pem == CERTIFICATE.pem


def test_a_host_without_any_certificate_gets_no_ticket_out() -> None:
    world = World(
        facts_now=replace(FACTS, certificate_pem=None),
        ticket=VcenterTicket(Secret(TICKET), None, None, CERTIFICATE.sha1, None),
    )
    assert refusal_of(world) is Reason.CERTIFICATE_MISMATCH


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_ticket_for_a_port_that_is_none_is_withheld_and_its_exposure_on_record(port: int) -> None:
    world = World(ticket=VcenterTicket(Secret(TICKET), None, port, None, CERTIFICATE.pem))
    assert refusal_of(world) is Reason.VCENTER_FAULT
    (outcome,) = world.outcomes
    assert (outcome.kind, outcome.reason) == (OutcomeKind.FAILED, Reason.VCENTER_FAULT)
    assert outcome.exposure_until is not None
    assert str(port) in outcome.detail


@pytest.mark.parametrize("port", [1, 65535])
def test_a_ticket_may_be_for_any_port(port: int) -> None:
    world = World(ticket=VcenterTicket(Secret(TICKET), None, port, None, CERTIFICATE.pem))
    assert issue(REQUEST, CALLER, world.rooms()).endpoint.port == port


def test_the_tickets_own_certificate_is_enough_when_the_host_shows_none() -> None:
    world = World(
        facts_now=replace(FACTS, certificate_pem=None),
        ticket=VcenterTicket(Secret(TICKET), None, None, CERTIFICATE.sha256, CERTIFICATE.pem),
    )
    issued = issue(REQUEST, CALLER, world.rooms())
    assert issued.endpoint.certificate_pem == CERTIFICATE.pem
    assert "certificate_unknown" in issued.warnings


@pytest.mark.parametrize("step", ["intend", "conclude"])
def test_what_cannot_be_put_on_record_is_not_delivered(step: str) -> None:
    world = World(log_fails_at=step)
    with pytest.raises(LogUnavailable):
        issue(REQUEST, CALLER, world.rooms())
    assert ("acquire" in " ".join(world.trail)) is (step == "conclude")


def test_a_refusal_that_cannot_be_recorded_is_an_unavailable_log() -> None:
    with pytest.raises(LogUnavailable):
        issue(REQUEST, CALLER, World(log_fails_at="refuse", sightings=()).rooms())


def test_an_outcome_that_cannot_be_recorded_hides_no_failure() -> None:
    world = World(log_fails_at="conclude", ticket=MintUnknown(Reason.VCENTER_TIMEOUT))
    with pytest.raises(LogUnavailable):
        issue(REQUEST, CALLER, world.rooms())


def test_no_text_of_a_refusal_or_outcome_holds_the_ticket() -> None:
    world = World(ticket=VcenterTicket(Secret(TICKET), None, None, "AB:CD", None))
    refusal_of(world)
    assert TICKET not in repr(world.outcomes)
    assert TICKET not in repr(world.ticket)

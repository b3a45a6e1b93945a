"""Intents, outcomes, refusals and dry runs, as they stand in the log."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.audit.ledger import AuditLedger
from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.issuance import Attempt, DryRun, Intent, IssuanceState, Outcome, OutcomeKind
from broker.model.names import AppId, GrantId, IdempotencyKey, IssuanceId, Moid, VcenterId
from tests.support.clock import HandClock
from tests.support.issuing import CALLER, GRANT, HOST, PROOF
from tests.support.records import KEY, Book, intent_of, issued


def refused_for(reason: Reason) -> Outcome:
    return Outcome(kind=OutcomeKind.REFUSED, reason=reason, detail="as the test says")


def test_a_ticket_leaves_an_intent_and_an_outcome(book: Book) -> None:
    attempt = book.issue()
    intent, outcome = book.reading.of_issuance(attempt.issuance)
    assert (intent["event"], outcome["event"]) == ("ticket_intent", "ticket_issued")
    assert outcome["fields"]["exposure_from"] == "2026-11-23T12:00:00.000Z"
    assert outcome["fields"]["exposure_until"] == "2026-11-23T12:02:00.000Z"
    assert outcome["fields"]["fingerprint"] == "f" * 64
    assert outcome["fields"]["cim_access"] == "decided by ESXi, assume full"
    assert outcome["fields"]["proof_digest"] == PROOF.digest
    assert outcome["fields"]["proof_age_ms"] == 1000
    assert outcome["fields"]["root_privileges"] == []
    assert intent["fields"]["moid"] == HOST.ref.moid
    assert intent["fields"]["deadline"] == "2026-11-23T12:01:00.000Z"


def test_an_attempt_carries_the_deadline_that_is_on_record_and_that_holds_at_its_intent(
    book: Book, clock: HandClock
) -> None:
    seconds = [60.0, 90.0]
    ledger = AuditLedger(book.database, book.refusals, lambda: seconds.pop(0))
    for expected_s in (60, 90):
        request = book.request()
        attempt = ledger.intend(intent_of(request), request)
        assert attempt.deadline == clock.now() + timedelta(seconds=expected_s)
        recorded = datetime.fromisoformat(book.last()["fields"]["deadline"])
        assert recorded == attempt.deadline


def test_what_the_account_holds_on_the_root_folder_is_recorded(book: Book) -> None:
    attempt, intent = book.begin()
    proof = replace(PROOF, root_privileges=frozenset({"System.View", "Sessions.ValidateSession"}))
    book.ledger.conclude(attempt, intent, replace(issued(book.clock), proof=proof))
    assert book.last()["fields"]["root_privileges"] == ["Sessions.ValidateSession"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [(OutcomeKind.REFUSED, "T102E"), (OutcomeKind.FAILED, "T103E"), (OutcomeKind.UNKNOWN, "T104W")],
)
def test_every_kind_of_end_has_a_code_of_its_own(book: Book, kind: OutcomeKind, code: str) -> None:
    attempt, intent = book.begin()
    book.ledger.conclude(attempt, intent, Outcome(kind=kind, reason=Reason.VCENTER_FAULT, detail="why"))
    assert book.last()["code"] == code
    assert book.last()["fields"]["reason"] == "vcenter_fault"
    view = book.issuances.one(None, attempt.issuance)
    assert view is not None
    assert (view.state, view.reason) == (kind.value, "vcenter_fault")


def test_an_attempt_ends_once(book: Book) -> None:
    attempt, intent = book.begin()
    book.ledger.conclude(attempt, intent, issued(book.clock))
    with pytest.raises(Refused) as late:
        book.ledger.conclude(attempt, intent, refused_for(Reason.DRIFTED))
    assert late.value.reason is Reason.LATE_RESULT
    assert book.events() == ["T100I", "T101I", "T105W"]
    assert book.last()["fields"]["outcome"] == "refused"


def test_a_late_ticket_lengthens_the_exposure_and_never_says_issued(book: Book, clock: HandClock) -> None:
    attempt, intent = book.begin()
    clock.advance(3600)
    assert book.orphans.run() == 1
    with pytest.raises(Refused):
        book.ledger.conclude(attempt, intent, issued(clock))
    view = book.issuances.one(None, attempt.issuance)
    assert view is not None
    assert (view.state, view.reason) == ("unknown", "recovered_orphan")
    assert view.exposure_until == clock.now() + timedelta(seconds=120)
    assert book.last()["fields"]["fingerprint"] == "f" * 64


def test_an_outcome_without_an_intent_is_not_taken(book: Book) -> None:
    _, intent = book.begin()
    stranger = Attempt(IssuanceId("01932e3e-0000-7000-8000-00000000dead"), 1, book.clock.now())
    with pytest.raises(LogUnavailable):
        book.ledger.conclude(stranger, intent, issued(book.clock))
    assert book.events() == ["T100I"]


def test_a_refused_request_is_on_record_with_the_true_reason(book: Book) -> None:
    request = book.request()
    book.ledger.refuse(request, CALLER, Refused(Reason.HOST_UNKNOWN, "nobody sees it"), "revision-1")
    fields = book.last()["fields"]
    assert (fields["reason"], fields["detail"]) == ("host_unknown", "nobody sees it")
    assert (fields["app"], fields["host"], fields["policy_revision"]) == (
        "nagios",
        "esx01.example.com",
        "revision-1",
    )
    assert "grant" not in fields


def test_a_dry_run_that_its_proof_refuses_is_on_record_with_the_proof(book: Book) -> None:
    refusal = Refused(Reason.OVER_PRIVILEGED, "Host.Config.Power")
    book.ledger.refuse(book.request(), CALLER, refusal, "revision-1", PROOF)
    fields = book.last()["fields"]
    assert (fields["proof_digest"], fields["proof_age_ms"]) == (PROOF.digest, 1000)
    book.ledger.refuse(book.request(), CALLER, refusal, "revision-1")
    assert "proof_digest" not in book.last()["fields"]


def test_a_refusal_with_a_time_to_come_back_says_it(book: Book) -> None:
    book.ledger.refuse(book.request(), CALLER, Limited(Reason.RATE_LIMITED, 17), "revision-1")
    assert book.last()["fields"]["retry_after_s"] == 17


def test_a_refusal_is_kept_with_its_true_reason(book: Book) -> None:
    request = book.request()
    book.ledger.refuse(request, CALLER, Refused(Reason.HOST_UNKNOWN), "revision-1")
    own = book.issuances.one(CALLER.app, request.issuance)
    assert own is not None
    assert (own.state, own.reason, own.attempts) == (IssuanceState.REFUSED, "host_unknown", 0)
    assert book.issuances.one(None, request.issuance) == own


def test_a_dry_run_is_on_record_and_is_no_issuance(book: Book) -> None:
    dry_run = DryRun(
        book.request().issuance, HOST, GRANT.id, GRANT.template, "t-1", GRANT.account, ("firewall_unknown",)
    )
    book.ledger.rehearse(dry_run, CALLER, PROOF, "revision-1")
    assert book.last()["code"] == "T120I"
    assert book.last()["fields"]["warnings"] == ["firewall_unknown"]
    assert book.last()["fields"]["cim_access"] == "decided by ESXi, assume full"
    assert book.issuances.page(None, None, 10).items == ()


def test_a_second_request_with_a_running_key_is_refused(book: Book) -> None:
    book.begin(KEY)
    with pytest.raises(Refused) as refused:
        book.begin(KEY)
    assert refused.value.reason is Reason.IDEMPOTENCY_RUNNING
    assert book.events() == ["T100I"]


def test_a_key_belongs_to_the_body_it_came_with(book: Book) -> None:
    book.issue(KEY)
    with pytest.raises(Refused) as refused:
        book.begin(KEY, digest="another body")
    assert refused.value.reason is Reason.IDEMPOTENCY_MISMATCH


def test_a_key_belongs_to_its_app(book: Book) -> None:
    first, _ = book.begin(KEY)
    second, _ = book.begin(KEY, digest="another body", app=AppId("other"))
    assert first.issuance != second.issuance


def test_a_key_whose_request_was_refused_is_decided_afresh_under_the_new_id(book: Book) -> None:
    attempt, intent = book.begin(KEY)
    book.ledger.conclude(attempt, intent, refused_for(Reason.DRIFTED))
    again, fresh = book.begin(KEY)
    assert (again.issuance, again.number) == (fresh.issuance, 1)
    assert fresh.issuance != intent.issuance


def test_a_key_that_gave_a_ticket_gives_three_attempts_of_one_issuance(book: Book) -> None:
    first = book.issue(KEY)
    second, third = book.issue(KEY), book.issue(KEY)
    assert [(a.issuance, a.number) for a in (second, third)] == [(first.issuance, 2), (first.issuance, 3)]
    with pytest.raises(Refused) as refused:
        book.issue(KEY)
    assert refused.value.reason is Reason.IDEMPOTENCY_EXHAUSTED
    view = book.issuances.one(None, first.issuance)
    assert view is not None
    assert (view.state, view.attempts) == ("issued", 3)
    assert len(book.reading.of_issuance(first.issuance)) == 6


def test_a_further_attempt_says_which_request_made_it(book: Book) -> None:
    book.issue(KEY)
    _, intent = book.begin(KEY)
    assert book.last()["fields"]["requested_as"] == intent.issuance
    assert KEY not in str(book.last())


def test_a_failed_reissue_does_not_start_the_count_anew(book: Book) -> None:
    first = book.issue(KEY)
    attempt, intent = book.begin(KEY)
    book.ledger.conclude(attempt, intent, refused_for(Reason.DRIFTED))
    third = book.issue(KEY)
    assert (third.issuance, third.number) == (first.issuance, 3)
    view = book.issuances.one(None, first.issuance)
    assert view is not None
    assert (view.state, view.reason) == ("issued", None)
    with pytest.raises(Refused) as refused:
        book.begin(KEY)
    assert refused.value.reason is Reason.IDEMPOTENCY_EXHAUSTED


def another_host(intent: Intent) -> Intent:
    return replace(intent, host=replace(intent.host, moid=Moid("host-77")))


def another_instance(intent: Intent) -> Intent:
    return replace(intent, host=replace(intent.host, instance_uuid="00000000-0000-0000-0000-000000000077"))


def another_vcenter(intent: Intent) -> Intent:
    return replace(intent, host=replace(intent.host, vcenter=VcenterId("test")))


def another_grant(intent: Intent) -> Intent:
    return replace(intent, grant=GrantId("nagios-dc2"))


@pytest.mark.parametrize("elsewhere", [another_host, another_instance, another_vcenter, another_grant])
def test_a_key_that_gave_a_ticket_gives_none_for_another_host_or_grant(
    book: Book, elsewhere: Callable[[Intent], Intent]
) -> None:
    first, request = book.issue(KEY), book.request(KEY)
    with pytest.raises(Refused) as refused:
        book.ledger.intend(elsewhere(intent_of(request)), request)
    assert refused.value.reason is Reason.IDEMPOTENCY_MISMATCH
    assert book.events() == ["T100I", "T101I"]
    assert (book.issue(KEY).issuance, book.last()["fields"]["attempt"]) == (first.issuance, 2)


def test_a_failed_reissue_leaves_its_key_with_the_host_of_the_first_ticket(book: Book) -> None:
    book.issue(KEY)
    attempt, intent = book.begin(KEY)
    book.ledger.conclude(attempt, intent, refused_for(Reason.DRIFTED))
    request = book.request(KEY)
    with pytest.raises(Refused) as refused:
        book.ledger.intend(another_host(intent_of(request)), request)
    assert refused.value.reason is Reason.IDEMPOTENCY_MISMATCH


def test_a_key_that_gave_no_ticket_is_decided_afresh_for_what_the_name_means_now(book: Book) -> None:
    attempt, intent = book.begin(KEY)
    book.ledger.conclude(attempt, intent, refused_for(Reason.GRANT_CHANGED))
    request = book.request(KEY)
    again = book.ledger.intend(another_grant(intent_of(request)), request)
    assert (again.issuance, again.number) == (request.issuance, 1)


def test_a_key_is_forgotten_after_a_day_and_not_before(book: Book, clock: HandClock) -> None:
    book.issue(KEY)
    clock.advance(24 * 3600 - 1)
    with pytest.raises(Refused):
        book.begin(KEY, digest="another body")
    clock.advance(1)
    attempt, intent = book.begin(KEY, digest="another body")
    assert (attempt.issuance, attempt.number) == (intent.issuance, 1)


def test_a_running_key_stands_however_old_it_is(book: Book, clock: HandClock) -> None:
    book.begin(KEY)
    clock.advance(48 * 3600)
    with pytest.raises(Refused) as refused:
        book.begin(KEY)
    assert refused.value.reason is Reason.IDEMPOTENCY_RUNNING


def test_requests_without_a_key_never_meet(book: Book) -> None:
    first, second = book.issue(), book.issue()
    assert (first.number, second.number) == (1, 1)
    assert first.issuance != second.issuance


def test_the_late_end_of_an_orphan_leaves_its_key_to_the_next_holder(book: Book, clock: HandClock) -> None:
    attempt, intent = book.begin(KEY)
    clock.advance(3600)
    book.orphans.run()
    book.begin(KEY)
    with pytest.raises(Refused):
        book.ledger.conclude(attempt, intent, issued(clock))
    with pytest.raises(Refused) as refused:
        book.begin(KEY)
    assert refused.value.reason is Reason.IDEMPOTENCY_RUNNING


def test_the_log_alone_tells_an_issuance_by_its_own_request(book: Book) -> None:
    request = book.request(IdempotencyKey("another-key"))
    attempt = book.ledger.intend(intent_of(request), request)
    assert [r["fields"]["issuance"] for r in book.reading.of_issuance(attempt.issuance)] == [request.issuance]

"""Any order of requests, ends, crashes and days: the rules of keys and of terminal outcomes hold."""

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from broker.errors import Reason, Refused
from broker.model.issuance import Attempt, Intent, Outcome, OutcomeKind
from broker.model.names import AppId, IdempotencyKey, IssuanceId
from tests.support.clock import HandClock
from tests.support.records import DEADLINE_S, GRACE_S, issued, open_book

DAY_S = 24 * 3600
APPS = st.sampled_from([AppId("nagios"), AppId("other")])
KEYS = st.sampled_from([IdempotencyKey("k1"), IdempotencyKey("k2")])
DIGESTS = st.sampled_from(["body-a", "body-b"])
BAD_ENDS = st.sampled_from([OutcomeKind.REFUSED, OutcomeKind.FAILED, OutcomeKind.UNKNOWN])


@dataclass
class Held:
    """What the model knows of one key."""

    digest: str
    attempt: Attempt
    until: float
    running: bool = True
    issued: bool = False


@dataclass(eq=False)
class Begun:
    """An attempt as whoever began it holds it."""

    attempt: Attempt
    intent: Intent
    overdue: float
    open: bool = True


class Keys(RuleBasedStateMachine):
    """A plain model of the rules beside the store."""

    begun = Bundle("begun")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = HandClock()
        self.book = open_book(self.folder / "store.db", self.clock)
        self.held: dict[tuple[AppId, IdempotencyKey], Held] = {}
        self.attempts: list[Begun] = []

    def teardown(self) -> None:
        self.book.database.close()
        shutil.rmtree(self.folder)

    @rule(target=begun, app=APPS, key=KEYS, digest=DIGESTS)
    def begin(self, app: AppId, key: IdempotencyKey, digest: str) -> Begun | None:
        now, held = self.clock.monotonic(), self.held.get((app, key))
        if held is not None and not held.running and now >= held.until:
            held = None
        expected = self._expected(held, digest)
        if isinstance(expected, Reason):
            with pytest.raises(Refused) as refused:
                self.book.begin(key, digest, app)
            assert refused.value.reason is expected
            return None
        attempt, intent = self.book.begin(key, digest, app)
        assert (attempt.issuance, attempt.number) == (expected or (intent.issuance, 1))
        until = held.until if held else now + DAY_S
        self.held[app, key] = Held(digest, attempt, until, issued=expected is not None)
        begun = Begun(attempt, intent, now + DEADLINE_S + GRACE_S)
        self.attempts.append(begun)
        return begun

    def _expected(self, held: Held | None, digest: str) -> Reason | tuple[IssuanceId, int] | None:
        if held is None:
            return None
        if held.digest != digest:
            return Reason.IDEMPOTENCY_MISMATCH
        if held.running:
            return Reason.IDEMPOTENCY_RUNNING
        if not held.issued:
            return None
        if held.attempt.number == 3:
            return Reason.IDEMPOTENCY_EXHAUSTED
        return held.attempt.issuance, held.attempt.number + 1

    @rule(begun=consumes(begun))
    def end_with_a_ticket(self, begun: Begun | None) -> None:
        self._end(begun, issued(self.clock))

    @rule(begun=consumes(begun), kind=BAD_ENDS)
    def end_without(self, begun: Begun | None, kind: OutcomeKind) -> None:
        self._end(begun, Outcome(kind=kind, reason=Reason.VCENTER_FAULT))

    @rule(begun=begun)
    def end_twice(self, begun: Begun | None) -> None:
        self._end(begun, issued(self.clock))
        self._end(begun, issued(self.clock))

    def _end(self, begun: Begun | None, outcome: Outcome) -> None:
        if begun is None:
            return
        if begun.open:
            self.book.ledger.conclude(begun.attempt, begun.intent, outcome)
            self._let_go(begun, gave_ticket=outcome.kind is OutcomeKind.ISSUED)
            return
        with pytest.raises(Refused) as late:
            self.book.ledger.conclude(begun.attempt, begun.intent, outcome)
        assert late.value.reason is Reason.LATE_RESULT

    def _let_go(self, begun: Begun, *, gave_ticket: bool) -> None:
        begun.open = False
        for held in self.held.values():
            if held.attempt == begun.attempt:
                held.running = False
                held.issued |= gave_ticket

    @rule(seconds=st.sampled_from([1, 60, 100, 3600, DAY_S]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def orphans_are_closed(self) -> None:
        overdue = [b for b in self.attempts if b.open and b.overdue <= self.clock.monotonic()]
        assert self.book.orphans.run() == len(overdue)
        for begun in overdue:
            self._let_go(begun, gave_ticket=False)

    @rule()
    def the_process_starts_anew(self) -> None:
        self.book.database.close()
        self.book = open_book(self.folder / "store.db", self.clock)

    @invariant()
    def every_attempt_has_one_intent_and_at_most_one_end(self) -> None:
        codes: dict[str, Counter[tuple[str, int]]] = {"begin": Counter(), "end": Counter()}
        for record in self.book.reading.records():
            attempt = record["fields"]["issuance"], record["fields"]["attempt"]
            if record["code"] == "T100I":
                codes["begin"][attempt] += 1
            elif record["code"] != "T105W":
                codes["end"][attempt] += 1
        assert codes["begin"] == Counter((b.attempt.issuance, b.attempt.number) for b in self.attempts)
        ended = Counter((b.attempt.issuance, b.attempt.number) for b in self.attempts if not b.open)
        assert codes["end"] == ended


def test_keys_and_ends_follow_the_rules_in_any_order() -> None:
    shape = settings(max_examples=10, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Keys, settings=shape)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_keys_and_ends_follow_the_rules_in_any_order_at_length() -> None:
    shape = settings(max_examples=300, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Keys, settings=shape)

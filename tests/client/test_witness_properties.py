"""An honest log never raises an alarm, in whatever order tickets are asked for; a dishonest one does."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from broker.client.errors import LogAlarm
from broker.client.log import ShownLog
from broker.client.memory import LogMemory
from broker.client.receipts import read_receipt
from broker.client.witness import Watch, Witness
from broker.model.receipt import Receipt
from broker.tlog.encoding import from_base64
from broker.tlog.note import VerifierKey
from tests.support.clock import HandClock
from tests.support.given_log import GivenLog, log_key

LOOK_EVERY = timedelta(minutes=15)


class HonestLog(ShownLog):
    """Shows the log that there is, and all keys that it ever had."""

    def __init__(self, log: GivenLog, keys: list[VerifierKey]) -> None:
        self._log = log
        self._keys = keys

    def public_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(self._keys)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return tuple(from_base64(step) or b"" for step in self._log.consistency(old, new)["path"])


@dataclass(eq=False)
class Asked:
    """A request under way, and its receipt once the broker has made it."""

    watch: Watch
    receipt: Receipt | None = None


class Monitoring(RuleBasedStateMachine):
    """Processes of one host, on one memory, and the broker that they ask."""

    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = HandClock()
        self.log = GivenLog()
        self.keys = [key.verifier for key in self.log.signers]
        self.memory = LogMemory(self.folder)
        self.witness = Witness(self.memory, self.clock, look_every=LOOK_EVERY)
        self.newest = 0
        self.under_way = 0

    @rule(target=asked)
    def ask(self) -> Asked:
        return Asked(self.witness.asking(HonestLog(self.log, self.keys)))

    @rule(asked=asked)
    def make(self, asked: Asked) -> None:
        """The broker puts the ticket on record; its answer may take long."""
        if asked.receipt is None:
            asked.receipt = read_receipt(self.log.issue())
            self.under_way += 1

    @rule(asked=consumes(asked))
    def answer(self, asked: Asked) -> None:
        self.make(asked)
        assert asked.receipt is not None
        asked.watch.take(asked.receipt, "issuance")
        asked.watch.end()
        self.under_way -= 1

    @rule(records=st.integers(1, 9))
    def others_ask(self, records: int) -> None:
        self.log.grow(*map(str, range(records)))

    @rule(minutes=st.integers(1, 40))
    def time_goes_on(self, minutes: int) -> None:
        self.clock.advance(minutes * 60)

    @precondition(lambda self: len(self.log.signers) == 1)
    @rule()
    def rotation_begins(self) -> None:
        key = log_key(len(self.keys) + 1)
        self.keys.append(key.verifier)
        self.log.signers = (*self.log.signers, key)

    @precondition(lambda self: len(self.log.signers) == 2 and self.overlap_was_long_enough())
    @rule()
    def rotation_ends(self) -> None:
        self.log.signers = self.log.signers[1:]

    def overlap_was_long_enough(self) -> bool:
        known = self.memory.known()
        return known is not None and self.keys[-1] in known.keys and not self.under_way

    @invariant()
    def the_memory_does_not_go_back(self) -> None:
        known = self.memory.known()
        size = known.newest.head.size if known else 0
        assert size >= self.newest
        self.newest = size

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


@pytest.mark.timeout(300)
def test_an_honest_log_never_raises_an_alarm() -> None:
    run_state_machine_as_test(
        Monitoring, settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
    )


def poll(memory: LogMemory, log: GivenLog, every: timedelta = LOOK_EVERY) -> None:
    watch = Witness(memory, HandClock(), look_every=every).asking(
        HonestLog(log, [key.verifier for key in log.signers])
    )
    watch.take(read_receipt(log.issue()), "issuance")
    watch.end()


@contextmanager
def shown_before(times: int) -> Iterator[tuple[LogMemory, GivenLog]]:
    """A log, and the memory of who was shown it so many times."""
    log = GivenLog()
    with tempfile.TemporaryDirectory() as folder:
        memory = LogMemory(Path(folder))
        for _ in range(times):
            poll(memory, log)
        yield memory, log


@given(shown=st.integers(1, 5), changed=st.integers(0, 9), more=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_a_record_that_was_shown_and_is_changed_is_found_at_the_next_look(
    shown: int, changed: int, more: int
) -> None:
    with shown_before(shown) as (memory, log):
        log.records[changed % len(log.records)] = b"something else"
        log.grow(*map(str, range(more)))
        with pytest.raises(LogAlarm):
            poll(memory, log, timedelta())


@given(shown=st.integers(1, 5), left=st.integers(0, 9), more=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_a_log_that_was_cut_back_is_found_at_once_or_where_it_has_grown_again_at_the_next_look(
    shown: int, left: int, more: int
) -> None:
    with shown_before(shown) as (memory, log):
        log.cut(left % len(log.records))
        log.grow(*map(str, range(more)))
        with pytest.raises(LogAlarm):
            poll(memory, log, timedelta())
